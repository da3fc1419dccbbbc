"use strict";

// So many ticks on time after "suspend" mean that the machine is awake: some systems never send "resume".
const AWAKE_TICKS = 12;

/**
 * Asks the sidecar for a sign of life at every tick; `hung` is called once when none came for `misses` ticks in a row.
 * A tick that comes late by more than a whole interval means that this process itself did not run (the machine slept, or
 * a long computation): nothing is concluded from the time before it.
 */
class Watchdog {
  #interval;
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
   * @param {() => Promise<unknown>} options.ping settles, either way, when the sidecar answers
   * @param {() => void} options.hung
   * @param {() => number} [options.now] monotonic milliseconds
   */
  constructor({ interval, misses, ping, hung, now = () => performance.now() }) {
    this.#interval = interval;
    this.#limit = misses;
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
      this.#hung();
      return;
    }
    this.#waiting = true;
    const answered = () => {
      this.#waiting = false;
      this.#missed = 0;
    };
    this.#ping().then(answered, answered);
  }

  /** The machine is about to sleep. */
  pause() {
    this.#paused = true;
    this.#ticksPaused = 0;
  }

  /** It woke up: a fresh window. */
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

module.exports = { Watchdog };
