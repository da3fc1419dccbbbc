"use strict";

const fs = require("node:fs");
const path = require("node:path");

const REMEDY = "Reinstall the app, or copy the whole folder again while no sidecar runs from it";

/**
 * Describes what is wrong with the folder of a packed sidecar that did not start, by its list of files and sizes.
 *
 * @param {string} program
 * @returns {string | null} null: nothing missing, or not a packed sidecar
 */
function folderDamage(program) {
  if (!path.isAbsolute(program) || !/^sidecar(\.exe)?$/i.test(path.basename(program))) return null;
  const folder = path.dirname(program);
  const wrong = wrongFiles(folder);
  if (!wrong?.length) return null;
  const more = wrong.length > 5 ? ` and ${wrong.length - 5} more` : "";
  return `The sidecar's folder ${folder} is damaged: missing or incomplete: ${wrong.slice(0, 5).join(", ")}${more}. ${REMEDY}`;
}

/**
 * @param {string} program
 * @returns {string | null} null: executable, or no file of this path
 */
function notExecutable(program) {
  if (process.platform === "win32") return null; // it has no such mode
  try {
    const stat = fs.statSync(program);
    if (!stat.isFile() || stat.mode & 0o111) return null;
  } catch {
    return null; // missing, or in a folder that is closed to this user
  }
  return `${program} is not marked executable, which a zip or a CI artifact does not preserve. Run chmod +x on it before you pack the app`;
}

/**
 * @param {string} folder
 * @returns {string[] | null}
 */
function wrongFiles(folder) {
  const contents = path.join(folder, "_internal", "contents.json");
  try {
    /** @type {Array<[string, number]>} */
    const files = Object.entries(JSON.parse(fs.readFileSync(contents, "utf8")).files);
    // A signature makes a program or library longer, so only a shorter file is damaged.
    return files.filter(([name, size]) => sizeOf(path.join(folder, name)) < size).map(([name]) => name);
  } catch {
    // A program of that name without either of these is not a packed sidecar: pip installs one, too.
    const packed = [path.dirname(contents), path.join(folder, "LICENSES.txt")].some((one) => fs.existsSync(one));
    return packed && !fs.existsSync(contents) ? ["_internal/contents.json"] : null;
  }
}

/** @param {string} file */
function sizeOf(file) {
  try {
    return fs.statSync(file).size;
  } catch {
    return -1;
  }
}

module.exports = { folderDamage, notExecutable };
