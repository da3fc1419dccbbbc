"use strict";

/**
 * Returns a golden value with its tags replaced by real values; tests/golden/cases.py explains the tags.
 *
 * @param {any} value
 * @returns {any}
 */
function real(value) {
  if (Array.isArray(value)) return value.map(real);
  if (value === null || typeof value !== "object") return value;
  const keys = Object.keys(value);
  if (keys.length === 1) {
    if (keys[0] === "$bytes") return Buffer.from(value.$bytes, "hex");
    if (keys[0] === "$time") return new Date(value.$time);
    if (keys[0] === "$float") return value.$float;
  }
  return Object.fromEntries(keys.map((key) => [key, real(value[key])]));
}

module.exports = { real };
