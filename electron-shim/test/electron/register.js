// `node --require register.js main.js`: `require("electron")` gives the emulated one.
"use strict";

const Module = require("node:module");
const path = require("node:path");

const original = /** @type {any} */ (Module)._resolveFilename;
/** @this {any} @param {string} request @param {any[]} rest @returns {string} */
function resolve(request, ...rest) {
  return request === "electron" ? path.join(__dirname, "electron.js") : original.call(this, request, ...rest);
}
/** @type {any} */ (Module)._resolveFilename = resolve;
