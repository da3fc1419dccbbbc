"use strict";

/**
 * A failed call, or the failure of the sidecar. `code` is stable and for programs, `message` names the cause, `hint` the remedy. The
 * protocol page describes `data` for each code.
 *
 * Codes of this package: `SIDECAR_NOT_STARTED` (it could not be started, or exited before hello), `SIDECAR_HELLO_TIMEOUT`,
 * `SIDECAR_PROTOCOL` (invalid data, or another version), `SIDECAR_EXITED`, `SIDECAR_HUNG`, `TIMEOUT` (of the call), `CLOSED`.
 */
class SidecarError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{hint?: string | undefined, data?: any, cause?: unknown, channel?: string | undefined}} [more]
   */
  constructor(code, message, more = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = "SidecarError";
    this.code = code;
    /** @type {string | null} */
    this.hint = more.hint ?? null;
    /** @type {any} */
    this.data = more.data ?? null;
    /** @type {string | null} */
    this.channel = more.channel ?? null;
  }
}

/**
 * For `promise.catch`: an error is created where the answer arrives, but in a reaction of the awaited promise the engine knows
 * who awaits it, so the stack names that line. An async function would know it too, at a higher cost for every call.
 *
 * @param {unknown} error
 * @returns {never}
 */
function nameCaller(error) {
  if (error instanceof SidecarError) Error.captureStackTrace(error);
  throw error;
}

/** The error of calls after `close` or `abandon`. */
function closed() {
  return new SidecarError("CLOSED", "The sidecar was closed", { hint: "Start another one with connect or attachSidecar." });
}

module.exports = { SidecarError, closed, nameCaller };
