// Writes esm/, the library as ECMAScript modules, for bundlers only: they turn `require` in a bundle of modules into an error
// at run time. Node itself always loads lib/, so that a process has one copy of everything.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const SOURCE = path.join(__dirname, "..", "lib");
const TARGET = path.join(__dirname, "..", "esm");

/** @param {string} source @param {string} file for the error text */
function toModule(source, file) {
  const text = source
    .replace('"use strict";\n', "")
    .replace('require("msgpackr")', 'require("msgpackr/pack")') // without its native part, which bundlers do not include
    .replace(
      /^const (.+) = require\("(.+)"\);$/gm,
      (_all, names, from) => `import ${names.replace(/(\w+): (\w+)/g, "$1 as $2")} from "${from.replace(/^(\..+)\.js$/, "$1.mjs")}";`,
    )
    .replace(/^module\.exports = \{ (.+) \};$/m, "export { $1 };")
    .replace(/import\("(\.[^"]+?)\.js"\)/g, 'import("$1.mjs")');
  const left = text
    .replace(/\/\*[^]*?\*\/|"[^"\n]*"|`[^`]*`/g, "")
    .match(/^.*(?:\brequire\(|\bmodule\.exports\b|\b__dirname\b|\b__filename\b).*$/m);
  if (left) throw new Error(`${file}: this is not understood by scripts/esm.js: ${left[0]}`);
  return text.replace(/^\n+/, "");
}

/** @returns {Map<string, string>} name → text of every module */
function modules() {
  const names = fs.readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"));
  return new Map(names.map((name) => [name.replace(/\.js$/, ".mjs"), toModule(fs.readFileSync(path.join(SOURCE, name), "utf8"), name)]));
}

if (require.main === module) {
  fs.rmSync(TARGET, { recursive: true, force: true });
  for (const [name, text] of modules()) {
    fs.mkdirSync(path.dirname(path.join(TARGET, name)), { recursive: true });
    fs.writeFileSync(path.join(TARGET, name), text);
  }
}

module.exports = { modules };
