// Collects the files that an unsandboxed preload requires, for a page without Node. A sandboxed preload gets only itself.
"use strict";

const fs = require("node:fs");
const { createRequire } = require("node:module");

/**
 * @param {string} entry
 * @param {boolean} sandbox
 * @returns {Record<string, {source: string, requires: Record<string, string>}>}
 */
function gather(entry, sandbox) {
  /** @type {Record<string, {source: string, requires: Record<string, string>}>} */
  const modules = {};
  /** @param {string} file */
  function add(file) {
    if (modules[file]) return;
    const source = fs.readFileSync(file, "utf8");
    /** @type {Record<string, string>} */
    const requires = {};
    modules[file] = { source, requires };
    if (sandbox) return;
    for (const [, name = ""] of source.matchAll(/require\("([^"]+)"\)/g)) {
      if (name === "electron") continue;
      requires[name] = createRequire(file).resolve(name);
      add(/** @type {string} */ (requires[name]));
    }
  }
  add(entry);
  return modules;
}

module.exports = { gather };
