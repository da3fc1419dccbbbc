"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { fileURLToPath } = require("node:url");

/**
 * The folder of the running code, in this package or in a bundle that took it in. Bundlers put their own values into
 * `__dirname` and `import.meta`, of the machine that builds; what the engine loaded, it knows by its real name.
 *
 * @returns {string}
 */
function ownFolder() {
  const { prepareStackTrace } = Error;
  try {
    Error.prepareStackTrace = (_error, sites) => sites[0]?.getFileName();
    const name = /** @type {unknown} */ (new Error().stack);
    if (typeof name !== "string") return path.dirname(process.execPath); // code without a file
    return path.dirname(name.startsWith("file:") ? fileURLToPath(name) : name);
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
  }
}

/**
 * @param {string} from
 * @param {string} wanted a relative path
 * @param {{there?: (place: string) => boolean, top?: string | undefined}} [options] `top`: where the search ends, of an installed
 *   app its resources: anyone may write to a folder above, such as /tmp of an AppImage, or C:\
 * @returns {string | null} in the nearest of the folder and those above it
 */
function findFile(from, wanted, { there = isFile, top } = {}) {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const place = path.join(folder, wanted);
    if (there(place)) return place;
    if (folder === top || folder === path.dirname(folder)) return null;
  }
}

/** @param {string} place */
function isFile(place) {
  try {
    return fs.statSync(place).isFile();
  } catch {
    return false; // also below something that is not a folder
  }
}

/**
 * Files unpacked from `app.asar` are in `app.asar.unpacked`.
 *
 * @param {string} place
 */
function unpacked(place) {
  return place.replace(/(\.asar)(?=[\\/])/, "$1.unpacked");
}

module.exports = { findFile, isFile, ownFolder, unpacked };
