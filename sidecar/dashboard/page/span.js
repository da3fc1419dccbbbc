// The stretch of time that the charts and the strip of states show, the same for all of them.

const LONGEST = 600; // seconds, for which the sidecar keeps samples
const SHORTEST = 60;

let first = Infinity;

/** @param {number} at seconds since the epoch at which something is to be seen */
export function note(at) {
  first = Math.min(first, at);
}

export function forget() {
  first = Infinity;
}

/** @returns {[number, number]} seconds since the epoch */
export function span() {
  const now = Date.now() / 1000;
  return [Math.min(now - SHORTEST, Math.max(now - LONGEST, first)), now];
}
