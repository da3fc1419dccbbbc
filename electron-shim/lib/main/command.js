"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { locateSidecar } = require("../client/locate.js");
const { ownOptions } = require("../client/options.js");

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
 * @param {Omit<import("../client/locate.js").Host, "packaged">} host
 * @returns {import("../client/locate.js").Located}
 */
function sidecarCommand(options, host) {
  if (options.command) return { command: options.command };
  const { app, sidecarFolder } = options;
  return locateSidecar(sidecarFolder, { appPath: app.getAppPath?.(), ...host, packaged: app.isPackaged });
}

/**
 * Returns the settings known from `app`, overridden by the caller's.
 *
 * @param {AttachOptions} options
 * @param {{argv: readonly string[], resourcesPath?: string | undefined}} host
 * @returns {Settings}
 */
function sidecarSettings(options, { argv, resourcesPath }) {
  const { app } = options;
  const settings = ownOptions(options.settings ?? {});
  const development = isDevelopment(app, argv);
  const backend = backendSettings(options, development);
  // In development, `resourcesPath` belongs to Electron's own default app; the app's resources are in its folder.
  const resources = app.isPackaged ? resourcesPath : path.join(app.getAppPath?.() ?? process.cwd(), "resources");
  return {
    ...settings,
    app: {
      mode: development ? "development" : "production",
      version: app.getVersion(),
      is_packaged: app.isPackaged,
      user_data: app.getPath("userData"),
      temp: app.getPath("temp"),
      ...(resources ? { resources } : {}),
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
  const { executable, args = [] } = backend;
  const project = backend.project && path.resolve(backend.project); // dotnet runs in its folder
  if (development && project && !(executable && fs.existsSync(executable))) {
    // The launch profile would set its own ports and environment.
    const command = ["dotnet", "run", "--no-launch-profile", "--project", project, "--urls", "http://{host}:{port}", ...args];
    return { command, cwd: path.extname(project) ? path.dirname(project) : project };
  }
  // Electron inherits its working directory from whatever started the app: a desktop, a shell, an updater.
  return executable ? { command: [executable, ...args], cwd: path.dirname(executable) } : null;
}

/**
 * Returns the changes to the inherited environment; Node does not pass on a variable that is undefined here. Anyone who starts an
 * installed app may set its environment, which must choose neither the backend's program nor the sidecar's code. SIDECAR_MARKER, set by
 * a sidecar around this app, is not a setting. `_PYI_` variables tell a packed program where its files are.
 *
 * @param {AttachOptions} options
 * @param {NodeJS.ProcessEnv} [inherited]
 * @returns {NodeJS.ProcessEnv} added to the inherited one
 */
function sidecarEnvironment({ app, env = {} }, inherited = process.env) {
  const foreign = app.isPackaged ? Object.keys(inherited).filter((name) => /^(SIDECAR_(?!MARKER$)|_PYI_|_MEIPASS2$)/i.test(name)) : [];
  return { ...Object.fromEntries(foreign.map((name) => [name, undefined])), ...env };
}

module.exports = { sidecarCommand, sidecarEnvironment, sidecarSettings };
