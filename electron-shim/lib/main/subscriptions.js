"use strict";

/** Listeners on Electron's emitters, removed together. */
class Subscriptions {
  /** @type {Array<() => void>} */
  #ends = [];

  /**
   * @param {object} emitter
   * @param {string} event
   * @param {(...args: any[]) => void} listener
   */
  on(emitter, event, listener) {
    const one = /** @type {NodeJS.EventEmitter} */ (emitter);
    one.on(event, listener);
    this.add(() => one.removeListener(event, listener));
  }

  /** @param {() => void} end */
  add(end) {
    this.#ends.push(end);
  }

  end() {
    for (const end of this.#ends.splice(0).reverse()) end();
  }
}

module.exports = { Subscriptions };
