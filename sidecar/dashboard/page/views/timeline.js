import { byId, el } from "../dom.js";
import { duration, epoch, sentence, time, words } from "../format.js";
import { note, span } from "../span.js";

const KEPT = 200;
const REPLAY_MS = 500;
const REASONS = /** @type {Record<string, string>} */ ({
  requested: "requested",
  autostart: "automatic start",
  ready: "ready",
  exited: "ended",
  crashed: "crashed",
  startup_timeout: "was not ready in time",
  hung: "did not answer",
  port_retry: "tries another port",
  port_changed: "listens on another port",
  restarts_exhausted: "failed too often",
  shutdown: "sidecar shuts down",
});

/** The states as a strip on the charts' axis, and everything that happened as a list, newest first. */
export class TimelineView {
  /** @param {import("../transport/types.js").Transport} transport */
  constructor(transport) {
    this.transport = transport;
    /** @type {{state: string, at: number, reason: string}[]} */
    this.moves = [];
    this.connectedAt = -Infinity;
    transport.on("backend:stateChanged", (change) => this.moved(change));
    transport.on("backend:crash", ({ time: at, text, cause, attempt, attempts, final }) =>
      this.happened(
        at,
        "crash",
        sentence(text),
        [cause, final ? "Giving up." : `Restart ${attempt} of ${attempts}.`].filter(Boolean).join(" "),
      ),
    );
    transport.on("backend:healthUpdate", ({ status, error }) => this.now(status, words(status), error ?? ""));
    transport.on("backend:exposed", ({ sockets }) =>
      this.now("exposed", "Listens beyond loopback", sockets.map(({ address, port }) => `${address}:${port}`).join(", ")),
    );
    setInterval(() => this.draw(), 1000);
  }

  async connected() {
    this.moves = [];
    this.connectedAt = performance.now();
    byId("events").replaceChildren();
    try {
      const { state, since } = await this.transport.call("backend:status");
      if (this.moves.length === 0) this.add(state, epoch(since), "");
    } catch {
      // the lost connection is shown elsewhere
    }
  }

  /** @param {import("../../../../electron-shim/types/protocol").StateChanged} change */
  moved({ state, previous, reason, time: at }) {
    const last = this.moves.at(-1);
    const lasted = last && last.state === previous ? `after ${duration(epoch(at) - last.at)}` : "";
    this.add(state, epoch(at), reason);
    this.happened(at, state, `${words(previous)} → ${words(state)}`, [REASONS[reason] ?? reason, lasted].filter(Boolean).join(", "));
  }

  /** @param {string} state @param {number} at @param {string} reason */
  add(state, at, reason) {
    this.moves.push({ state, at, reason });
    if (this.moves.length > KEPT) this.moves.shift();
    note(at);
    this.draw();
  }

  /**
   * Adds an event without a timestamp; not just after the connection, when such events report the current state.
   *
   * @param {string} kind
   * @param {string} title
   * @param {string} detail
   */
  now(kind, title, detail) {
    if (performance.now() - this.connectedAt > REPLAY_MS) this.happened(new Date().toISOString(), kind, title, detail);
  }

  /** @param {string} at @param {string} kind @param {string} title @param {string} detail */
  happened(at, kind, title, detail) {
    const list = byId("events");
    list.prepend(
      el(
        "li",
        { "data-kind": kind },
        el("time", { datetime: at }, time(at)),
        el("div", {}, el("strong", {}, title), detail ? el("span", {}, detail) : null),
      ),
    );
    while (list.children.length > KEPT) list.lastElementChild?.remove();
  }

  draw() {
    if (document.hidden) return;
    const [from, to] = span();
    const parts = this.moves.map(({ state, at }, index) => {
      const end = this.moves[index + 1]?.at ?? to;
      return { state, left: Math.max(at, from), right: Math.min(end, to), at, end };
    });
    const strip = byId("strip");
    strip.replaceChildren(
      ...parts
        .filter(({ left, right }) => right > from && right >= left)
        .map(({ state, left, right, at, end }) => {
          const part = el("span", { "data-state": state, title: `${words(state)} for ${duration(end - at)}` });
          part.style.left = `${(100 * (left - from)) / (to - from)}%`;
          part.style.width = `${(100 * (right - left)) / (to - from)}%`;
          return part;
        }),
    );
    byId("strip-from").textContent = `${duration(to - from)} ago`;
  }
}
