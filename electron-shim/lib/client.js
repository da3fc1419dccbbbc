"use strict";

const util = require("node:util");
const { Calls, copyOf } = require("./client/calls.js");
const { Connection } = require("./client/connection.js");
const { SidecarError, closed, nameCaller } = require("./client/errors.js");
const { Listeners } = require("./client/listeners.js");
const { locateSidecar, thisHost } = require("./client/locate.js");
const { checkConnectOptions, checkOptions, CLOSE, ownOptions, timerTime, withDefaults } = require("./client/options.js");
const { Restarts } = require("./client/restarts.js");
const { Subscriptions } = require("./client/subscriptions.js");
const { mergedEnvironment, settingsEnvironment } = require("./client/settings.js");
const { awakeTimeout, Watchdog } = require("./client/watchdog.js");
const { OPT_IN_EVENTS } = require("./names.js");

// A sidecar needs 1.5 s to stop its backend after the end of stdin; if it takes longer than this, it hangs.
const ABANDON_MS = 5_000;
// Exit statuses after which a restart would fail in the same way: usage and settings.
const HOPELESS = new Set([64, 78]);

/**
 * @typedef {import("../types/client").ConnectOptions} ConnectOptions
 * @typedef {import("../types/protocol").Hello} Hello
 */

/** A connection to a sidecar, which continues when the sidecar's process is replaced. Created by `connect`. */
class Sidecar {
  #limits;
  #spawnOptions;
  #calls = new Calls();
  #listeners;
  /** @type {Hello | null} */
  #hello = null;
  /** @type {Connection | null} */
  #connection = null;
  /** @type {Watchdog | null} */
  #watchdog = null;
  /** @type {SidecarError | null} why no sidecar will run again */
  #over = null;
  /** @type {Promise<import("../types/client").CloseResult> | null} */
  #closing = null;
  #restarts;
  /** @type {NodeJS.Timeout | undefined} */
  #restartTimer;
  /** @type {Array<{resolve: () => void, reject: (error: SidecarError) => void}>} */
  #helloWaiters = [];
  /** @type {Array<(end: {code: number | null, error: SidecarError}) => void>} */
  #endWaiters = [];
  #everReady = false;
  #subscriptions = new Subscriptions(
    (name) => this.#listeners.has(name),
    (channel, args) => this.#calls.call(channel, args, { urgent: true }),
  );

  /** @param {ConnectOptions} given @param {Listeners} [listeners] */
  constructor(given, listeners = new Listeners()) {
    this.#listeners = listeners;
    const options = ownOptions(given);
    checkConnectOptions(options);
    const { command, startHint } = options.command ? { ...options, command: options.command } : locateSidecar(undefined, thisHost());
    const settings = ownOptions(options.settings ?? {});
    this.#limits = withDefaults(options.limits);
    this.#restarts = new Restarts(this.#limits);
    const variables = settingsEnvironment(settings);
    this.#spawnOptions = {
      command: [...command, ...(command.at(-1) === "serve" ? [] : ["serve"]), ...(settings.profile ? ["--profile", settings.profile] : [])],
      env: ownOptions(mergedEnvironment(process.env, { ...options.env, ...variables })), // Node passes on what an environment inherits
      origins: [...Object.keys(variables), "--profile"],
      cwd: options.cwd,
      helloTimeout: this.#limits.helloTimeout,
      startHint,
    };
    for (const observe of options.observers ?? []) observe(/** @type {any} */ (this));
    this.#start();
  }

  /** The current process's hello message; null while none is running. */
  get hello() {
    return this.#hello;
  }

  /** Whether `close` or `abandon` was called. */
  get closing() {
    return this.#closing !== null;
  }

  /** Omits the environment, which may contain secrets. */
  [util.inspect.custom]() {
    const state = this.#hello ? `process ${this.#hello.pid}` : (this.#over?.code ?? (this.#closing ? "closing" : "starting"));
    return `Sidecar <${state}>`;
  }

  #start() {
    /** @type {Connection} */
    const connection = new Connection(this.#spawnOptions, {
      hello: (hello) => this.#greeted(connection, hello),
      message: (message) => this.#received(message),
      drain: () => this.#calls.drained(),
      stderr: (text) => this.#listeners.notify("sidecar:stderr", text),
      closed: (reason, code) => this.#closed(reason, code),
    });
    this.#connection = connection;
  }

  /**
   * @param {Connection} connection
   * @param {Hello} hello
   */
  #greeted(connection, hello) {
    const again = this.#everReady;
    this.#everReady = true;
    this.#hello = hello;
    this.#calls.attach(connection, hello.maxInFlight);
    this.#subscriptions.reset(hello.events);
    const { pingInterval, pingMisses, helloTimeout } = this.#limits;
    this.#watchdog = new Watchdog({
      interval: pingInterval,
      misses: pingMisses,
      patience: helloTimeout,
      ping: () => this.#calls.call("sidecar:ping", [], { urgent: true }),
      hung: (silence) => {
        connection.abort(new SidecarError("SIDECAR_HUNG", `The sidecar did not answer for ${silence / 1000} s and was killed`));
      },
    });
    for (const waiter of this.#helloWaiters.splice(0)) waiter.resolve();
    if (again) this.#listeners.notify("sidecar:restarted", hello);
  }

  /** @param {any} message */
  #received(message) {
    if (message.type === "event") this.#listeners.notify(message.channel, message.payload);
    else if (message.id !== null) this.#calls.answered(message);
  }

  /**
   * @param {SidecarError} reason
   * @param {number | null} code
   */
  #closed(reason, code) {
    this.#watchdog?.stop();
    this.#connection = null;
    const wasThere = this.#hello !== null;
    this.#hello = null;
    this.#subscriptions.reset(null);
    for (const waiter of this.#endWaiters.splice(0)) waiter({ code, error: reason });
    if (this.#closing) return this.#finish(closed());
    const delay = !this.#everReady || HOPELESS.has(code ?? 0) ? null : this.#restarts.next();
    if (delay === null) {
      this.#finish(reason);
      if (this.#everReady) this.#listeners.notify("sidecar:failed", reason);
      return;
    }
    this.#calls.detach(reason);
    if (wasThere) this.#listeners.notify("sidecar:exited", reason);
    this.#restartTimer = setTimeout(() => this.#start(), delay);
  }

  /** @param {SidecarError} reason */
  #finish(reason) {
    this.#over = reason;
    this.#calls.rejectAll(reason);
    for (const waiter of this.#helloWaiters.splice(0)) waiter.reject(reason);
  }

  /** Resolves as soon as a sidecar has said hello. @returns {Promise<void>} */
  whenReady() {
    if (this.#hello) return Promise.resolve();
    if (this.#over) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => this.#helloWaiters.push({ resolve, reject }));
  }

  /**
   * Resolves as soon as a sidecar answers calls: hello comes before the settings are read, and wrong ones end it.
   *
   * @returns {Promise<void>}
   */
  async whenServing() {
    do {
      await this.whenReady();
      await this.#calls.call("sidecar:ping", [], { urgent: true }).catch(() => {}); // the next iteration rejects, or waits for the next process
    } while (!this.#hello);
  }

  /**
   * @param {string} channel
   * @param {readonly unknown[]} [args]
   * @param {import("../types/client").CallOptions} [options]
   * @returns {Promise<any>}
   */
  call(channel, args = [], options = {}) {
    return (this.#over ? Promise.reject(copyOf(this.#over)) : this.#calls.call(channel, args, options)).catch(nameCaller);
  }

  /** @param {string} channel @param {unknown[]} args @returns {Promise<any>} */
  invoke(channel, ...args) {
    return this.call(channel, args);
  }

  /** Sends a call ahead of the queue; a failure is reported elsewhere. @param {string} channel @param {readonly unknown[]} args */
  #urgent(channel, args) {
    this.#calls.call(channel, args, { urgent: true }).catch(() => {});
  }

  /**
   * @param {string} channel
   * @param {(payload: any) => void} callback
   * @returns {() => void}
   */
  on(channel, callback) {
    const optIn = OPT_IN_EVENTS.includes(channel);
    const remove = this.#listeners.add(channel, callback);
    if (optIn) this.#subscriptions.update();
    return () => {
      if (remove() && optIn) this.#subscriptions.update();
    };
  }

  /** @param {"suspend" | "resume"} what */
  power(what) {
    if (what !== "suspend" && what !== "resume") throw new TypeError(`power takes "suspend" or "resume", not ${String(what)}`);
    if (what === "suspend") this.#watchdog?.pause();
    else this.#watchdog?.resume();
    if (this.#hello) this.#urgent("sidecar:power", [what]);
  }

  /**
   * @param {{timeout?: number}} [options]
   * @returns {Promise<import("../types/client").CloseResult>}
   */
  close(options = {}) {
    checkOptions("close", options, CLOSE);
    this.#closing ??= this.#shutDown(timerTime(options.timeout ?? this.#limits.closeTimeout));
    return this.#closing;
  }

  /**
   * @param {number} timeout
   * @param {boolean} [abandoned] closes its stdin instead of sending a request
   * @returns {Promise<import("../types/client").CloseResult>}
   */
  async #shutDown(timeout, abandoned = false) {
    clearTimeout(this.#restartTimer);
    const connection = this.#connection;
    if (!connection) {
      if (!this.#over) this.#finish(closed());
      return { code: null, error: this.#over?.code === "CLOSED" ? null : this.#over };
    }
    /** @type {SidecarError | null} */
    let failure = null;
    /** @type {Promise<{code: number | null, error: SidecarError}>} */
    const end = new Promise((resolve) => this.#endWaiters.push(resolve));
    if (this.#hello && !abandoned) this.#calls.call("sidecar:shutdown", [], { urgent: true }).catch((error) => (failure = error));
    else connection.abandon();
    const tooLong = new SidecarError("TIMEOUT", `The sidecar did not exit within ${timeout / 1000} s and was killed`);
    const cancel = awakeTimeout(() => connection.abort((failure = tooLong)), timeout);
    this.#watchdog?.stop();
    const { code, error } = await end;
    cancel();
    return { code, error: code === 0 ? null : (failure ?? error) };
  }

  /** Closes the sidecar's stdin: it then ends everything within 2 s. For callers that have no time to wait. */
  abandon() {
    if (this.#closing) this.#connection?.abandon();
    else this.#closing = this.#shutDown(ABANDON_MS, true);
  }

  /** Starts a sidecar again after `close` or `abandon`, once that has finished. */
  async reopen() {
    const closing = this.#closing;
    if (!closing) return;
    await closing;
    if (this.#closing !== closing) return; // another reopen came first
    this.#closing = null;
    if (this.#over?.code !== "CLOSED") return; // it had failed for good before
    this.#over = null;
    this.#restarts.reset();
    this.#start();
  }
}

/** Starts a sidecar and waits until it answers calls. Listeners that are added right after that miss no event. @param {ConnectOptions} options */
async function connect(options) {
  const listeners = new Listeners();
  const sidecar = new Sidecar(options, listeners.hold());
  await sidecar
    .whenServing()
    .catch(nameCaller)
    .finally(() => setImmediate(() => listeners.release()));
  return sidecar;
}

module.exports = { connect, Sidecar, SidecarError };
