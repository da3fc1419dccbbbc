// The same over what electron-shim's preload exposes. The shim replaces a dead sidecar; a page notices only that calls fail.
import { CallError } from "./types.js";

const LOOK_MS = 2000;
const GONE = ["SIDECAR_EXITED", "SIDECAR_HUNG", "SIDECAR_NOT_STARTED", "SIDECAR_HELLO_TIMEOUT", "SIDECAR_PROTOCOL", "CLOSED"];

/** @typedef {import("./types.js").Link} Link */

export class ElectronTransport {
  /** @param {import("../../../../electron-shim/types/preload").ElectronApi} electron */
  constructor(electron) {
    this.electron = electron;
    /** @type {((link: Link) => void)[]} */
    this.linkListeners = [];
    /** @type {boolean | null} */
    this.alive = null;
  }

  open() {
    this.announce({ kind: "connecting" });
    void this.look();
    setInterval(() => void this.look(), LOOK_MS);
  }

  /**
   * @param {any} channel
   * @param {any[]} args
   * @returns {Promise<any>}
   */
  async call(channel, ...args) {
    try {
      return await /** @type {any} */ (this.electron).invoke(channel, ...args);
    } catch (error) {
      const last = await this.electron.backend.lastError();
      const text = String(error).replace(/^Error: Error invoking remote method '[^']*': (Error: )?/, "");
      throw last && last.channel === channel ? new CallError(last.code, last.message, last.hint ?? "") : new CallError("INTERNAL", text);
    }
  }

  /** @param {any} name @param {(payload: any, dropped: number) => void} listener */
  on(name, listener) {
    this.electron.on(name, (/** @type {any} */ payload) => listener(payload, 0));
  }

  /** @param {(link: Link) => void} listener */
  onLink(listener) {
    this.linkListeners.push(listener);
  }

  /** @param {Link} link */
  announce(link) {
    for (const listener of this.linkListeners) listener(link);
  }

  async look() {
    try {
      await this.call("backend:resources", { window: 1 });
    } catch (error) {
      if (error instanceof CallError && GONE.includes(error.code)) {
        if (this.alive !== false) this.announce({ kind: "sidecar-lost", message: error.message, hint: error.hint, final: false });
        this.alive = false;
        return;
      }
    }
    if (!this.alive) {
      this.alive = true;
      this.announce({ kind: "connected", about: "Sidecar of this app" });
    }
  }
}
