"use strict";

const { SidecarError } = require("../client/errors.js");
const { checkArgs } = require("../client/values.js");
const { FAILURES, LEGACY_CHANNELS } = require("../names.js");

// How long a page's call waits for a sidecar that is still starting; one that waits for the backend waits until it has started or failed.
const HELLO_WAIT_MS = 10_000;
// Limits on a page's unanswered calls and on the size of one call's arguments, because this process keeps them until they are
// answered. No channel for pages needs more than a few hundred bytes.
const MAX_WAITING = 20_000;
const MAX_ARGS_BYTES = 4096;
// The largest share of the sidecar's concurrent calls that one page may use: a call that waits for a start may take a minute.
const PAGE_SHARE = 0.25;

/**
 * @typedef {object} Lane
 * @property {number} active calls in flight
 * @property {Array<() => void>} queue waiting calls
 *
 * @typedef {object} PageCalls
 * @property {number} waiting
 * @property {Lane} stops separate, because a stop ends what the other calls wait for and must not wait behind them
 * @property {Lane} others
 */

/** Answers pages' calls in the form that existing pages expect, also while no sidecar is running. */
class Answers {
  #sidecar;
  #bootstrap;
  #helloWait;
  /** @type {WeakMap<object, import("../../types/preload").LastError>} the last failure by webContents */
  #lastErrors = new WeakMap();
  /** @type {WeakMap<object, PageCalls>} by webContents */
  #pages = new WeakMap();

  /**
   * @param {object} options
   * @param {import("../client.js").Sidecar} options.sidecar
   * @param {() => import("../../types/protocol").Bootstrap} options.bootstrap
   * @param {number} [options.helloWait] milliseconds
   */
  constructor({ sidecar, bootstrap, helloWait = HELLO_WAIT_MS }) {
    this.#sidecar = sidecar;
    this.#bootstrap = bootstrap;
    this.#helloWait = helloWait;
  }

  /**
   * @param {object} sender the calling webContents
   * @param {string} channel
   * @param {unknown[]} args
   * @returns {Promise<any>}
   */
  async answer(sender, channel, args) {
    const page = this.#pages.get(sender) ?? {
      waiting: 0,
      stops: { active: 0, queue: [] },
      others: { active: 0, queue: [] },
    };
    try {
      if (page.waiting >= MAX_WAITING)
        throw new SidecarError("TOO_MANY_REQUESTS", `${page.waiting} calls of this page are already waiting`);
      checkArgs(channel, args, MAX_ARGS_BYTES);
    } catch (error) {
      return this.#failed(sender, channel, error);
    }
    this.#pages.set(sender, page);
    page.waiting += 1;
    try {
      await (channel === "backend:waitForReady" ? this.#sidecar.whenReady() : this.#hello());
      if (!this.#sidecar.hello?.channels.includes(channel)) {
        throw new SidecarError("UNKNOWN_CHANNEL", `The running sidecar has no channel ${channel}`, { hint: "Update the sidecar." });
      }
      const most = Math.max(1, Math.floor(this.#sidecar.hello.maxInFlight * PAGE_SHARE));
      const [lane, places] = channel === "backend:stop" ? [page.stops, 1] : [page.others, most];
      return await inTurn(lane, places, () => this.#sidecar.call(channel, LEGACY_CHANNELS.includes(channel) ? [] : args));
    } catch (error) {
      return this.#failed(sender, channel, error);
    } finally {
      page.waiting -= 1;
    }
  }

  /** @param {object} sender @param {string} channel @param {unknown} error */
  #failed(sender, channel, error) {
    const failure = error instanceof SidecarError ? error : new SidecarError("INTERNAL", String(error), { cause: error });
    this.remember(sender, channel, failure);
    const instead = this.#withoutSidecar(channel, failure.message);
    if (instead !== undefined) return instead;
    throw pageError(channel, failure.message);
  }

  async #hello() {
    if (this.#sidecar.hello) return;
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const limit = new Promise((_resolve, reject) => {
      const text = `The sidecar is not ready after ${this.#helloWait / 1000} s`;
      timer = setTimeout(() => reject(new SidecarError("SIDECAR_HELLO_TIMEOUT", text)), this.#helloWait);
    });
    try {
      await Promise.race([this.#sidecar.whenReady(), limit]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Returns the answer of a channel that never rejects while no sidecar runs: then no backend runs either.
   *
   * @param {string} channel
   * @param {string} text
   * @returns {any} undefined: this channel rejects
   */
  #withoutSidecar(channel, text) {
    if (channel === "backend:getUrl") return null;
    if (channel === "backend:health") return { status: "unhealthy", error: text };
    if (channel === "backend:ping") return { success: false, error: text };
    if (channel === "backend:status") return goneStatus();
    if (channel.startsWith("runtime:")) return this.#bootstrap();
    return undefined;
  }

  /**
   * @param {object} sender
   * @param {string} channel
   * @param {SidecarError} error
   */
  remember(sender, channel, { code, message, hint, data }) {
    this.#lastErrors.set(sender, { channel, code, message, hint, data });
  }

  /** @param {object} sender */
  lastError(sender) {
    return this.#lastErrors.get(sender) ?? null;
  }
}

/**
 * @param {Lane} lane
 * @param {number} places
 * @param {() => Promise<any>} call
 */
async function inTurn(lane, places, call) {
  if (lane.active < places) lane.active += 1;
  else await new Promise((/** @type {(value: void) => void} */ resolve) => lane.queue.push(resolve)); // takes the place of a call that ends
  try {
    return await call();
  } finally {
    const next = lane.queue.shift();
    if (next) next();
    else lane.active -= 1;
  }
}

/** @returns {import("../../types/protocol").Status} */
function goneStatus() {
  return {
    running: false,
    port: null,
    url: null,
    state: "FAILED",
    pid: null,
    health: "unknown",
    since: new Date().toISOString(),
    uptime: null,
    restarts: 0,
    lastExit: null,
    managed: true,
    listener: "unknown",
    exposed: [],
    sharedDataFolder: false,
  };
}

/**
 * Creates a plain Error: Electron passes on `String(error)`, and pages match on "Error: TEXT". The sidecar's own texts already
 * start with the prefix.
 *
 * @param {string} channel
 * @param {string} text
 */
function pageError(channel, text) {
  const before = /** @type {Record<string, string>} */ (FAILURES)[channel];
  const error = new Error(before && !text.startsWith(before) ? `${before}: ${text}` : text);
  error.stack = ""; // Electron logs the stack, which would name this file and not the cause
  return error;
}

module.exports = { Answers, pageError };
