"use strict";

const { isDeepStrictEqual } = require("node:util");
const { checkLimits, checkOptions } = require("../client/options.js");
const { settingsEnvironment } = require("../client/settings.js");

/** @type {Record<string, import("../client/options.js").Kind | null>} */
const ATTACH = {
  app: null,
  ipcMain: null,
  BrowserWindow: null,
  dialog: null,
  powerMonitor: null,
  autoUpdater: null,
  settings: "object",
  backend: "object",
  sidecarFolder: "string",
  command: "command",
  allowedOrigins: "strings",
  onFatal: "function",
  onLog: "function",
  observers: "functions",
  env: "environment",
  limits: "object",
};
/** @type {Record<string, string[]>} methods of each module that a wrong object (a window instead of its class, ipcRenderer, another package's app) lacks */
const MODULES = {
  app: ["getVersion", "getPath", "whenReady", "quit", "on"],
  ipcMain: ["handle", "listenerCount"],
  BrowserWindow: ["getAllWindows"],
  dialog: ["showMessageBox"],
  powerMonitor: ["on"],
  autoUpdater: [],
};
const SECTIONS = ["profile", "timeouts", "restart", "health", "resources", "sandbox", "paths", "log", "firewall"];
const ORIGIN = /^([a-z][a-z0-9+.-]*:\/\/[^/?#*]*|null)$/i;

/**
 * Refuses what would otherwise be ignored or fail later. Names of Electron's modules pass: `{ ...electron, settings }` is allowed.
 *
 * @param {Record<string, any>} options
 * @param {{execPath?: string, versions?: Readonly<Record<string, string | undefined>>}} [host]
 * @throws {TypeError}
 */
function checkAttachOptions(options, { execPath = process.execPath, versions = process.versions } = {}) {
  const missing = ["app", "ipcMain", "BrowserWindow"].filter((name) => !options?.[name]);
  if (missing.length) {
    throw new TypeError(
      `attachSidecar: missing ${missing.join(", ")}. Pass Electron's modules, as in attachSidecar({ app, ipcMain, BrowserWindow, dialog, ` +
        `settings }), with const { app, ipcMain, BrowserWindow, dialog } = require("electron")${versions.electron ? "" : ", and run the app with Electron, not with node"}`,
    );
  }
  for (const [name, methods] of Object.entries(MODULES)) {
    const given = options[name];
    if (given === undefined || given === null) continue;
    const lacks = methods.find((method) => typeof given[method] !== "function");
    if (!lacks && ["object", "function"].includes(typeof given)) continue;
    const why = lacks ? `: it has no ${lacks}()` : "";
    throw new TypeError(
      `attachSidecar: the option ${name} must be Electron's ${name}, as in const { ${name} } = require("electron")${why}`,
    );
  }
  checkOptions("attachSidecar", options, ATTACH, {
    hint: " Settings of the sidecar, such as timeouts, go into settings.",
    ignored: (name, value) =>
      typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean" && !SECTIONS.includes(name),
  });
  const hint = " Settings such as command go into settings.backend.";
  checkOptions(
    "attachSidecar, option backend",
    options.backend ?? {},
    { executable: "string", args: "strings", project: "string" },
    { hint },
  );
  checkLimits("attachSidecar", options.limits);
  settingsEnvironment(options.settings ?? {}); // before they are merged with the app's, which would split a string into characters
  const wrong = options.allowedOrigins?.find((/** @type {string} */ origin) => !ORIGIN.test(origin));
  if (wrong !== undefined) {
    throw new TypeError(
      `attachSidecar: ${JSON.stringify(wrong)} in allowedOrigins is not an origin. Write scheme and host only, as in "app://main"`,
    );
  }
  const { command, env } = options.settings?.backend ?? {};
  const isScript = command?.length === 1 || /\.[cm]?[jt]s$/.test(command?.[1] ?? "");
  if (versions.electron && command?.[0] === execPath && isScript && !env?.ELECTRON_RUN_AS_NODE) {
    throw new TypeError(
      "attachSidecar: backend.command starts with process.execPath, which is Electron: it would open your app again. To run a script " +
        'with the Node inside Electron, add backend.env: { ELECTRON_RUN_AS_NODE: "1" }',
    );
  }
}

/**
 * Refuses a repeated call with different options, which would be ignored. An omitted option is not a difference, and each call may
 * pass its own functions.
 *
 * @param {Record<string, any>} options
 * @param {Record<string, any>} first the options of the call that started the sidecar
 * @throws {TypeError}
 */
function checkRepeated(options, first) {
  const changed = Object.entries(ATTACH).filter(([name, kind]) => {
    const value = options[name];
    if (!kind || value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0)) return false;
    return kind.startsWith("function") ? !first[name] : !isDeepStrictEqual(value, first[name]);
  });
  if (changed.length === 0) return;
  const names = changed.map(([name]) => name).join(", ");
  throw new TypeError(
    `attachSidecar: the app already has a sidecar, which was started with another value of: ${names}. To change it, call ` +
      "await attached.detach() first. For a second backend use connect",
  );
}

module.exports = { checkAttachOptions, checkRepeated, SECTIONS };
