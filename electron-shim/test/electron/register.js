// `node --require register.js main.js`: `require("electron")` gives the emulated one.
"use strict";

const Module = require("node:module");
const path = require("node:path");

const original = /** @type {any} */ (Module)._resolveFilename;
/** @param {string} request @param {any[]} rest */
/** @type {any} */ (Module)._resolveFilename = function resolve(request, ...rest) {
  if (request === "electron") return path.join(__dirname, "electron.js");
  return original.call(this, request, ...rest);
};
