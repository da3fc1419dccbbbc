"use strict";

const { closest } = require("../closest.js");

/**
 * @typedef {"object" | "environment" | "string" | "function" | "strings" | "functions" | "command" | "milliseconds" | "signal"} Kind
 */

/** @type {Record<Kind, {is: (value: any) => boolean, words: string}>} */
const KINDS = {
  object: { is: (value) => typeof value === "object" && value !== null && !Array.isArray(value), words: "an object" },
  // Node would turn null into the text "null".
  environment: {
    is: (value) => KINDS.object.is(value) && Object.values(value).every((one) => one === undefined || typeof one === "string"),
    words: "an object of strings; undefined removes a variable that it would inherit",
  },
  string: { is: (value) => typeof value === "string", words: "a string" },
  function: { is: (value) => typeof value === "function", words: "a function" },
  strings: { is: (value) => isArrayOf(value, "string"), words: "an array of strings" },
  command: {
    is: (value) => isArrayOf(value, "string") && value.length > 0,
    words: "an array of strings: the sidecar's program and its first arguments",
  },
  milliseconds: { is: (value) => typeof value === "number" && value >= 0, words: "a number of milliseconds" },
  signal: { is: (value) => typeof value.addEventListener === "function", words: "an AbortSignal" },
  functions: { is: (value) => isArrayOf(value, "function"), words: "an array of functions" },
};
/** @type {Record<string, Kind>} */
const CONNECT = {
  command: "command",
  settings: "object",
  env: "environment",
  cwd: "string",
  limits: "object",
  observers: "functions",
  startHint: "string",
};
/** @type {Record<string, Kind | null>} */
const CALL = { signal: "signal", timeout: "milliseconds", urgent: null };
/** @type {Record<string, Kind>} */
const CLOSE = { timeout: "milliseconds" };
const MAX_TIMER = 2 ** 31 - 1; // Node turns a longer time into one millisecond
const EXAMPLE = 'connect({ settings: { backend: { command: ["./my-backend", "--port", "{port}"] } } })';
/** @type {Readonly<Record<"helloTimeout" | "closeTimeout" | "pingInterval" | "pingMisses" | "restartAttempts" | "restartWindow" | "restartDelay", number>>} */
const DEFAULTS = Object.freeze({
  helloTimeout: 60_000, // a virus scanner may hold up the first start after an install
  closeTimeout: 30_000,
  pingInterval: 5_000,
  pingMisses: 3,
  restartAttempts: 3,
  restartWindow: 600_000,
  restartDelay: 1_000,
});

/** @param {unknown} value @param {string} kind */
function isArrayOf(value, kind) {
  return Array.isArray(value) && value.every((one) => typeof one === kind);
}

/**
 * Refuses options of the wrong type, and unknown names, which would otherwise be ignored.
 *
 * @param {string} caller for the error text
 * @param {Record<string, any>} options
 * @param {Record<string, Kind | null>} kinds what each option accepts; null: anything
 * @param {{hint?: string, ignored?: (name: string, value: unknown) => boolean}} [more] `hint`: where an unknown name may belong;
 *   `ignored`: unknown names that are not mistakes
 * @throws {TypeError}
 */
function checkOptions(caller, options, kinds, { hint = "", ignored = () => false } = {}) {
  const names = Object.keys(kinds);
  if (!KINDS.object.is(options)) throw new TypeError(`${caller}: the options must be an object with any of ${names.join(", ")}`);
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) {
      const close = closest(name, names);
      if (!close && ignored(name, value)) continue;
      throw new TypeError(
        `${caller}: unknown option ${name}. ${close ? `Did you mean ${close}?` : `It takes ${names.join(", ")}.${hint}`}`,
      );
    }
    if (kind && value !== undefined && value !== null && !KINDS[kind].is(value)) {
      throw new TypeError(`${caller}: the option ${name} must be ${KINDS[kind].words}`);
    }
  }
}

/** @param {string} caller @param {Record<string, any> | null | undefined} limits @throws {TypeError} */
function checkLimits(caller, limits) {
  const kinds = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, null]));
  checkOptions(`${caller}, option limits`, limits ?? {}, kinds, { hint: " The backend's own limits go into settings.limits." });
  for (const [name, value] of Object.entries(limits ?? {})) {
    if (value !== undefined && !(typeof value === "number" && value >= 0)) {
      const unit = /^(pingMisses|restartAttempts)$/.test(name) ? "number" : "number of milliseconds";
      throw new TypeError(`${caller}: limits.${name} must be a ${unit}`);
    }
  }
}

/** @param {any} options @throws {TypeError} */
function checkConnectOptions(options) {
  if (options === null || typeof options !== "object") throw new TypeError(`connect: the options are missing, as in ${EXAMPLE}`);
  checkOptions("connect", options, CONNECT, { hint: " Settings of the sidecar, such as backend, go into settings." });
  checkLimits("connect", options.limits);
}

/**
 * Copies the options without inherited properties: if another part of the app lets a page or a file change Object.prototype, that must
 * not choose the program.
 *
 * @template {any} T
 * @param {T} options
 * @returns {T}
 */
function ownOptions(options) {
  if (!KINDS.object.is(options)) return options;
  const own = /** @type {any} */ ({ __proto__: null, .../** @type {any} */ (options) });
  for (const name of ["settings", "backend"]) if (own[name]) own[name] = ownOptions(own[name]); // and settings.backend
  return own;
}

/** Limits a time to what a timer accepts; Infinity is valid. @param {number} milliseconds */
const timerTime = (milliseconds) => Math.min(milliseconds, MAX_TIMER);

/** @param {Partial<Record<keyof typeof DEFAULTS, number>> | null | undefined} limits */
function withDefaults(limits) {
  const all = { ...DEFAULTS };
  for (const name of /** @type {Array<keyof typeof DEFAULTS>} */ (Object.keys(all))) all[name] = timerTime(limits?.[name] ?? all[name]);
  return all;
}

module.exports = { CALL, checkConnectOptions, checkLimits, checkOptions, CLOSE, ownOptions, timerTime, withDefaults };
