"use strict";

// After this many punctual ticks since "suspend" the machine must be awake: some systems never send "resume".
const AWAKE_TICKS = 12;

/**
 * Pings the sidecar at every tick and calls `hung` once after `misses` unanswered ticks in a row. A tick that is late by more than a
 * whole interval means that this process itself was not running (the machine slept, or a computation blocked it): earlier
 * misses are then ignored. Until the first answer `patience` milliseconds count instead: a virus scanner may hold up what a sidecar
 * loads after its hello.
 */
class Watchdog {
  #interval;
  #misses;
  #limit;
  #ping;
  #hung;
  #now;
  #missed = 0;
  #waiting = false;
  #last;
  #paused = false;
  #ticksPaused = 0;
  #timer;

  /**
   * @param {object} options
   * @param {number} options.interval milliseconds
   * @param {number} options.misses
   * @param {number} [options.patience]
   * @param {() => Promise<unknown>} options.ping settles, either way, when the sidecar answers
   * @param {(silence: number) => void} options.hung called with the milliseconds without an answer
   * @param {() => number} [options.now] monotonic milliseconds
   */
  constructor({ interval, misses, patience = 0, ping, hung, now = () => performance.now() }) {
    this.#interval = interval;
    this.#misses = misses;
    this.#limit = Math.max(misses, patience / interval);
    this.#ping = ping;
    this.#hung = hung;
    this.#now = now;
    this.#last = now();
    this.#timer = setInterval(() => this.tick(), interval);
    this.#timer.unref();
  }

  tick() {
    const now = this.#now();
    const late = now - this.#last > 2 * this.#interval;
    this.#last = now;
    if (this.#paused) {
      this.#ticksPaused = late ? 0 : this.#ticksPaused + 1;
      if (this.#ticksPaused >= AWAKE_TICKS) this.resume();
      return;
    }
    this.#missed = late || !this.#waiting ? 0 : this.#missed + 1;
    if (this.#missed >= this.#limit) {
      this.stop();
      this.#hung(this.#missed * this.#interval);
      return;
    }
    this.#waiting = true;
    const answered = () => {
      this.#waiting = false;
      this.#missed = 0;
      this.#limit = this.#misses;
    };
    this.#ping().then(answered, answered);
  }

  /** The machine is about to sleep. */
  pause() {
    this.#paused = true;
    this.#ticksPaused = 0;
  }

  /** The machine woke up: start counting again. */
  resume() {
    this.#paused = false;
    this.#missed = 0;
    this.#waiting = false;
    this.#last = this.#now();
  }

  stop() {
    clearInterval(this.#timer);
  }
}

const STEP_MS = 1000;

/**
 * Like setTimeout, but a sleep of the machine counts for at most one second: on Windows, Node's clock continues during a sleep, while
 * the work that the limit applies to (a backend that saves) stands still.
 *
 * @param {() => void} over
 * @param {number} milliseconds
 * @returns {() => void} cancels it
 */
function awakeTimeout(over, milliseconds) {
  /** @type {NodeJS.Timeout} */
  let timer;
  /** @param {number} left */
  const wait = (left) => {
    timer = setTimeout(() => (left > STEP_MS ? wait(left - STEP_MS) : over()), Math.min(left, STEP_MS));
  };
  wait(milliseconds);
  return () => clearTimeout(timer);
}

module.exports = { awakeTimeout, Watchdog };
