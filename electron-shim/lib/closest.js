"use strict";

/**
 * @param {string} name a misspelt name, possibly without its prefix (`status` for `backend:status`)
 * @param {readonly string[]} known
 * @returns {string | undefined} the known name that differs by at most two characters, ignoring case
 */
function closest(name, known) {
  const wanted = name.toLowerCase().slice(0, 100);
  const near = known.map((one) => {
    const whole = one.toLowerCase();
    const short = whole.slice(whole.indexOf(":") + 1);
    return { one, least: Math.min(distance(wanted, whole), distance(wanted, short) + (short === wanted ? 0 : 1)) };
  });
  const { one, least } = near.reduce((a, b) => (b.least < a.least ? b : a));
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
