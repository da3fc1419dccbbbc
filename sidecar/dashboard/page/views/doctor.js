import { byId, el, onPress } from "../dom.js";
import { words } from "../format.js";
import { CallError } from "../transport/types.js";

const ORDER = ["failed", "warning", "unknown", "ok"];
const MARKS = /** @type {Record<string, string>} */ ({ ok: "✓", warning: "!", failed: "✗", unknown: "?" });

/** @typedef {import("../../../../electron-shim/types/protocol").Check} Check */

/** Checks for common problems on request, the worst first. */
export class DoctorView {
  /** @param {import("../transport/types.js").Transport} transport */
  constructor(transport) {
    this.transport = transport;
    onPress(byId("diagnose"), () => this.run());
    const { bundle } = transport;
    byId("bundle").hidden = !bundle;
    if (bundle) onPress(byId("bundle"), () => this.download(() => bundle.call(transport)));
  }

  /** @param {() => Promise<Blob>} bundle */
  async download(bundle) {
    byId("checks-summary").textContent = "Collecting …";
    try {
      const address = URL.createObjectURL(await bundle());
      el("a", { href: address, download: `sidecar-bundle-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.zip` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
      byId("checks-summary").textContent = "Secrets are masked; masked.txt lists where.";
    } catch (error) {
      byId("checks-summary").textContent = error instanceof CallError ? error.message : String(error);
    }
  }

  async run() {
    const place = byId("checks");
    byId("checks-summary").textContent = "Checking …";
    try {
      const checks = await this.transport.call("backend:diagnose");
      checks.sort((one, other) => ORDER.indexOf(one.status) - ORDER.indexOf(other.status));
      place.replaceChildren(table(checks));
      byId("checks-summary").textContent = summary(checks);
    } catch (error) {
      byId("checks-summary").textContent = "";
      place.replaceChildren(el("p", { class: "empty" }, String(error)));
    }
  }
}

/** @param {Check[]} checks */
function summary(checks) {
  const count = (/** @type {string} */ status) => checks.filter((check) => check.status === status).length;
  return `${checks.length} checks: ${count("failed")} failed, ${count("warning")} with warnings, ${count("unknown")} unknown`;
}

/** @param {Check[]} checks */
function table(checks) {
  const head = el("thead", {}, el("tr", {}, ...["Status", "Check", "Finding and fix"].map((text) => el("th", { scope: "col" }, text))));
  return el("table", { class: "checks" }, head, el("tbody", {}, ...checks.map(row)));
}

/** @param {Check} check */
function row({ check, status, message, remedy, evidence }) {
  const seen = el("td", {}, message);
  if (remedy && status !== "ok") seen.append(el("p", { class: "remedy" }, remedy));
  if (evidence) seen.append(el("details", {}, el("summary", {}, "Evidence"), el("pre", { tabindex: 0 }, evidence)));
  const mark = el("span", { "aria-hidden": "true" }, MARKS[status] ?? "?");
  return el(
    "tr",
    { "data-status": status },
    el("td", {}, el("span", { class: "pill", "data-status": status }, mark, ` ${words(status)}`)),
    el("th", { scope: "row" }, words(check)),
    seen,
  );
}
