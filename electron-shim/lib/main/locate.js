"use strict";

const fs = require("node:fs");
const path = require("node:path");

const VARIABLE = "ELECTRON_SIDECAR_FOLDER";
// What else a processor runs: Windows and macOS translate programs for x64 on arm64.
const TRANSLATED = new Map([["win32-arm64", "win32-x64"], ["darwin-arm64", "darwin-x64"]]);

/**
 * @typedef {object} Host
 * @property {readonly string[]} argv
 * @property {string | undefined} resourcesPath of Electron
 * @property {string} platform
 * @property {string} [arch]
 * @property {Readonly<Record<string, string | undefined>>} [env]
 */

/**
 * Looks for the packed sidecar: in the folder that the caller names, else in the one that the environment names, else in
 * the app's resources. One that was named is the only one looked at: a slip there is to be told, not to be got round.
 *
 * @param {string | undefined} folder
 * @param {Host} host
 * @returns {{program: string, found: boolean, places: string[]}} `program` is the first place where nothing was found
 */
function locateSidecar(folder, { resourcesPath, platform, arch = process.arch, env = process.env }) {
  const named = folder || env[VARIABLE];
  const root = named ? path.resolve(named) : path.join(resourcesPath ?? "", "sidecar");
  const name = platform === "win32" ? "sidecar.exe" : "sidecar";
  const kind = `${platform}-${arch}`;
  const kinds = [kind, TRANSLATED.get(kind), platform === "darwin" ? "darwin-universal" : undefined].filter((one) => one !== undefined);
  const places = [path.join(root, name), ...kinds.map((one) => path.join(root, one, name))];
  if (named) places.push(root); // the program itself
  const program = places.find(isFile);
  return { program: program ?? /** @type {string} */ (places[0]), found: program !== undefined, places };
}

/** @param {string} place */
function isFile(place) {
  try {
    return fs.statSync(place).isFile();
  } catch {
    return false; // also below something that is no folder
  }
}

/** @param {readonly string[]} places */
function notFoundHint(places) {
  return (
    `The sidecar was looked for at:\n${places.map((place) => `  ${place}`).join("\n")}\n` +
    `Put its folder, as packaging/build makes it, into the app's resources as "sidecar" (extraResources, not into the asar), ` +
    `or name it by the option sidecarFolder or the variable ${VARIABLE}`
  );
}

module.exports = { locateSidecar, notFoundHint };
