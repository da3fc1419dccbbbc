// `node --require register.js main.js`: `require("electron")` gives the emulated one, and this package is found by its
// name from everywhere, so that the example need not be installed.
"use strict";

const Module = require("node:module");
const path = require("node:path");

const ROOT = path.join(__dirname, "..", "..");
const original = /** @type {any} */ (Module)._resolveFilename;
/** @this {any} @param {string} request @param {any} parent @param {any[]} rest @returns {string} */
function resolve(request, parent, ...rest) {
  if (request === "electron") return path.join(__dirname, "electron.js");
  const own = request.startsWith("electron-backend-sidecar/");
  return original.call(this, request, own ? { ...parent, filename: path.join(ROOT, "x.js"), paths: [] } : parent, ...rest);
}
/** @type {any} */ (Module)._resolveFilename = resolve;
