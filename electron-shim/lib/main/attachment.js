"use strict";

const os = require("node:os");
const { applyState, emptyBootstrap } = require("../bootstrap.js");
const { Sidecar, SidecarError } = require("../client.js");
const { Answers } = require("./answers.js");
const { sidecarCommand, sidecarEnvironment, sidecarSettings } = require("./command.js");
const { FanOut } = require("./fanout.js");
const { Fatal } = require("./fatal.js");
const { registerHandlers } = require("./handlers.js");
const { holdQuit } = require("./quit.js");
const { createSenderCheck } = require("./senders.js");
const { Subscriptions } = require("./subscriptions.js");
const { BackendView } = require("./view.js");

// How long `attachSidecar` waits for an address. A backend that fails, or reports its port late, has none.
const ADDRESS_WAIT_MS = 10_000;

/**
 * @typedef {import("../../types/main").AttachOptions} AttachOptions
 * @typedef {import("../../types/protocol").Bootstrap} Bootstrap
 */

/** Connects a sidecar with an app and its pages, from `attachSidecar` to `detach`. */
class Attachment {
  #settings;
  #sidecar;
  #bootstrap;
  #fanOut;
  #fatal;
  #view;
  #quit;
  #subscriptions = new Subscriptions();
  #over = false;
  /** @type {Promise<void>} resolves when pages have an address, or when there will be none */
  #addressKnown;

  /** @param {AttachOptions} options */
  constructor(options) {
    const { app, ipcMain, BrowserWindow, dialog, autoUpdater } = options;
    const { argv } = process;
    const { resourcesPath } = /** @type {{resourcesPath?: string}} */ (process); // Electron's addition
    this.#settings = sidecarSettings(options, { argv, resourcesPath });
    this.#bootstrap = withoutSidecar(app, this.#settings);
    const bootstrap = () => this.#bootstrap;
    const sidecar = (this.#sidecar = new Sidecar({
      ...sidecarCommand(options, { resourcesPath }),
      settings: this.#settings,
      env: sidecarEnvironment(options),
      limits: options.limits ?? {},
      observers: options.observers ?? [],
    }));
    const senders = createSenderCheck({
      development: !app.isPackaged, // never by a command-line argument, which a link or a shortcut may add
      allowedOrigins: options.allowedOrigins,
      backendOrigin: () => this.#bootstrap.backend.baseUrl,
      warn: (text) => console.warn(text),
    });
    // Before the fan-out, so that a page that gets a state change reads the matching bootstrap.
    this.#addressKnown = new Promise((resolve) => {
      sidecar.on("backend:stateChanged", (change) => {
        this.#bootstrap = applyState(this.#bootstrap, change);
        if (this.#bootstrap.backend.baseUrl || change.state === "FAILED") resolve();
        if (change.state === "STOPPED") this.#gone();
      });
    });
    this.#view = new BackendView(sidecar, bootstrap);
    const answers = new Answers({ sidecar, bootstrap });
    const fanOut = (this.#fanOut = new FanOut({ BrowserWindow, sidecar, mayHear: senders.mayHear }));
    try {
      registerHandlers({ ipcMain, BrowserWindow, dialog, senders, answers, fanOut, bootstrap, subscriptions: this.#subscriptions });
      this.#fatal = new Fatal({ app, dialog, sidecar, onFatal: options.onFatal });
      this.#quit = holdQuit({ app, BrowserWindow, autoUpdater, sidecar, subscriptions: this.#subscriptions });
      this.#watchPower(options);
      if (options.onLog) sidecar.on("sidecar:stderr", options.onLog);
      this.#watchSidecar(app);
    } catch (error) {
      this.#subscriptions.end();
      sidecar.abandon(); // leave nothing running
      throw error;
    }
  }

  /** Whether the sidecar failed for good or the app closed it: `attachSidecar` may then start another one. */
  get over() {
    return this.#over;
  }

  /** @param {AttachOptions} options */
  #watchPower({ app, powerMonitor }) {
    if (!powerMonitor) return;
    void app.whenReady().then(() => {
      // Electron's powerMonitor does not exist earlier.
      if (this.#over) return;
      for (const what of /** @type {const} */ (["suspend", "resume"]))
        this.#subscriptions.on(powerMonitor, what, () => this.#sidecar.power(what));
    });
  }

  /** @param {import("../../types/electron").AppLike} app */
  #watchSidecar(app) {
    const sidecar = this.#sidecar;
    sidecar.on("sidecar:exited", () => this.#lost("BACKOFF"));
    sidecar.on("sidecar:failed", () => {
      this.#over = true;
      this.#lost("FAILED");
    });
    sidecar.on("sidecar:restarted", (hello) => {
      this.#refresh().catch(() => {}); // the sidecar died again, which is reported elsewhere
      app.emit("sidecar-restarted", hello);
    });
  }

  /**
   * A sidecar's backend dies with it, and the sidecar can no longer report that, so this method does.
   *
   * @param {"BACKOFF" | "FAILED"} state
   */
  #lost(state) {
    const last = this.#fanOut.lastOf("backend:stateChanged");
    const { port } = this.#bootstrap.backend;
    const change = {
      state,
      previous: last?.state ?? "STOPPED",
      reason: "crashed",
      pid: null,
      port,
      url: null,
      time: new Date().toISOString(),
    };
    this.#bootstrap = applyState(this.#bootstrap, /** @type {import("../../types/protocol").StateChanged} */ (change));
    this.#fanOut.toAll("backend:stateChanged", change);
    this.#gone();
  }

  /** Reports the stop to pages that only listen to the health: the sidecar reports health only for runs that live or crash. */
  #gone() {
    if (this.#fanOut.lastOf("backend:healthUpdate")?.status === "healthy")
      this.#fanOut.toAll("backend:healthUpdate", { status: "unhealthy", error: "socket hang up" });
  }

  async #refresh() {
    const before = this.#fanOut.lastOf("backend:stateChanged");
    const fresh = await this.#sidecar.call("runtime:getBootstrap");
    const last = this.#fanOut.lastOf("backend:stateChanged"); // an event read together with the answer is newer than the answer
    this.#bootstrap = last === before ? fresh : applyState(fresh, last);
  }

  /** @returns {Promise<import("../../types/main").AttachedSidecar>} */
  async whenAttached() {
    const sidecar = this.#sidecar;
    try {
      do {
        await sidecar.whenServing();
        // A sidecar that just died is restarted, as often as its limits allow.
        await this.#refresh().catch((error) => sidecar.hello && Promise.reject(error));
      } while (!sidecar.hello);
    } catch (error) {
      this.#over = true;
      if (error instanceof SidecarError) this.#fatal.sidecarFailed(error);
      throw error;
    }
    if (!this.#bootstrap.backend.baseUrl && this.#settings.backend?.autostart !== false) {
      await Promise.race([this.#addressKnown, new Promise((resolve) => setTimeout(resolve, ADDRESS_WAIT_MS).unref())]);
    }
    return {
      sidecar: /** @type {any} */ (sidecar),
      backend: this.#view,
      bootstrap: () => this.#bootstrap,
      waitForReady: (options) => sidecar.invoke("backend:waitForReady", ...(options ? [options] : [])),
      close: () => this.close(),
      detach: () => this.detach(),
    };
  }

  close() {
    this.#over = true;
    return this.#quit.close();
  }

  async detach() {
    await this.close(); // until then a quit is delayed
    this.#subscriptions.end();
  }
}

/**
 * Returns the bootstrap with what is known about the app before the sidecar answers.
 *
 * @param {import("../../types/electron").AppLike} app
 * @param {import("../../types/protocol").Settings} settings
 * @returns {Bootstrap}
 */
function withoutSidecar(app, settings) {
  const empty = emptyBootstrap();
  return {
    ...empty,
    environment: {
      mode: settings.app?.mode ?? empty.environment.mode,
      isPackaged: settings.app?.is_packaged ?? false,
      version: settings.app?.version ?? "",
    },
    os: { platform: process.platform, release: os.release(), arch: process.arch, hostname: os.hostname() },
    paths: { userData: settings.app?.user_data ?? "", temp: app.getPath("temp"), logs: settings.paths?.logs ?? "" },
  };
}

module.exports = { Attachment };
