// The protocol's messages as JSON over a WebSocket, which is reopened whenever it closes.
import { CallError } from "./types.js";
import { enter } from "./session.js";

const PROTOCOL = "sidecar.dashboard.1";
const OPT_IN = ["backend:log", "backend:resourceUpdate"];
const FIRST_DELAY_MS = 300;
const LONGEST_DELAY_MS = 5000;

/** @typedef {import("./types.js").Link} Link */

export class SocketTransport {
  constructor() {
    /** @type {WebSocket | null} */
    this.socket = null;
    this.lastId = 0;
    this.key = "";
    this.delay = FIRST_DELAY_MS;
    this.locked = false;
    /** @type {Map<number, {resolve: (value: any) => void, reject: (error: CallError) => void}>} */
    this.pending = new Map();
    /** @type {Map<string, ((payload: any, dropped: number) => void)[]>} */
    this.listeners = new Map();
    /** @type {((link: Link) => void)[]} */
    this.linkListeners = [];
  }

  open() {
    window.addEventListener("hashchange", () => {
      if (!this.locked) return;
      this.locked = false;
      void this.connect(); // a new address was pasted into this tab
    });
    this.announce({ kind: "connecting" });
    void this.connect();
  }

  /**
   * @param {string} channel
   * @param {any[]} args
   * @returns {Promise<any>}
   */
  call(channel, ...args) {
    const { socket } = this;
    if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(new CallError("CLOSED", "The dashboard is unreachable"));
    return new Promise((resolve, reject) => {
      const id = ++this.lastId;
      this.pending.set(id, { resolve, reject });
      socket.send(JSON.stringify({ type: "request", id, channel, args }));
    });
  }

  async bundle() {
    let answer;
    try {
      answer = await fetch("/bundle", { headers: { Authorization: `Bearer ${this.key}` } });
    } catch {
      throw new CallError("CLOSED", "The dashboard is unreachable");
    }
    if (!answer.ok) throw new CallError("INTERNAL", (await answer.text()).trim());
    return answer.blob();
  }

  /** @param {string} name @param {(payload: any, dropped: number) => void} listener */
  on(name, listener) {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener]);
  }

  /** @param {(link: Link) => void} listener */
  onLink(listener) {
    this.linkListeners.push(listener);
  }

  /** @param {Link} link */
  announce(link) {
    for (const listener of this.linkListeners) listener(link);
  }

  async connect() {
    try {
      const session = await enter();
      if (!("key" in session)) {
        this.locked = true;
        this.announce({ kind: "locked", used: session.used });
        return;
      }
      this.key = session.key;
      this.listen(new WebSocket(`ws://${location.host}/socket`, [PROTOCOL, `key.${session.key}`]));
    } catch {
      this.again();
    }
  }

  /** @param {WebSocket} socket */
  listen(socket) {
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => {
      for (const line of String(data).split("\n")) this.take(JSON.parse(line));
    });
    socket.addEventListener("close", () => {
      this.socket = null;
      for (const { reject } of this.pending.values()) reject(new CallError("CLOSED", "The connection to the dashboard was lost"));
      this.pending.clear();
      this.again();
    });
  }

  again() {
    this.announce({ kind: "disconnected" });
    setTimeout(() => void this.connect(), this.delay);
    this.delay = Math.min(2 * this.delay, LONGEST_DELAY_MS);
  }

  /** @param {any} message a message of the protocol */
  take(message) {
    if (message.type === "event") {
      for (const listener of this.listeners.get(message.channel) ?? []) listener(message.payload, message.dropped ?? 0);
    } else if (message.type === "hello") {
      this.delay = FIRST_DELAY_MS;
      void this.call("sidecar:subscribe", OPT_IN).catch(() => {});
      this.announce({ kind: "connected", about: `Sidecar ${message.sidecar} · process ${message.pid}` });
    } else if (message.type === "response") {
      this.settle(message.id)?.resolve(message.result);
    } else {
      const { code, message: text, hint = "", data } = message.error;
      if (message.id !== null) this.settle(message.id)?.reject(new CallError(code, text, hint));
      else if (code === "SIDECAR_EXITED") this.announce({ kind: "sidecar-lost", message: text, hint, final: data?.final === true });
    }
  }

  /** @param {number} id */
  settle(id) {
    const one = this.pending.get(id);
    this.pending.delete(id);
    return one;
  }
}
