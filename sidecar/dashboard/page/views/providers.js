import { byId, el } from "../dom.js";
import { moment } from "../format.js";
import { CallError } from "../transport/types.js";

/** What the backend reports about its providers, if anything: a list as a table, anything else unchanged. */
export class ProvidersView {
  /** @param {import("../transport/types.js").Transport} transport */
  constructor(transport) {
    this.transport = transport;
    transport.on("backend:providerUpdate", (body) => this.show(body));
    transport.on("backend:stateChanged", ({ state }) => {
      if (state === "RUNNING") void this.connected();
      else if (state !== "STOPPING") this.none("The backend isn't running.");
    });
  }

  async connected() {
    try {
      if (!(await this.transport.call("backend:status")).running) this.none("The backend isn't running.");
      else this.show(await this.transport.call("backend:providerStatus"));
    } catch (error) {
      this.none(error instanceof CallError ? error.message : String(error));
    }
  }

  /** @param {string} why */
  none(why) {
    byId("providers").replaceChildren(el("p", { class: "empty" }, why));
  }

  /** @param {any} body */
  show(body) {
    const place = byId("providers");
    byId("providers-card").hidden = false;
    const list = body?.providers;
    if (!Array.isArray(list) || !list.every((one) => one && typeof one === "object")) {
      place.replaceChildren(el("pre", { tabindex: 0 }, JSON.stringify(body, null, 2)));
      return;
    }
    if (list.length === 0) {
      this.none("The backend has no providers.");
      return;
    }
    const head = el("thead", {}, el("tr", {}, ...["Provider", "State", "Message"].map((text) => el("th", { scope: "col" }, text))));
    place.replaceChildren(el("table", {}, head, el("tbody", {}, ...list.map(row))), ...footnote(body));
  }
}

/** @param {any} one a provider */
function row(one) {
  const available = one.isAvailable !== false && one.isOnline !== false;
  const state = one.isOnline === false ? "Offline" : available ? "Available" : "Not available";
  const category = one.category ? el("small", {}, String(one.category)) : null;
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, String(one.name ?? "?"), category),
    el("td", {}, el("span", { class: "pill", "data-status": available ? "ok" : "warning" }, state)),
    el("td", {}, String(one.message ?? "")),
  );
}

/** @param {any} body */
function footnote(body) {
  const parts = [];
  if (body.isOfflineMode === true) parts.push("Offline mode.");
  const at = typeof body.lastUpdated === "number" ? new Date(body.lastUpdated * 1000) : new Date(String(body.lastUpdated));
  if (!Number.isNaN(at.getTime())) parts.push(`Updated ${moment(at.toISOString())}.`);
  return parts.length > 0 ? [el("p", { class: "footnote" }, parts.join(" "))] : [];
}
