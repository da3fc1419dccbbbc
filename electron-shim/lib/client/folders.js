"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { fileURLToPath } = require("node:url");

/**
 * Returns the folder of the running code, in this package or in a bundle that contains it. Bundlers replace `__dirname` and
 * `import.meta` with values of the build machine; the engine knows the real name of the file that it loaded.
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
 * @param {{there?: (place: string) => boolean, top?: string | undefined}} [options] `top`: where the search ends; for an
 *   installed app its resources, because anyone may write to a folder above, such as /tmp of an AppImage, or C:\
 * @returns {string | null} the file in `from`, or in the nearest folder above it
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
    return false; // also if a parent is not a folder
  }
}

/** @param {string} place */
function isFolder(place) {
  try {
    return fs.statSync(place).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Maps a file in `app.asar` to its unpacked copy in `app.asar.unpacked`.
 *
 * @param {string} place
 */
function unpacked(place) {
  return place.replace(/(\.asar)(?=[\\/])/, "$1.unpacked");
}

module.exports = { findFile, isFile, isFolder, ownFolder, unpacked };
