import { byId, el, setText } from "../dom.js";
import { time } from "../format.js";

/**
 * @typedef {object} Banner
 * @property {"error" | "warning" | "info"} kind
 * @property {string} title
 * @property {string} [text]
 * @property {string} [details] long, shown on demand
 * @property {boolean} [dismissible]
 */

/** What the user must know now; each banner has a name, by which it is replaced or hidden. */
export class Banners {
  constructor() {
    this.place = byId("banners");
    /** @type {Map<string, HTMLElement>} */
    this.shown = new Map();
  }

  /** @param {string} name @param {Banner} banner */
  show(name, { kind, title, text = "", details = "", dismissible = false }) {
    const close = dismissible ? el("button", { type: "button", class: "quiet", click: () => this.hide(name) }, "Dismiss") : null;
    const body = el("div", { class: "banner-body" }, el("strong", {}, title), text ? el("p", {}, text) : null);
    if (details) body.append(el("details", {}, el("summary", {}, "Details"), el("pre", { tabindex: 0 }, details)));
    const banner = el("div", { class: "banner", "data-tone": kind, "data-name": name }, body, close);
    const before = this.shown.get(name);
    if (before) before.replaceWith(banner);
    else this.place.append(banner);
    this.shown.set(name, banner);
  }

  /** @param {string} name */
  hide(name) {
    this.shown.get(name)?.remove();
    this.shown.delete(name);
  }

  clear() {
    for (const name of [...this.shown.keys()]) this.hide(name);
  }
}

/** @type {{message: string} | null} the loss of a sidecar that has not been replaced yet */
let lost = null;

/** @param {import("../transport/types.js").Link} link @param {Banners} banners */
export function showLink(link, banners) {
  const connection = byId("connection");
  const texts = {
    connecting: "Connecting …",
    connected: "about" in link ? link.about : "",
    "sidecar-lost": "No sidecar",
    disconnected: "Not connected",
    locked: "Locked",
  };
  connection.dataset.link = link.kind;
  setText(connection, texts[link.kind]);
  const locked = link.kind === "locked";
  byId("locked").hidden = !locked;
  byId("main").hidden = locked;
  document.body.classList.toggle("stale", link.kind === "disconnected" || link.kind === "sidecar-lost");
  if (locked) {
    banners.clear();
    byId("locked-used").hidden = !link.used;
    byId("locked-unknown").hidden = link.used;
  } else if (link.kind === "disconnected") {
    banners.show("link", {
      kind: "error",
      title: "The dashboard is unreachable.",
      text: "Its command ended, or the connection was lost. This page shows the last known state. Reconnecting.",
    });
  } else if (link.kind === "sidecar-lost") {
    const [title = "", ...rest] = link.message.split("\n");
    banners.show("link", { kind: "error", title, text: link.hint, details: rest.join("\n") });
    lost = link;
  } else if (link.kind === "connected") {
    banners.clear();
    if (lost) showReplaced(lost, banners);
    lost = null;
  }
}

/**
 * Shows the loss again after the replacement, which often comes before the user has read of the loss.
 *
 * @param {{message: string}} before
 * @param {Banners} banners
 */
function showReplaced({ message }, banners) {
  const at = time(new Date().toISOString());
  banners.show("replaced", {
    kind: "warning",
    title: `The sidecar was lost and replaced at ${at}; the backend was started again.`,
    details: message,
    dismissible: true,
  });
}
