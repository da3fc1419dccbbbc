"use strict";

const { applyState, emptyBootstrap } = require("./bootstrap.js");
const { Sidecar, SidecarError } = require("./client.js");
const { Answers, pageError } = require("./main/answers.js");
const { isDevelopment, sidecarCommand, sidecarSettings } = require("./main/command.js");
const { FanOut } = require("./main/fanout.js");
const { Fatal } = require("./main/fatal.js");
const { holdQuit } = require("./main/quit.js");
const { createSenderCheck } = require("./main/senders.js");
const { PAGE_CHANNELS } = require("./names.js");
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
  const resourcesPath = /** @type {any} */ (process).resourcesPath;
  const settings = sidecarSettings(options, argv);
  const sidecar = new Sidecar({
    command: sidecarCommand(options, { argv, resourcesPath, platform }),
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
  const fatal = new Fatal({ app, dialog, sidecar, onFatal: options.onFatal });
  const { close } = holdQuit({ app, BrowserWindow, autoUpdater, sidecar });
  registerHandlers({ ipcMain, BrowserWindow, dialog, senders, answers, fanOut, bootstrap: () => bootstrap });
  for (const what of /** @type {const} */ (["suspend", "resume"])) powerMonitor?.on(what, () => sidecar.power(what));
  if (options.onLog) sidecar.on("sidecar:stderr", options.onLog);

  const refresh = async () => {
    bootstrap = await sidecar.call("runtime:getBootstrap");
  };
  sidecar.on("sidecar:restarted", (hello) => {
    refresh().catch(() => {}); // it died again: that is told elsewhere
    app.emit("sidecar-restarted", hello);
  });
  try {
    await sidecar.whenReady();
    await refresh();
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
 * @param {any} app
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

/**
 * Everything that a page can reach, and nothing of the sidecar's own channels.
 *
 * @param {object} parts
 * @param {any} parts.ipcMain
 * @param {any} parts.BrowserWindow
 * @param {any} parts.dialog
 * @param {ReturnType<typeof createSenderCheck>} parts.senders
 * @param {Answers} parts.answers
 * @param {FanOut} parts.fanOut
 * @param {() => import("../types/protocol").Bootstrap} parts.bootstrap
 */
function registerHandlers({ ipcMain, BrowserWindow, dialog, senders, answers, fanOut, bootstrap }) {
  /** @param {string} channel @param {(event: any, ...args: any[]) => any} handler */
  const handle = (channel, handler) =>
    ipcMain.handle(channel, async (/** @type {any} */ event, /** @type {any[]} */ ...args) => {
      const refusal = senders.refusal(event);
      if (refusal) throw pageError(channel, `${channel} was refused: ${refusal}`);
      return handler(event, ...args);
    });

  for (const channel of PAGE_CHANNELS) {
    handle(channel, async (event, ...args) => {
      if (channel === "backend:createFirewallRule" && !(await agrees(dialog, BrowserWindow.fromWebContents(event.sender)))) {
        const refused = new SidecarError("ELEVATION_REFUSED", "The firewall rule was not created: the user declined");
        answers.remember(event.sender, channel, refused);
        throw pageError(channel, refused.message);
      }
      return answers.answer(event.sender, channel, args);
    });
  }
  handle("electron-backend-sidecar:lastError", (event) => answers.lastError(event.sender));
  handle("electron-backend-sidecar:listen", (event, name) => fanOut.listen(event.sender, String(name)));
  ipcMain.on("electron-backend-sidecar:unlisten", (/** @type {any} */ event, /** @type {any} */ name) => {
    fanOut.unlisten(event.sender, String(name));
  });
  ipcMain.on("runtime:getBootstrap", (/** @type {any} */ event) => {
    fanOut.forget(event.sender); // a new page: what the one before it listened to is over
    event.returnValue = senders.refusal(event) ? null : bootstrap(); // unanswered, the page would hang
  });
}

/**
 * @param {any} dialog
 * @param {any} window
 * @returns {Promise<boolean>}
 */
async function agrees(dialog, window) {
  if (!dialog) return true;
  const question = {
    type: "question",
    title: "Create firewall rule",
    message: "Allow the app's backend through the Windows firewall?",
    detail: "Windows will ask for administrator rights.",
    buttons: ["Create Rule", "Cancel"],
    defaultId: 0,
    cancelId: 1,
    noLink: true,
  };
  const { response } = await (window ? dialog.showMessageBox(window, question) : dialog.showMessageBox(question));
  return response === 0;
}

module.exports = { attachSidecar, SidecarError };
