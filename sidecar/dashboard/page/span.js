// The span of time that the charts and the strip of states share.

const LONGEST = 600; // seconds that the sidecar keeps samples for
const SHORTEST = 60;

let first = Infinity;

/** @param {number} at the time of something to show, in seconds since the epoch */
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
