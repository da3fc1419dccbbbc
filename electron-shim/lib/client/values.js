"use strict";

const { SidecarError } = require("./errors.js");

// Far below where the codec's recursion would end the stack, far above any argument with a purpose.
const MAX_DEPTH = 200;

/**
 * Refuses what MessagePack would silently turn into something else: a Map into a map of strings, a function into nil.
 *
 * @param {string} channel
 * @param {readonly unknown[]} args
 * @throws {SidecarError} INVALID_ARGS, naming what it is and where.
 */
function checkArgs(channel, args) {
  for (let i = 0; i < args.length; i++) {
    const value = args[i];
    if (value === null || (typeof value !== "object" && typeof value !== "function")) checkScalar(channel, value, `[${i}]`);
    else check(channel, value, `[${i}]`, []);
  }
}

/**
 * @param {string} channel
 * @param {unknown} value
 * @param {string} path
 */
function checkScalar(channel, value, path) {
  if (typeof value === "bigint" || typeof value === "symbol") refuse(channel, path, `a ${typeof value}`);
}

/**
 * @param {string} channel
 * @param {unknown} value
 * @param {string} path where it stands, for the error text
 * @param {object[]} ancestors
 */
function check(channel, value, path, ancestors) {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return checkScalar(channel, value, path);
  if (typeof value === "function") refuse(channel, path, "a function");
  if (value instanceof Date || value instanceof Uint8Array || value instanceof ArrayBuffer) return;
  if (ancestors.includes(value)) refuse(channel, path, "a cycle");
  if (ancestors.length >= MAX_DEPTH) refuse(channel, path, `nested deeper than ${MAX_DEPTH} levels`);
  ancestors.push(value);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) check(channel, value[i], `${path}[${i}]`, ancestors);
  } else {
    if (!isPlain(value)) refuse(channel, path, value.constructor?.name ? `an instance of ${value.constructor.name}` : "a class instance");
    for (const key of Object.keys(value)) check(channel, /** @type {any} */ (value)[key], `${path}.${key}`, ancestors);
  }
  ancestors.pop();
}

/**
 * Also true for plain objects of another realm (a vm context, a test runner), whose prototype is not ours.
 *
 * @param {object} value
 */
function isPlain(value) {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * @param {string} channel
 * @param {string} path
 * @param {string} what
 * @returns {never}
 */
function refuse(channel, path, what) {
  throw new SidecarError("INVALID_ARGS", `${channel}: argument ${path} is ${what}, which cannot be sent to the sidecar`, {
    hint: "pass null, booleans, numbers, strings, dates, Uint8Array, plain arrays and plain objects",
    channel,
  });
}

module.exports = { checkArgs };
