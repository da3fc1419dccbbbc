"use strict";

const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");
const { findFile, isFile, ownFolder, unpacked } = require("./folders.js");
const { ownOptions } = require("./options.js");

const VARIABLE = "ELECTRON_SIDECAR_FOLDER";
const PACKAGE = "electron-backend-sidecar";
// As python -m sidecar, but without runpy, which takes a third of Python's own start. -P: do not import a json.py or a folder "sidecar"
// from the working directory. Without the limit a missing package is reported with a traceback.
const RUN = ["-P", "-c", "import sys; sys.tracebacklimit = 0; from sidecar.__main__ import main; del sys.tracebacklimit; sys.exit(main())"];
// Other builds that run on a processor: Windows and macOS emulate x64 on arm64.
const TRANSLATED = new Map([
  ["win32-arm64", "win32-x64"],
  ["darwin-arm64", "darwin-x64"],
]);

/**
 * @typedef {object} Host where this runs; tests pass another one
 * @property {boolean} packaged an installed app: never use Python, which is not the program that was shipped
 * @property {string | undefined} [resourcesPath] from Electron
 * @property {string | undefined} [appPath] from Electron: the folder or asar of the app
 * @property {string} [platform]
 * @property {string} [arch]
 * @property {string} [from] the folder of the running code
 * @property {Readonly<Record<string, string | undefined>>} [env]
 *
 * @typedef {object} Located
 * @property {readonly string[]} command
 * @property {string} [startHint] what to do if this cannot be started
 */

/**
 * Finds the command that starts the sidecar. Searches the folder that the caller names, the one in the environment (in development only),
 * the app's resources, this platform's package, and the Python package (in development only), in this order. A named folder is the only
 * one searched: a mistake there is an error, and there is no fallback.
 *
 * @param {string | undefined} folder
 * @param {Host} host
 * @returns {Located}
 */
function locateSidecar(folder, host) {
  const {
    packaged,
    resourcesPath,
    appPath,
    platform = process.platform,
    arch = process.arch,
    env = process.env,
    from: here,
  } = ownOptions(host);
  const from = [here ?? ownFolder(), ...(appPath ? [appPath] : [])];
  const name = platform === "win32" ? "sidecar.exe" : "sidecar";
  const kinds = kindsOf(platform, arch);
  // The environment of an installed app is not trusted to choose the program.
  const named = folder || (packaged ? undefined : env[VARIABLE]);
  const top = packaged && resourcesPath ? path.resolve(resourcesPath) : undefined;
  const places = named ? placesIn(path.resolve(named), name, kinds) : [];
  if (named)
    places.push(path.resolve(named)); // the program itself
  else if (resourcesPath) places.push(...placesIn(path.join(resourcesPath, "sidecar"), name, kinds));
  const packages = named
    ? []
    : kinds.flatMap((kind) => from.map((one) => ({ kind, place: inPackage(one, `${PACKAGE}-${kind}`, name, top) })));
  const inAsar = packages.find(({ place }) => place?.packed)?.place?.file;
  const found = places.find(isFile) ?? packages.find(({ place }) => place && !place.packed)?.place?.file;
  if (found) return { command: [found] };
  const kind = /** @type {string} */ (kinds[0]);
  if (!named && !packaged) {
    const python = pythonName(platform);
    return {
      command: [python, ...RUN],
      startHint: noPackageHint(kind, platform, arch, `${python} -m sidecar was tried instead`),
    };
  }
  const searched = named ? places : [...places, `node_modules/${PACKAGE}-${kind}, from ${from.join(" and from ")} upwards`];
  const list = `Searched for the sidecar at:\n${searched.map((place) => `  ${place}`).join("\n")}\n`;
  return {
    command: [places[0] ?? `${PACKAGE}-${kind}`],
    startHint: list + (named ? namedHint(folder) : inAsar ? asarHint(inAsar) : noPackageHint(kind, platform, arch)),
  };
}

/**
 * @param {string} platform
 * @param {string} arch
 * @returns {string[]} `win32-x64`, the likeliest first
 */
function kindsOf(platform, arch) {
  const kind = `${platform}-${arch}`;
  const translated = TRANSLATED.get(kind);
  return [kind, ...(translated ? [translated] : []), ...(platform === "darwin" ? ["darwin-universal"] : [])];
}

/**
 * @param {string} root
 * @param {string} name
 * @param {readonly string[]} kinds
 */
function placesIn(root, name, kinds) {
  return [path.join(root, name), ...kinds.map((one) => path.join(root, one, name))];
}

/**
 * Finds the program in the package that npm installed for this platform. Only its unpacked copy can be started, not one inside
 * an asar.
 *
 * @param {string} from
 * @param {string} name of the package
 * @param {string} program
 * @param {string | undefined} top see findFile
 * @returns {{file: string, packed: boolean} | null}
 */
function inPackage(from, name, program, top) {
  const wanted = path.join("node_modules", name, "sidecar", program);
  const there = (/** @type {string} */ place) => isFile(unpacked(place)) || isFile(place);
  const file = findFile(from, wanted, { there, top }) ?? besideThisPackage(from, wanted, top) ?? plugAndPlay(from, name, program, top);
  if (!file) return null;
  return isFile(unpacked(file)) ? { file: unpacked(file), packed: false } : { file, packed: true };
}

/**
 * Searches from the package's real location: a bundled main process is outside this package, and pnpm installs the package's
 * dependencies only next to that location.
 *
 * @param {string} from
 * @param {string} wanted
 * @param {string | undefined} top
 * @returns {string | null}
 */
function besideThisPackage(from, wanted, top) {
  const manifest = findFile(from, path.join("node_modules", PACKAGE, "package.json"), { top });
  if (!manifest) return null;
  try {
    return findFile(path.dirname(fs.realpathSync(manifest)), wanted, { top });
  } catch {
    return null; // just removed
  }
}

/**
 * Asks Yarn's Plug'n'Play, which makes no node_modules. It unpacks this platform's package, because that prefers it.
 *
 * @param {string} from
 * @param {string} name
 * @param {string} program
 * @param {string | undefined} top
 * @returns {string | null}
 */
function plugAndPlay(from, name, program, top) {
  if (top || !process.versions.pnp) return null;
  try {
    // From this package: a strict Plug'n'Play shows an app only its direct dependencies.
    const own = createRequire(path.join(from, "main.js")).resolve(`${PACKAGE}/package.json`);
    const file = path.join(path.dirname(createRequire(own).resolve(`${name}/package.json`)), "sidecar", program);
    return isFile(file) ? file : null;
  } catch {
    return null; // not installed
  }
}

/** @param {string | undefined} folder */
function namedHint(folder) {
  return `${folder ? "The option sidecarFolder" : `The variable ${VARIABLE}`} points to this place, so no other was tried: correct it or remove it`;
}

/** @param {string} file */
function asarHint(file) {
  return (
    `It is packed inside an asar, from which no program can be started: ${file}. Unpack it: electron-builder ` +
    `"asarUnpack": ["**/node_modules/${PACKAGE}-*/**"], electron-forge packagerConfig.asar = { unpackDir: "**/node_modules/${PACKAGE}-*" }`
  );
}

/**
 * @param {string} kind
 * @param {string} platform
 * @param {string} arch
 * @param {string} [tried]
 */
function noPackageHint(kind, platform, arch, tried) {
  return (
    `The package ${PACKAGE}-${kind} is missing${tried ? `; ${tried}` : ""}. Install it with: npm install --include=optional ${PACKAGE} ` +
    `(an .npmrc or NPM_CONFIG_OMIT may exclude it; to build for this system on another one: npm install --os=${platform} --cpu=${arch})` +
    (tried
      ? `, or the Python package (3.11 or newer) with: ${pipInstall(platform)}`
      : `. Or put the packed folder into the app's resources as "sidecar", or set the option sidecarFolder`)
  );
}

/** @param {string} platform */
function pythonName(platform) {
  return platform === "win32" ? "python" : "python3"; // python.org's installer for Windows has no python3
}

/** @param {string} platform */
function pipInstall(platform) {
  return `${pythonName(platform)} -m pip install ${PACKAGE}`;
}

/** Distinguishes a packaged Electron app from one in development, and from plain Node. */
function thisHost() {
  const { resourcesPath, defaultApp, versions } =
    /** @type {{resourcesPath?: string, defaultApp?: boolean, versions: NodeJS.ProcessVersions}} */ (process);
  return { packaged: versions.electron !== undefined && !defaultApp, resourcesPath };
}

module.exports = { locateSidecar, pipInstall, thisHost };
