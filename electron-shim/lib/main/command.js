"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { locateSidecar, notFoundHint } = require("./locate.js");

/**
 * @typedef {import("../../types/main").AttachOptions} AttachOptions
 * @typedef {import("../../types/protocol").Settings} Settings
 */

/**
 * @param {import("../../types/electron").AppLike} app
 * @param {readonly string[]} argv
 */
function isDevelopment(app, argv) {
  return !app.isPackaged || argv.includes("--dev");
}

/**
 * @param {AttachOptions} options
 * @param {import("./locate.js").Host} host
 * @returns {{command: readonly string[], startHint?: string}} the hint says what to do where the program is not there
 */
function sidecarCommand(options, host) {
  if (options.command) return { command: options.command };
  const { program, found, places } = locateSidecar(options.sidecarFolder, host);
  if (found) return { command: [program] };
  const named = options.sidecarFolder || host.env?.ELECTRON_SIDECAR_FOLDER;
  if (!named && isDevelopment(options.app, host.argv)) {
    return { command: [host.platform === "win32" ? "python" : "python3", "-m", "sidecar"] };
  }
  return { command: [program], startHint: notFoundHint(places) };
}

/**
 * The settings that `app` knows, under those that the caller gave.
 *
 * @param {AttachOptions} options
 * @param {readonly string[]} argv
 * @returns {Settings}
 */
function sidecarSettings(options, argv) {
  const { app, settings = {} } = options;
  const development = isDevelopment(app, argv);
  const backend = backendSettings(options, development);
  return {
    ...settings,
    app: {
      mode: development ? "development" : "production",
      version: app.getVersion(),
      is_packaged: app.isPackaged,
      user_data: app.getPath("userData"),
      ...settings.app,
    },
    paths: { data: app.getPath("userData"), logs: app.getPath("logs"), ...settings.paths },
    log: { ...(development ? { level: /** @type {const} */ ("debug") } : {}), ...settings.log },
    ...(backend || settings.backend ? { backend: { ...backend, ...settings.backend } } : {}),
  };
}

/**
 * @param {AttachOptions} options
 * @param {boolean} development
 * @returns {Settings["backend"] | null}
 */
function backendSettings({ backend }, development) {
  if (!backend) return null;
  const { executable, project, args = [] } = backend;
  if (development && project && !(executable && fs.existsSync(executable))) {
    // The launch profile would bring ports and an environment of its own.
    const command = ["dotnet", "run", "--no-launch-profile", "--project", project, "--urls", "http://{host}:{port}", ...args];
    return { command, cwd: path.extname(project) ? path.dirname(project) : project };
  }
  return executable ? { command: [executable, ...args] } : null;
}

module.exports = { isDevelopment, sidecarCommand, sidecarSettings };
