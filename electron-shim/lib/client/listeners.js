"use strict";

const { closest } = require("../closest.js");
const { EVENTS } = require("../names.js");

const KNOWN = [...EVENTS, "sidecar:exited", "sidecar:restarted", "sidecar:failed", "sidecar:stderr"];

/** Callbacks by event name. If one throws, the others are still called and frames are still read; its error is thrown separately. */
class Listeners {
  /** @type {Map<string, Set<(payload: any) => void>>} */
  #byName = new Map();
  /** @type {Array<[string, any]> | null} events that wait for their listeners; null: not holding */
  #held = null;

  /**
   * @param {string} name
   * @param {(payload: any) => void} callback
   * @throws {TypeError}
   * @returns {() => boolean} stops listening; true if it was the last listener of that name
   */
  add(name, callback) {
    if (!KNOWN.includes(name)) {
      const close = closest(String(name), KNOWN);
      throw new TypeError(`${JSON.stringify(name)} is not an event. ${close ? `Did you mean ${close}?` : `Events: ${KNOWN.join(", ")}`}`);
    }
    if (typeof callback !== "function") throw new TypeError(`the listener of ${name} must be a function`);
    // Wrapped, so that the same function added twice is two listeners, each removed on its own.
    const own = (/** @type {any} */ payload) => callback(payload);
    let set = this.#byName.get(name);
    if (!set) this.#byName.set(name, (set = new Set()));
    set.add(own);
    return () => {
      const there = this.#byName.get(name);
      if (!there?.delete(own) || there.size > 0) return false;
      this.#byName.delete(name);
      return true;
    };
  }

  /** @param {string} name */
  has(name) {
    return this.#byName.has(name);
  }

  /** Holds events back until `release`. */
  hold() {
    this.#held = [];
    return this;
  }

  release() {
    const held = this.#held ?? [];
    this.#held = null;
    for (const [name, payload] of held) this.notify(name, payload);
  }

  /**
   * @param {string} name
   * @param {any} payload
   */
  notify(name, payload) {
    if (this.#held) {
      this.#held.push([name, payload]);
      return;
    }
    for (const callback of this.#byName.get(name) ?? []) {
      try {
        callback(payload);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

module.exports = { Listeners };
