import { byId, copy, el } from "../dom.js";
import { moment, sentence } from "../format.js";

/** @typedef {import("../../../../electron-shim/types/protocol").Crash} Crash */

/** The crash reports, newest first; each opens in a dialog. */
export class CrashesView {
  /** @param {import("../transport/types.js").Transport} transport */
  constructor(transport) {
    this.transport = transport;
    /** @type {Crash[]} */
    this.crashes = [];
    transport.on("backend:crash", (crash) => {
      if (this.crashes.some(({ name }) => name === crash.name)) return;
      this.crashes = [crash, ...this.crashes];
      this.show();
    });
    const dialog = byId("report");
    byId("report-close").addEventListener("click", () => dialog.close());
    byId("report-copy").addEventListener(
      "click",
      (/** @type {MouseEvent} */ event) => void copy(/** @type {any} */ (event.currentTarget), byId("report-text").textContent),
    );
    dialog.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      if (event.target === dialog) dialog.close(); // a click on the backdrop
    });
  }

  async connected() {
    const before = this.crashes;
    try {
      const known = await this.transport.call("backend:crashReports");
      // A crash that happened meanwhile may be missing from the answer.
      const meanwhile = this.crashes.filter((crash) => !before.includes(crash) && !known.some(({ name }) => name === crash.name));
      this.crashes = [...meanwhile, ...known];
      this.show();
    } catch {
      // the lost connection is shown elsewhere
    }
  }

  show() {
    const { crashes } = this;
    byId("crash-count").textContent = crashes.length === 0 ? "" : String(crashes.length);
    const place = byId("crashes");
    if (crashes.length === 0) {
      place.replaceChildren(el("p", { class: "empty" }, "No run has crashed."));
      return;
    }
    place.replaceChildren(el("ul", { class: "crash-list" }, ...crashes.map((crash) => this.item(crash))));
  }

  /** @param {Crash} crash */
  item(crash) {
    const { time, text, cause, attempt, attempts, final } = crash;
    const next = final ? "gave up" : `restart ${attempt} of ${attempts}`;
    const what = el("span", { class: "crash-what" }, el("strong", {}, sentence(text)), cause ? el("span", {}, cause) : null);
    const when = el("span", { class: "crash-when" }, el("time", { datetime: time }, moment(time)), el("small", {}, next));
    return el(
      "li",
      {},
      el("button", { type: "button", class: "row", "aria-haspopup": "dialog", click: () => void this.open(crash) }, what, when),
    );
  }

  /** @param {Crash} crash */
  async open({ name, text, cause, remedy }) {
    byId("report-title").textContent = sentence(text);
    byId("report-cause").textContent = [cause, remedy].filter(Boolean).join(" ");
    const place = byId("report-text");
    place.textContent = "Reading …";
    byId("report").showModal();
    try {
      place.textContent = (await this.transport.call("backend:crashReport", { name })).report;
    } catch (error) {
      place.textContent = String(error);
    }
  }
}
