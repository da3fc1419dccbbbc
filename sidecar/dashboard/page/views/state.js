import { byId, el, enable, onPress, setText } from "../dom.js";
import { duration, epoch, moment, words } from "../format.js";
import { CallError } from "../transport/types.js";

const PING_MS = 5000;

/**
 * @typedef {import("../transport/types.js").Transport} Transport
 * @typedef {import("../../../../electron-shim/types/protocol").Status} Status
 * @typedef {import("../../../../electron-shim/types/protocol").Crash} Crash
 */

const ACTIONS = /** @type {const} */ ({
  start: { channel: "backend:start", from: ["STOPPED", "BACKOFF", "FAILED"] },
  stop: { channel: "backend:stop", from: ["STARTING", "RUNNING", "BACKOFF"] },
  restart: { channel: "backend:restart", from: ["RUNNING", "STARTING", "BACKOFF", "FAILED", "STOPPED"] },
});

/** The state in one word, the facts next to it, and the three buttons. */
export class StateView {
  /** @param {Transport} transport @param {import("./banners.js").Banners} banners */
  constructor(transport, banners) {
    this.transport = transport;
    this.banners = banners;
    /** @type {Status | null} */
    this.status = null;
    /** @type {Crash | null} */
    this.crash = null;
    /** @type {import("../../../../electron-shim/types/protocol").StartupProgress | null} */
    this.progress = null;
    for (const [name, { channel }] of Object.entries(ACTIONS)) onPress(byId(name), () => this.act(name, channel));
    transport.on("backend:stateChanged", ({ state }) => {
      this.progress = null;
      if (state === "STARTING") this.banners.hide("action");
      void this.refresh();
    });
    transport.on("backend:healthUpdate", () => void this.refresh());
    transport.on("backend:exposed", () => void this.refresh());
    transport.on("backend:crash", (crash) => {
      this.crash = crash;
      this.show();
    });
    transport.on("backend:startupProgress", (progress) => {
      this.progress = progress;
      this.showDetail();
    });
    transport.on("backend:resourceAlert", (alert) => this.showAlert(alert));
    setInterval(() => this.showDetail(), 1000);
    setInterval(() => void this.ping(), PING_MS);
  }

  connected() {
    this.crash = null;
    void this.refresh();
  }

  async refresh() {
    try {
      const before = this.status?.pid;
      this.status = await this.transport.call("backend:status");
      this.show();
      if (this.status.running && this.status.pid !== before) void this.ping();
    } catch {
      // the lost connection is shown elsewhere
    }
  }

  async ping() {
    if (this.status?.state !== "RUNNING" || document.hidden) return;
    try {
      const { success, responseTime, error } = await this.transport.call("backend:ping");
      setText(byId("answer"), success ? `${(responseTime ?? 0).toFixed(1)} ms` : (error ?? "none"));
    } catch {
      setText(byId("answer"), "–");
    }
  }

  /** @param {string} name @param {"backend:start" | "backend:stop" | "backend:restart"} channel */
  async act(name, channel) {
    this.banners.hide("action");
    try {
      await this.transport.call(channel);
    } catch (error) {
      if (error instanceof CallError && error.code !== "CANCELLED") {
        const title = `The ${name} failed: ${error.message.split("\n")[0]}`;
        this.banners.show("action", { kind: "error", title, text: error.hint, details: error.message, dismissible: true });
      }
    }
    await this.refresh();
  }

  show() {
    const { status } = this;
    if (!status) return;
    const { state, health, url, pid, restarts, lastExit, managed } = status;
    byId("state-card").dataset.state = state;
    setText(byId("state"), words(state));
    byId("health").dataset.health = state === "RUNNING" ? health : "none";
    setText(byId("health"), state === "RUNNING" ? words(health) : "–");
    const address = byId("address");
    if (address.textContent !== (url ?? "–")) {
      const link = url?.startsWith("http://127.0.0.1:")
        ? el("a", { href: url, target: "_blank", rel: "noreferrer noopener" }, url)
        : (url ?? "–");
      address.replaceChildren(link);
    }
    setText(byId("pid"), pid === null ? "–" : String(pid));
    setText(byId("restarts"), String(restarts));
    setText(byId("last-exit"), lastExit ? `${lastExit.text}, ${moment(lastExit.time)}` : "none yet");
    if (state !== "RUNNING") setText(byId("answer"), "–");
    for (const [name, { from }] of Object.entries(ACTIONS)) {
      enable(byId(name), managed && /** @type {readonly string[]} */ (from).includes(state));
    }
    setText(byId("command"), status.command?.join(" ") ?? "–");
    setText(byId("working-folder"), status.folder ?? "–");
    byId("unmanaged").hidden = managed;
    document.title = `${words(state)} · Sidecar`;
    this.showDetail();
    this.showTrouble(status);
  }

  showDetail() {
    const { status } = this;
    if (!status) return;
    const now = Date.now() / 1000;
    let text = `for ${duration(now - epoch(status.since))}`;
    if (status.state === "STARTING" && this.progress) {
      const { limit, message } = this.progress;
      text += `${limit ? ` of ${duration(limit)}` : ""}. ${message}`;
    } else if (status.state === "BACKOFF" && this.crash) {
      // The crash's time is that of the exit; the rest of the tree may have taken a moment longer.
      const left = epoch(this.crash.time) + (this.crash.nextStartIn ?? 0) - now;
      text = left > 0.5 ? `restarts in ${duration(left)}` : "restarts now";
    }
    setText(byId("state-detail"), text);
  }

  /** @param {Status} status */
  showTrouble({ state, exposed, sharedDataFolder }) {
    const { crash } = this;
    if (state === "FAILED" || state === "BACKOFF") {
      const next = state === "FAILED" ? "It will not restart automatically: press Start." : "It restarts automatically.";
      const title = crash ? `The backend failed: ${crash.text}` : "The backend failed.";
      const text = [crash?.cause, crash?.remedy, next].filter(Boolean).join(" ");
      this.banners.show("failed", { kind: state === "FAILED" ? "error" : "warning", title, text });
    } else this.banners.hide("failed");
    if (exposed.length > 0) {
      const where = exposed.map(({ address, port }) => `${address.includes(":") ? `[${address}]` : address}:${port}`).join(", ");
      this.banners.show("exposed", {
        kind: "warning",
        title: "Other machines can reach the backend.",
        text: `It listens on ${where}. Bind it to 127.0.0.1.`,
      });
    } else this.banners.hide("exposed");
    if (sharedDataFolder) {
      this.banners.show("shared", {
        kind: "info",
        title: "Another sidecar uses the same data folder.",
        text: "Give this one its own with --set paths.data=FOLDER.",
        dismissible: true,
      });
    }
  }

  /** @param {import("../../../../electron-shim/types/protocol").ResourceAlert} alert */
  showAlert({ metric, value, limit, active }) {
    if (!active) {
      this.banners.hide(metric);
      return;
    }
    const unit = (/** @type {number} */ one) => (metric === "cpu" ? `${Math.round(one)} %` : `${Math.round(one / 2 ** 20)} MiB`);
    const what = metric === "cpu" ? "a CPU core" : "memory";
    this.banners.show(metric, {
      kind: "warning",
      title: `The backend uses ${unit(value)} of ${what}.`,
      text: `The limit is ${unit(limit)}.`,
    });
  }
}
