// An Electron for tests where none can be installed: `require("electron")` of a main process. Values for a page are cloned
// and sent to another process, a real Chromium; errors lose everything but their text on the way, as in Electron.
"use strict";

const { EventEmitter } = require("node:events");
const fs = require("node:fs");
const path = require("node:path");
const { makeWindows, preventable } = require("./windows.js");

const home = process.env.EMULATED_HOME ?? "";
/** @type {{resourcesPath?: string}} */ (process).resourcesPath = process.env.EMULATED_RESOURCES ?? path.join(home, "resources");
const CHROMIUMS = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

class App extends EventEmitter {
  constructor() {
    super();
    this.isPackaged = process.env.EMULATED_PACKAGED === "1";
    this.ready = false;
    this.quitting = false;
    this.exiting = false;
    this.readyPromise = new Promise((resolve) => setImmediate(resolve)).then(() => {
      this.ready = true;
      this.emit("ready");
    });
  }

  whenReady() {
    return this.readyPromise;
  }

  isReady() {
    return this.ready;
  }

  getVersion() {
    return "7.8.9";
  }

  getName() {
    return "emulated";
  }

  getAppPath() {
    return process.env.EMULATED_APP_PATH ?? path.dirname(require.main?.filename ?? home);
  }

  /** @param {string} name */
  getPath(name) {
    const folder = path.join(home, name);
    fs.mkdirSync(folder, { recursive: true });
    return folder;
  }

  quit() {
    if (this.quitting || this.preventable("before-quit")) return;
    this.quitting = true;
    for (const window of BrowserWindow.getAllWindows()) window.close();
    if (BrowserWindow.getAllWindows().length > 0) {
      this.quitting = false;
      return;
    }
    this.windowsGone();
  }

  windowsGone() {
    if (!this.quitting) {
      if (this.listenerCount("window-all-closed") > 0) this.emit("window-all-closed");
      else this.quit();
      return;
    }
    if (this.exiting) return;
    if (this.preventable("will-quit")) {
      this.quitting = false; // an app that stays can be asked to quit again
      return;
    }
    this.exiting = true;
    this.emit("quit", {}, 0);
    this.exit(0);
  }

  /** @param {number} code */
  exit(code) {
    process.exitCode = code;
    const close = opened ? opened.then((context) => context.close()) : Promise.resolve();
    void close.catch(() => {}).then(() => process.exit(code));
  }

  /** @param {string} name */
  preventable(name) {
    const event = preventable();
    this.emit(name, event);
    return event.defaultPrevented;
  }
}

class IpcMain extends EventEmitter {
  constructor() {
    super();
    /** @type {Map<string, (event: any, ...args: any[]) => any>} */
    this.handlers = new Map();
  }

  /** @param {string} channel @param {(event: any, ...args: any[]) => any} handler */
  handle(channel, handler) {
    if (this.handlers.has(channel)) throw new Error(`Attempted to register a second handler for '${channel}'`);
    this.handlers.set(channel, handler);
  }

  /** @param {string} channel */
  removeHandler(channel) {
    this.handlers.delete(channel);
  }
}

const dialog = {
  /** @type {any[]} what was shown */
  shown: [],
  /** @type {Array<number | Promise<number>>} the buttons to answer with, by number; then 0 */
  answers: [],
  /** @param {any[]} args */
  async showMessageBox(...args) {
    const { title, message, detail, buttons, defaultId } = args.at(-1);
    dialog.shown.push({ title, message, detail, buttons, ...(defaultId === undefined ? {} : { defaultId }) });
    fs.writeSync(1, `DIALOG ${JSON.stringify([title, message, detail, ...buttons]).slice(1, -1)}\n`); // synchronous: the app may exit right after it
    return { response: (await dialog.answers.shift()) ?? 0, checkboxChecked: false };
  },
};

/** @type {Promise<import("playwright-core").BrowserContext> | null} */
let opened = null;

function browser() {
  opened ??= (async () => {
    const { chromium } = require("playwright-core");
    const executablePath = CHROMIUMS.find((file) => file && fs.existsSync(file));
    if (!executablePath) throw new Error("no Chromium is installed: apt-get install chromium, or set CHROMIUM");
    return chromium.launchPersistentContext(path.join(home, "chromium"), {
      executablePath,
      headless: true,
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--allow-file-access-from-files",
      ],
    });
  })();
  return opened;
}

/** Older Electrons have no power monitor before the app is ready. */
class PowerMonitor extends EventEmitter {
  /** @param {string} name @param {(...args: any[]) => void} listener */
  on(name, listener) {
    if (!app.isReady()) throw new Error("The 'powerMonitor' module can't be used before the app 'ready' event");
    return super.on(name, listener);
  }
}

const app = new App();
const ipcMain = new IpcMain();
const { BrowserWindow, WebContentsView } = makeWindows({ app, ipcMain, browser });

module.exports = {
  app,
  ipcMain,
  BrowserWindow,
  WebContentsView,
  dialog,
  powerMonitor: new PowerMonitor(),
  autoUpdater: new EventEmitter(),
  /** For tests only: the browser whose pages are the windows. */
  emulatedBrowser: browser,
};
