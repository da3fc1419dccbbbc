"use strict";

const { OPT_IN_EVENTS } = require("../names.js");

/**
 * Subscribes to those opt-in events of the current sidecar that have listeners. Sends one request at a time, so that a page that adds and
 * removes listeners in a loop does not fill the sidecar's queue.
 */
class Subscriptions {
  #isWanted;
  #ask;
  /** @type {readonly string[] | null} the sidecar's events; null while none is running */
  #events = null;
  /** @type {Set<string>} */
  #subscribed = new Set();
  #asking = false;

  /**
   * @param {(name: string) => boolean} isWanted
   * @param {(channel: string, args: readonly unknown[]) => Promise<unknown>} ask
   */
  constructor(isWanted, ask) {
    this.#isWanted = isWanted;
    this.#ask = ask;
  }

  /** @param {readonly string[] | null} events of a new sidecar, which has no subscriptions yet; null: the sidecar is gone */
  reset(events) {
    this.#events = events;
    this.#subscribed.clear();
    this.update();
  }

  /** Call it after a listener was added or removed. */
  update() {
    const events = this.#events;
    if (!events || this.#asking) return;
    const isWanted = (/** @type {string} */ name) => this.#isWanted(name) && events.includes(name);
    const added = OPT_IN_EVENTS.filter((name) => isWanted(name) && !this.#subscribed.has(name));
    const removed = OPT_IN_EVENTS.filter((name) => !isWanted(name) && this.#subscribed.has(name));
    if (added.length) this.#change("sidecar:subscribe", added);
    else if (removed.length) this.#change("sidecar:unsubscribe", removed);
  }

  /** @param {string} channel @param {readonly string[]} names */
  #change(channel, names) {
    for (const name of names) {
      if (channel === "sidecar:subscribe") this.#subscribed.add(name);
      else this.#subscribed.delete(name);
    }
    this.#asking = true;
    const next = () => {
      this.#asking = false;
      this.update();
    };
    this.#ask(channel, [names]).then(next, next); // a failure is reported elsewhere
  }
}

module.exports = { Subscriptions };
