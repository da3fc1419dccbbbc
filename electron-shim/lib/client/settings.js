"use strict";

/**
 * Converts settings to environment variables, `SIDECAR_SECTION__NAME` with a TOML value. They are not `--set` flags because every
 * user of the machine can read a command line, and `backend.env` may contain secrets.
 *
 * @param {Readonly<Record<string, any>>} settings
 * @returns {Record<string, string>}
 */
function settingsEnvironment(settings) {
  /** @type {Record<string, string>} */
  const environment = {};
  for (const [section, values] of Object.entries(settings)) {
    if (section === "profile" || values === undefined) continue; // the profile is a flag
    if (values === null || typeof values !== "object" || Array.isArray(values)) {
      throw new TypeError(`settings.${section} must be an object of settings, e.g. {backend: {command: [...]}}`);
    }
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) continue;
      environment[`SIDECAR_${section.toUpperCase()}__${name.toUpperCase()}`] = toml(value, `settings.${section}.${name}`);
    }
  }
  return environment;
}

/**
 * Returns an environment with further variables; undefined removes one. Of `Path` and `PATH`, which are one variable on Windows, Node would
 * pass on the first in the alphabet.
 *
 * @param {NodeJS.ProcessEnv} inherited
 * @param {NodeJS.ProcessEnv} own
 * @param {string} [platform]
 * @returns {NodeJS.ProcessEnv}
 */
function mergedEnvironment(inherited, own, platform = process.platform) {
  const key = (/** @type {string} */ name) => (platform === "win32" ? name.toUpperCase() : name);
  const named = new Set(Object.keys(own).map(key));
  return { ...Object.fromEntries(Object.entries(inherited).filter(([name]) => !named.has(key(name)))), ...own };
}

/**
 * @param {unknown} value
 * @param {string} path for the error text
 * @returns {string}
 */
function toml(value, path) {
  if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) return String(value);
  // A JSON string is a TOML basic string, except for DEL, which JSON does not escape and TOML forbids.
  if (typeof value === "string") return JSON.stringify(value).replace(/\x7f/g, "\\u007f");
  if (Array.isArray(value)) return `[${value.map((one, i) => toml(one, `${path}[${i}]`)).join(", ")}]`;
  if (value !== null && typeof value === "object" && !(Symbol.iterator in value) && !(value instanceof Date)) {
    const pairs = Object.entries(value).filter(([, one]) => one !== undefined);
    return `{${pairs.map(([key, one]) => `${toml(key, path)} = ${toml(one, `${path}.${key}`)}`).join(", ")}}`;
  }
  throw new TypeError(`${path} must be a boolean, number, string, array or object, not ${String(value)}`);
}

module.exports = { mergedEnvironment, settingsEnvironment };
