// What the page needs from its connection to a sidecar: a WebSocket in a browser, window.electron in an Electron window.

/**
 * @typedef {import("../../../../electron-shim/types/protocol").Channels} Channels
 * @typedef {import("../../../../electron-shim/types/protocol").Events} Events
 *
 * @typedef {{kind: "connecting"}
 *   | {kind: "connected", about: string}
 *   | {kind: "sidecar-lost", message: string, hint: string, final: boolean}
 *   | {kind: "disconnected"}
 *   | {kind: "locked", used: boolean}} Link
 *   `connected` is sent for every new sidecar, and invalidates what was known about the one before. `about` names it.
 *
 * @typedef {object} Transport
 * @property {<Name extends keyof Channels>(channel: Name, ...args: Channels[Name]["args"]) => Promise<Channels[Name]["result"]>} call
 *   rejects with a CallError
 * @property {<Name extends keyof Events>(name: Name, listener: (payload: Events[Name], dropped: number) => void) => void} on
 *   `dropped` events of that name are missing just before this one
 * @property {(listener: (link: Link) => void) => void} onLink
 * @property {(() => Promise<Blob>)} [bundle] a zip for a support ticket, secrets masked; rejects with a CallError
 * @property {() => void} open call it after all listeners are registered
 */

/** A call that failed: `message` names the cause, `hint` the remedy. */
export class CallError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {string} [hint]
   */
  constructor(code, message, hint = "") {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}
