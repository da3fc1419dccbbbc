"use strict";

/** How often a dead sidecar is restarted within a window. */
class Restarts {
  #attempts;
  #window;
  #delay;
  /** @type {number[]} times of the restarts within the window */
  #times = [];

  /** @param {{restartAttempts: number, restartWindow: number, restartDelay: number}} limits in milliseconds, except the count */
  constructor({ restartAttempts, restartWindow, restartDelay }) {
    this.#attempts = restartAttempts;
    this.#window = restartWindow;
    this.#delay = restartDelay;
  }

  /** @returns {number | null} the milliseconds to wait before the next restart; null: give up */
  next() {
    const now = performance.now();
    this.#times = this.#times.filter((time) => now - time < this.#window);
    if (this.#times.length >= this.#attempts) return null;
    const delay = this.#times.length ? this.#delay : 0;
    this.#times.push(now);
    return delay;
  }

  reset() {
    this.#times = [];
  }
}

module.exports = { Restarts };
