// BrowserWindow and webContents: a page of a real Chromium, with the preload in an isolated world.
"use strict";

const { randomBytes } = require("node:crypto");
const { EventEmitter } = require("node:events");
const { pathToFileURL } = require("node:url");
const { gather } = require("./bundle.js");
const { pack, unpack } = require("./clone.js");
const { pageScript, preloadScript } = require("./worlds.js");

const WORLD = "electron preload";

/** @param {{app: any, ipcMain: any, browser: () => Promise<import("playwright-core").BrowserContext>}} parts */
function makeWindows({ app, ipcMain, browser }) {
  /** @type {Set<BrowserWindow>} */
  const windows = new Set();
  let lastId = 0;

  class WebContents extends EventEmitter {
    /** @param {any} preferences */
    constructor(preferences) {
      super();
      this.id = ++lastId;
      this.preferences = preferences;
      this.secret = `e${randomBytes(8).toString("hex")}`;
      this.destroyed = false;
      /** @type {number | null} */
      this.contextId = null;
      /** @type {string[]} what went wrong in the preload */
      this.preloadErrors = [];
      /** @type {string[]} */
      this.console = [];
      this.opened = this.open();
    }

    async open() {
      const context = await browser();
      this.page = await context.newPage();
      this.page.on("console", (message) => this.console.push(message.text()));
      this.page.on("pageerror", (error) => this.console.push(`uncaught: ${error.message}`));
      this.page.on("crash", () => (this.crashed = true));
      const cdp = (this.cdp = await context.newCDPSession(this.page));
      cdp.on("Runtime.executionContextCreated", ({ context: one }) => {
        if (one.name === WORLD) this.contextId = one.id;
      });
      cdp.on("Runtime.executionContextsCleared", () => (this.contextId = null));
      cdp.on("Runtime.bindingCalled", ({ name, payload, executionContextId }) => {
        if (name === `${this.secret}_post`) void this.received(JSON.parse(payload), executionContextId);
      });
      await cdp.send("Page.enable");
      await cdp.send("Runtime.enable");
      await cdp.send("Runtime.addBinding", { name: `${this.secret}_post`, executionContextName: WORLD });
      await this.page.route(`http://electron-ipc.invalid/${this.secret}`, (route) => {
        const body = this.sync(JSON.parse(route.request().postData() ?? "{}"));
        return route.fulfill({ body: JSON.stringify(body), headers: { "access-control-allow-origin": "*" } });
      });
      const { preload, sandbox = true } = this.preferences;
      if (preload) {
        await cdp.send("Page.addScriptToEvaluateOnNewDocument", { source: pageScript(this.secret) });
        const source = preloadScript(this.secret, sandbox, gather(preload, sandbox), this.preferences.additionalArguments ?? []);
        await cdp.send("Page.addScriptToEvaluateOnNewDocument", { source, worldName: WORLD });
      }
    }

    getType() {
      return this.preferences.type ?? "window";
    }

    get mainFrame() {
      return frameOf(this.getURL());
    }

    getURL() {
      return this.page?.url() ?? "";
    }

    isDestroyed() {
      return this.destroyed;
    }

    isCrashed() {
      return this.crashed === true;
    }

    /** @param {string} channel @param {any[]} args */
    send(channel, ...args) {
      if (this.destroyed) throw new TypeError("Object has been destroyed");
      this.deliver({ channel, args: pack(args) }, this.contextId);
    }

    /** @param {any} message @param {number | null} contextId */
    deliver(message, contextId) {
      if (contextId === null || this.destroyed) return; // no document receives it, as in Electron
      const expression = `globalThis[${JSON.stringify(`${this.secret}_deliver`)}](${JSON.stringify(message)})`;
      this.cdp?.send("Runtime.evaluate", { expression, contextId }).catch(() => {}); // the document is gone
    }

    /** @param {any} message @param {number} contextId */
    async received(message, contextId) {
      if (message.kind === "preload-error") {
        this.preloadErrors.push(message.text);
        return;
      }
      const event = { sender: this, senderFrame: frameOf(this.getURL()), processId: 1, frameId: 1 };
      const args = unpack(message.args);
      if (message.kind === "send") {
        ipcMain.emit(message.channel, event, ...args);
        return;
      }
      /** @type {any} */
      const reply = { id: message.id };
      try {
        const handler = ipcMain.handlers.get(message.channel);
        if (!handler) throw new Error(`No handler registered for '${message.channel}'`);
        reply.result = pack(await handler(event, ...args));
      } catch (error) {
        reply.error = String(error); // only the text: no code, no hint
      }
      this.deliver(reply, contextId);
    }

    /** @param {any} message */
    sync(message) {
      /** @type {{value: any} | null} the reply, sent when it is set: a later one is dropped */
      let reply = null;
      const event = {
        sender: this,
        senderFrame: frameOf(this.getURL()),
        get returnValue() {
          return reply?.value;
        },
        set returnValue(value) {
          reply ??= { value };
        },
      };
      ipcMain.emit(message.channel, event, ...unpack(message.args));
      return { result: pack(event.returnValue) };
    }

    /** @param {string} code */
    async executeJavaScript(code) {
      return this.page?.evaluate(code);
    }

    async reload() {
      await this.page?.reload();
    }
  }

  class BrowserWindow extends EventEmitter {
    /** @param {any} [options] */
    constructor(options = {}) {
      super();
      this.id = ++lastId;
      /** @type {Map<number, (wParam: Buffer, lParam: Buffer) => void>} */
      this.hooks = new Map();
      this.webContents = new WebContents(options.webPreferences ?? {});
      windows.add(this);
      setImmediate(() => app.emit("browser-window-created", {}, this));
    }

    /** @param {string} url */
    async loadURL(url) {
      await this.webContents.opened;
      await this.webContents.page?.goto(url);
    }

    /** @param {string} file */
    loadFile(file) {
      return this.loadURL(pathToFileURL(file).href);
    }

    isDestroyed() {
      return this.webContents.destroyed;
    }

    close() {
      if (this.isDestroyed()) return;
      const event = preventable();
      this.emit("close", event);
      if (event.defaultPrevented)
        app.quitting = false; // a window that stays open cancels the quit
      else this.destroy();
    }

    /** As on Windows, one callback per message. @param {number} message @param {(wParam: Buffer, lParam: Buffer) => void} callback */
    hookWindowMessage(message, callback) {
      this.hooks.set(message, callback);
    }

    /** @param {number} message */
    isWindowMessageHooked(message) {
      return this.hooks.has(message);
    }

    destroy() {
      if (this.isDestroyed()) return;
      this.webContents.destroyed = true;
      windows.delete(this);
      void this.webContents.opened.then(() => this.webContents.page?.close());
      this.webContents.emit("destroyed");
      this.emit("closed");
      if (windows.size === 0) app.windowsGone();
    }

    static getAllWindows() {
      return [...windows];
    }

    /** @param {any} contents */
    static fromWebContents(contents) {
      return [...windows].find((window) => window.webContents === contents) ?? null;
    }
  }

  /** A page that is in no list of windows. */
  class WebContentsView {
    /** @param {any} [options] */
    constructor(options = {}) {
      this.webContents = new WebContents(options.webPreferences ?? {});
    }

    /** @param {string} url */
    async loadURL(url) {
      await this.webContents.opened;
      await this.webContents.page?.goto(url);
    }
  }

  return { BrowserWindow, WebContentsView };
}

/** Creates an event like Electron's: if one listener prevents it, the next can see that. */
function preventable() {
  const event = {
    defaultPrevented: false,
    preventDefault() {
      event.defaultPrevented = true;
    },
  };
  return event;
}

/** @param {string} url */
function frameOf(url) {
  const { protocol, origin } = new URL(url || "about:blank");
  return { url, origin: protocol === "file:" ? "file://" : origin, parent: null };
}

module.exports = { makeWindows, preventable };
