"use strict";

const { SidecarError } = require("./errors.js");
const { CALL, checkOptions, timerTime } = require("./options.js");
const { checkArgs } = require("./values.js");
const { encodeFrame, encodeRequest } = require("./frames.js");

// Small frames are joined into one write up to this size, which is also what a pipe takes at once.
const BATCH = 64 * 1024;
// Reserved for pings and the shutdown, so that they never wait behind other requests.
const RESERVED = 2;

/**
 * @typedef {object} Call
 * @property {number} id
 * @property {string} channel
 * @property {Buffer} frame
 * @property {(value: any) => void} resolve
 * @property {(error: SidecarError) => void} reject
 * @property {boolean} settled
 * @property {NodeJS.Timeout | undefined} timer
 * @property {(() => void) | undefined} unlisten of the caller's AbortSignal
 */

/** Queues calls while the sidecar's limit is reached, writes them once per tick, and matches answers by id. */
class Calls {
  #lastId = 0;
  /** @type {Call[]} calls in the order in which they were made, starting at `head` */
  #queue = [];
  #head = 0;
  /** @type {Map<number, Call>} sent and not yet answered by the sidecar, settled ones (cancelled, timed out) included */
  #inFlight = new Map();
  /** @type {Buffer[]} frames that go out ahead of the queue */
  #urgent = [];
  /** @type {import("./connection.js").Connection | null} set after hello; calls wait while it is null */
  #connection = null;
  #capacity = 0;
  #blocked = false;
  #scheduled = false;
  #flushSoon = () => this.#flush();

  /**
   * @param {string} channel
   * @param {readonly unknown[]} args
   * @param {{signal?: AbortSignal | undefined, timeout?: number | undefined, urgent?: boolean}} [options] timeout in milliseconds
   * @returns {Promise<any>}
   */
  call(channel, args, options = {}) {
    return new Promise((resolve, reject) => {
      checkOptions("call", options, CALL);
      if (!Array.isArray(args)) throw new TypeError('call: the arguments must be an array, as in call("backend:logs", [{ lines: 20 }])');
      if (args.length) checkArgs(channel, args);
      const id = ++this.#lastId;
      const frame = encodeRequest(id, channel, args);
      /** @type {Call} */
      const call = { id, channel, frame, resolve, reject, settled: false, timer: undefined, unlisten: undefined };
      if (options.signal || options.timeout !== undefined) this.#limit(call, options);
      if (call.settled) return;
      if (options.urgent) {
        this.#inFlight.set(id, call);
        this.#urgent.push(frame);
      } else {
        this.#queue.push(call);
      }
      // A lone call is written at once; the others of the same tick are written together.
      if (this.#inFlight.size === 0 && !this.#scheduled) this.#flush();
      else this.#schedule();
    });
  }

  /**
   * @param {Call} call
   * @param {{signal?: AbortSignal | undefined, timeout?: number | undefined}} options
   */
  #limit(call, { signal, timeout }) {
    if (signal) {
      const abort = () =>
        this.#giveUp(call, new SidecarError("CANCELLED", `${call.channel}: cancelled by its caller`, { cause: signal.reason }));
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort, { once: true });
      call.unlisten = () => signal.removeEventListener("abort", abort);
    }
    if (timeout !== undefined && timeout !== null) {
      const text = `${call.channel}: no answer within ${timeout} ms`;
      call.timer = setTimeout(() => this.#giveUp(call, new SidecarError("TIMEOUT", text)), timerTime(timeout));
    }
  }

  /**
   * @param {Call} call
   * @param {SidecarError} error
   */
  #giveUp(call, error) {
    if (this.#inFlight.has(call.id)) {
      this.#urgent.push(encodeFrame({ type: "cancel", id: call.id })); // the call stays in flight until the sidecar answers
      this.#schedule();
    }
    this.#settle(call, error, undefined);
  }

  /**
   * @param {Call} call
   * @param {SidecarError | null} error
   * @param {any} result
   */
  #settle(call, error, result) {
    if (call.settled) return;
    call.settled = true;
    if (call.timer) clearTimeout(call.timer);
    call.unlisten?.();
    if (error) {
      error.channel ??= call.channel;
      call.reject(error);
    } else {
      call.resolve(result);
    }
  }

  /** @param {any} message a response, or an error with an id */
  answered(message) {
    const call = this.#inFlight.get(message.id);
    if (!call) return;
    if (message.type === "response") {
      this.#settle(call, null, message.result);
    } else {
      const { code, message: text, hint, data } = message.error; // throws if missing: the call fails with the connection
      this.#settle(call, new SidecarError(code, text, { hint, data }), undefined);
    }
    this.#inFlight.delete(message.id);
    if (this.#head < this.#queue.length) this.#schedule();
  }

  /**
   * @param {import("./connection.js").Connection} connection
   * @param {number} maxInFlight
   */
  attach(connection, maxInFlight) {
    this.#connection = connection;
    this.#capacity = Math.max(1, maxInFlight - RESERVED);
    this.#blocked = false;
    this.#schedule();
  }

  /**
   * The connection is gone: calls in flight fail, and queued calls wait for the next connection.
   *
   * @param {SidecarError} reason
   */
  detach(reason) {
    this.#connection = null;
    this.#urgent.length = 0;
    const calls = [...this.#inFlight.values()];
    this.#inFlight.clear();
    for (const call of calls) this.#settle(call, copyOf(reason), undefined);
  }

  /** @param {SidecarError} reason why there will be no other connection */
  rejectAll(reason) {
    this.detach(reason);
    const calls = this.#queue.slice(this.#head);
    this.#queue.length = this.#head = 0;
    for (const call of calls) this.#settle(call, copyOf(reason), undefined);
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(this.#flushSoon);
  }

  drained() {
    this.#blocked = false;
    this.#flush();
  }

  #flush() {
    this.#scheduled = false;
    const connection = this.#connection;
    if (!connection || this.#blocked) return;
    /** @type {Buffer[]} */
    let batch = [];
    let size = 0;
    if (this.#urgent.length) {
      batch = this.#urgent;
      this.#urgent = [];
      for (const frame of batch) size += frame.length;
    }
    while (this.#head < this.#queue.length && this.#inFlight.size < this.#capacity && !this.#blocked) {
      const call = /** @type {Call} */ (this.#queue[this.#head++]);
      if (call.settled) continue;
      if (call.frame.length - 4 > (connection.hello?.maxFrame ?? Infinity)) {
        const text = `${call.channel}: the arguments make a frame of ${call.frame.length - 4} bytes, more than the sidecar accepts`;
        this.#settle(call, new SidecarError("INVALID_ARGS", text, { hint: "Send less at a time, or raise --max-frame." }), undefined);
        continue;
      }
      this.#inFlight.set(call.id, call);
      batch.push(call.frame);
      size += call.frame.length;
      if (size >= BATCH) {
        this.#write(batch, size);
        batch = [];
        size = 0;
      }
    }
    if (this.#head === this.#queue.length) {
      this.#queue.length = this.#head = 0;
    } else if (this.#head > 4096) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    if (batch.length) this.#write(batch, size);
  }

  /**
   * @param {Buffer[]} batch
   * @param {number} size
   */
  #write(batch, size) {
    const bytes = batch.length === 1 ? /** @type {Buffer} */ (batch[0]) : Buffer.concat(batch, size);
    if (!this.#connection?.write(bytes)) this.#blocked = true;
  }
}

/**
 * Each caller gets its own error, because each adds its channel to it.
 *
 * @param {SidecarError} error
 */
function copyOf(error) {
  return new SidecarError(error.code, error.message, { hint: error.hint ?? undefined, data: error.data, cause: error });
}

module.exports = { Calls, copyOf };
