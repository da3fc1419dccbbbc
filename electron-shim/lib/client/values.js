"use strict";

const { SidecarError } = require("./errors.js");

// Far below the depth at which the codec overflows the stack, and far above any sensible argument.
const MAX_DEPTH = 200;
// A shared value counts each time it occurs, and so does each hole of a sparse array, because the codec writes all of them:
// 28 levels of `a = [a, a]` are small in memory and 2^28 values on the wire. Checking this many values takes about 20 ms.
const MAX_VALUES = 100_000;
// The maximum frame size: anything larger could not be sent.
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Rejects values that MessagePack would silently turn into something else (a Map into a map of strings, a function into nil), and
 * values that would take the codec seconds.
 *
 * @param {string} channel
 * @param {readonly unknown[]} args
 * @param {number} [maxBytes]
 * @throws {SidecarError} INVALID_ARGS, naming the value and its place.
 */
function checkArgs(channel, args, maxBytes = MAX_BYTES) {
  if (args.length < 16 && args.every(isSmall)) return;
  const check = new Check(channel, maxBytes);
  for (let i = 0; i < args.length; i++) check.value(args[i], i);
}

/** Whether a value needs no closer check, because it is far from the limits. @param {unknown} value */
function isSmall(value) {
  return (
    value === null ||
    value === undefined ||
    typeof value === "number" ||
    typeof value === "boolean" ||
    (typeof value === "string" && value.length < 256)
  );
}

class Check {
  #channel;
  #values = MAX_VALUES;
  #maxBytes;
  #bytes;
  /** @type {object[]} the objects that contain the value */
  #ancestors = [];
  /** @type {Array<string | number>} the value's place, for the error text */
  #path = [];

  /** @param {string} channel @param {number} maxBytes */
  constructor(channel, maxBytes) {
    this.#channel = channel;
    this.#bytes = this.#maxBytes = maxBytes;
  }

  /**
   * @param {unknown} value
   * @param {string | number} key
   */
  value(value, key) {
    this.#path.push(key);
    this.#spend(1, 1); // no value takes less on the wire
    if (typeof value === "string") this.#spend(0, value.length > this.#bytes ? Infinity : Buffer.byteLength(value));
    else if (typeof value === "function") this.#refuse("a function");
    else if (typeof value === "bigint" || typeof value === "symbol") this.#refuse(`a ${typeof value}`);
    else if (typeof value === "object" && value !== null) this.#object(value);
    this.#path.pop();
  }

  /** @param {object} value */
  #object(value) {
    if (value instanceof Date) return;
    if (value instanceof Uint8Array || value instanceof ArrayBuffer) return this.#spend(0, value.byteLength);
    if (this.#ancestors.includes(value)) this.#refuse("a cycle");
    if (this.#ancestors.length >= MAX_DEPTH) this.#refuse(`nested deeper than ${MAX_DEPTH} levels`);
    this.#ancestors.push(value);
    if (Array.isArray(value)) {
      if (value.length > this.#values) this.#tooLarge();
      for (let i = 0; i < value.length; i++) this.value(value[i], i);
    } else {
      if (!isPlain(value)) this.#refuse(value.constructor?.name ? `an instance of ${value.constructor.name}` : "a class instance");
      for (const key of Object.keys(value)) {
        this.#spend(0, Buffer.byteLength(key));
        this.value(/** @type {any} */ (value)[key], key);
      }
    }
    this.#ancestors.pop();
  }

  /**
   * @param {number} values
   * @param {number} bytes
   */
  #spend(values, bytes) {
    this.#values -= values;
    this.#bytes -= bytes;
    if (this.#values < 0 || this.#bytes < 0) this.#tooLarge();
  }

  /** @returns {never} */
  #tooLarge() {
    throw new SidecarError("INVALID_ARGS", `${this.#channel}: the arguments are too large`, {
      hint: `Send at most ${MAX_VALUES} values and ${this.#maxBytes} bytes with one call.`,
      channel: this.#channel,
    });
  }

  /**
   * @param {string} what
   * @returns {never}
   */
  #refuse(what) {
    // A page chose the keys: they may be megabytes long or contain terminal escapes.
    const place = this.#path
      .map((key) => (typeof key === "number" ? `[${key}]` : `.${key.slice(0, 40).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd")}`))
      .join("")
      .slice(0, 2000);
    throw new SidecarError("INVALID_ARGS", `${this.#channel}: argument ${place} is ${what}, which cannot be sent to the sidecar`, {
      hint: "Pass null, booleans, numbers, strings, dates, Uint8Array, plain arrays and plain objects.",
      channel: this.#channel,
    });
  }
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

module.exports = { checkArgs };
