"use strict";

/**
 * @param {string} name as somebody wrote it
 * @param {readonly string[]} known
 * @returns {string | undefined} the known name that differs by two characters at most, letter case aside
 */
function closest(name, known) {
  const near = known.map((one) => ({ one, distance: distance(name.toLowerCase().slice(0, 100), one.toLowerCase()) }));
  const { one, distance: least } = near.reduce((a, b) => (b.distance < a.distance ? b : a));
  return least <= Math.min(2, one.length / 4) ? one : undefined;
}

/** Levenshtein's. @param {string} a @param {string} b */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(
        Math.min(/** @type {number} */ (row[j]) + 1, /** @type {number} */ (next[j - 1]) + 1, /** @type {number} */ (row[j - 1]) + same),
      );
    }
    row = next;
  }
  return /** @type {number} */ (row[b.length]);
}

module.exports = { closest };
