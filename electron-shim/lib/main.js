"use strict";

const { applyState, emptyBootstrap } = require("./bootstrap.js");
const { Sidecar, SidecarError } = require("./client.js");
const { Answers } = require("./main/answers.js");
const { isDevelopment, sidecarCommand, sidecarSettings } = require("./main/command.js");
const { FanOut } = require("./main/fanout.js");
const { Fatal } = require("./main/fatal.js");
const { registerHandlers } = require("./main/handlers.js");
const { holdQuit } = require("./main/quit.js");
const { createSenderCheck } = require("./main/senders.js");
const os = require("node:os");

// A backend whose port is `reported`, or that fails, has no address: windows wait no longer than this for one.
const ADDRESS_WAIT_MS = 10_000;

/** @typedef {import("../types/main").AttachOptions} AttachOptions */

/**
 * @param {AttachOptions} options
 * @returns {Promise<import("../types/main").AttachedSidecar>}
 */
async function attachSidecar(options) {
  const { app, ipcMain, BrowserWindow, dialog, powerMonitor, autoUpdater } = options;
  const { argv, platform } = process;
  const { resourcesPath } = /** @type {{resourcesPath?: string}} */ (process); // Electron's addition
  const settings = sidecarSettings(options, argv);
  const sidecar = new Sidecar({
    ...sidecarCommand(options, { argv, resourcesPath, platform, env: process.env }),
    settings,
    env: options.env ?? {},
    limits: options.limits ?? {},
  });

  let bootstrap = withoutSidecar(app, settings);
  const senders = createSenderCheck({
    BrowserWindow,
    development: isDevelopment(app, argv),
    allowedOrigins: options.allowedOrigins,
    backendOrigin: () => bootstrap.backend.baseUrl,
  });
  // Before the fan-out, so that a page that hears of a state reads the bootstrap that belongs to it.
  const addressKnown = new Promise((resolve) => {
    sidecar.on("backend:stateChanged", (change) => {
      bootstrap = applyState(bootstrap, change);
      if (bootstrap.backend.baseUrl || change.state === "FAILED") resolve(undefined);
    });
  });
  const answers = new Answers({ sidecar, bootstrap: () => bootstrap });
  const fanOut = new FanOut({ BrowserWindow, sidecar, mayHear: senders.mayHear });
  try {
    registerHandlers({ ipcMain, BrowserWindow, dialog, senders, answers, fanOut, bootstrap: () => bootstrap });
  } catch (error) {
    sidecar.abandon(); // attached twice, or a left-over handler of the app's own: nothing may run on unattended
    throw error;
  }
  const fatal = new Fatal({ app, dialog, sidecar, onFatal: options.onFatal });
  const { close } = holdQuit({ app, BrowserWindow, autoUpdater, sidecar });
  for (const what of /** @type {const} */ (["suspend", "resume"])) powerMonitor?.on(what, () => sidecar.power(what));
  if (options.onLog) sidecar.on("sidecar:stderr", options.onLog);

  // With a sidecar its backend dies, and it can't say so any more: pages hear it from here.
  const lost = (/** @type {"BACKOFF" | "FAILED"} */ state) => {
    const last = fanOut.lastOf("backend:stateChanged");
    const { port } = bootstrap.backend;
    const change = { state, previous: last?.state ?? "STOPPED", reason: "crashed", pid: null, port, url: null, time: new Date().toISOString() };
    bootstrap = applyState(bootstrap, /** @type {import("../types/protocol").StateChanged} */ (change));
    fanOut.toAll("backend:stateChanged", change);
  };
  sidecar.on("sidecar:exited", () => lost("BACKOFF"));
  sidecar.on("sidecar:failed", () => lost("FAILED"));
  const refresh = async () => {
    const before = fanOut.lastOf("backend:stateChanged");
    const fresh = await sidecar.call("runtime:getBootstrap");
    const last = fanOut.lastOf("backend:stateChanged"); // one that came in the same piece as the answer is newer than it
    bootstrap = last === before ? fresh : applyState(fresh, last);
  };
  sidecar.on("sidecar:restarted", (hello) => {
    refresh().catch(() => {}); // it died again: that is told elsewhere
    app.emit("sidecar-restarted", hello);
  });
  try {
    do {
      await sidecar.whenReady();
      // One that died meanwhile is started again, as often as its budget allows.
      await refresh().catch((error) => sidecar.hello && Promise.reject(error));
    } while (!sidecar.hello);
  } catch (error) {
    if (error instanceof SidecarError) fatal.sidecarFailed(error);
    throw error;
  }
  if (!bootstrap.backend.baseUrl && settings.backend?.autostart !== false) {
    await Promise.race([addressKnown, new Promise((resolve) => setTimeout(resolve, ADDRESS_WAIT_MS).unref())]);
  }
  return { sidecar: /** @type {any} */ (sidecar), bootstrap: () => bootstrap, close };
}

/**
 * What is known of the app before the sidecar says anything.
 *
 * @param {import("../types/electron").AppLike} app
 * @param {import("../types/protocol").Settings} settings
 * @returns {import("../types/protocol").Bootstrap}
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

module.exports = { attachSidecar, SidecarError };
