"use strict";

const { checkLimits, checkOptions } = require("../client/options.js");

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
  command: "strings",
  allowedOrigins: "strings",
  onFatal: "function",
  onLog: "function",
  observers: "functions",
  env: "object",
  limits: "object",
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

module.exports = { checkAttachOptions, SECTIONS };
