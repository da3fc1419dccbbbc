import { byId, copy, el } from "../dom.js";
import { fineTime } from "../format.js";
import { LogStore } from "./log-store.js";

const ASKED = 1000; // lines written before the page opened
const ROW = 20; // pixels; the style sheet says the same
const SPARE = 20; // rows above and below the visible ones
const WRAPPED = 500; // lines that are elements when lines are wrapped
const UPWARDS = ["Home", "PageUp", "ArrowUp"]; // keys
const LONGEST = 2000; // characters of a line that are shown; the copy has all of them

/** @typedef {import("./log-store.js").Line} Line */

/** The backend's output: of up to 100 000 lines, only the visible ones are elements. */
export class LogsView {
  /** @param {import("../transport/types.js").Transport} transport */
  constructor(transport) {
    this.transport = transport;
    this.store = new LogStore();
    this.follow = true;
    this.first = true; // the next line is the first one since the subscription
    this.wrapped = false;
    /** @type {"" | "end" | "away"} what the last input asked for: no scroll event overrides it until the next input */
    this.wanted = "";
    this.scheduled = false;
    this.until = ""; // the time of the answer's last line: an event up to then is known already
    /** @type {Map<number, HTMLElement>} the visible rows by line number */
    this.rows = new Map();
    this.scroller = byId("log");
    this.sheet = byId("log-sheet");
    this.filter = byId("log-filter");
    this.stream = byId("log-stream");
    this.scroller.addEventListener("scroll", () => {
      const atEnd = this.scroller.scrollTop + this.scroller.clientHeight >= this.scroller.scrollHeight - ROW;
      this.follow = this.wanted === "" ? atEnd : this.wanted === "end";
      this.schedule();
    });
    for (const input of ["keydown", "pointerdown", "touchstart", "wheel"]) {
      document.addEventListener(input, (event) => this.asked(event), { capture: true, passive: true });
    }
    for (const control of [this.filter, this.stream]) control.addEventListener("input", () => this.refilter());
    byId("log-end").addEventListener("click", () => {
      // A browser scrolls smoothly for keys: such a scroll may be under way, and its events would report another position.
      this.wanted = "end";
      this.follow = true;
      this.schedule();
    });
    byId("log-wrap").addEventListener("click", () => this.wrap(!this.wrapped));
    byId("log-copy").addEventListener("click", () => void copy(byId("log-copy"), this.store.shown.map(asText).join("\n")));
    new ResizeObserver(() => this.schedule()).observe(this.scroller);
    document.addEventListener("visibilitychange", () => this.schedule());
    transport.on("backend:log", ({ time, stream, text }, dropped) => {
      if (time <= this.until) {
        this.first = false;
        return;
      }
      this.until = ""; // from here on, all lines are new, whatever the clock does
      // Lines before the subscription count as dropped too, but the answer of backend:logs has them.
      const missing = this.first ? 0 : dropped;
      this.first = false;
      if (missing > 0)
        this.store.add(
          time,
          "gap",
          `${missing.toLocaleString("en")} lines were skipped because they arrived too fast; the log file has them`,
        );
      this.store.add(time, stream, text);
      this.schedule();
    });
  }

  /** @param {any} event an input; one that scrolls up stops following at once, or the next line would undo its first pixels */
  asked({ type, key, deltaY, target }) {
    const up = type === "wheel" ? deltaY < 0 : UPWARDS.includes(key);
    this.wanted = up && this.scroller.contains(target) ? "away" : "";
    if (this.wanted === "") return;
    this.follow = false;
    this.schedule();
  }

  async connected() {
    this.until = "";
    this.first = true;
    this.store.clear();
    try {
      const lines = await this.transport.call("backend:logs", { lines: ASKED });
      const live = this.store.lines;
      const last = lines.at(-1)?.time ?? "";
      this.store.clear();
      for (const { time, stream, text } of lines) this.store.add(time, stream, text);
      for (const { time, stream, text } of live) if (time > last) this.store.add(time, stream, text);
      this.until = last;
    } catch {
      // the lost connection is shown elsewhere
    }
    this.schedule();
  }

  /** @param {boolean} on wrapped lines differ in height, so only the last ones are elements then */
  wrap(on) {
    this.wrapped = on;
    this.scroller.classList.toggle("wrapped", on);
    byId("log-wrap").setAttribute("aria-pressed", String(on));
    this.drop();
    this.schedule();
  }

  refilter() {
    this.store.filter(this.filter.value, this.stream.value);
    this.drop();
    this.schedule();
  }

  schedule() {
    if (this.scheduled || document.hidden) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.draw();
    });
  }

  draw() {
    const { shown, lines, longest } = this.store;
    this.sheet.style.height = `${shown.length * ROW}px`;
    this.sheet.style.setProperty("--longest", String(Math.min(longest, LONGEST)));
    const end = shown.length * ROW - this.scroller.clientHeight;
    if (this.follow && !this.wrapped) this.scroller.scrollTop = end;
    const seen = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - SPARE);
    const top = this.wrapped ? Math.max(0, shown.length - WRAPPED) : seen;
    const bottom = this.wrapped ? shown.length : Math.min(shown.length, top + Math.ceil(this.scroller.clientHeight / ROW) + 2 * SPARE);
    const wanted = shown.slice(top, bottom);
    const first = wanted[0]?.number ?? 0;
    const last = wanted.at(-1)?.number ?? -1;
    for (const [number, row] of this.rows) {
      if (number >= first && number <= last) continue;
      row.remove();
      this.rows.delete(number);
    }
    wanted.forEach((line, index) => this.place(line, top + index));
    if (this.follow && this.wrapped) this.scroller.scrollTop = this.scroller.scrollHeight;
    if (this.scroller.scrollHeight <= this.scroller.clientHeight) {
      this.follow = true; // everything is visible
      this.wanted = "";
    }
    byId("log-end").hidden = this.follow;
    byId("log-empty").hidden = shown.length > 0;
    byId("log-empty").textContent = lines.length > 0 ? "No line matches." : "The backend has written nothing yet.";
    const all = lines.length.toLocaleString("en");
    const which = shown.length === lines.length ? all : `${shown.length.toLocaleString("en")} of ${all}`;
    byId("log-count").textContent = `${which} ${lines.length === 1 ? "line" : "lines"}`;
  }

  /** @param {Line} line @param {number} index */
  place(line, index) {
    let row = this.rows.get(line.number);
    if (!row) {
      row = el(
        "div",
        { class: "log-row", "data-stream": line.stream },
        el("time", {}, fineTime(line.time)),
        el("span", {}, ...this.marked(shortened(line.text))),
      );
      this.rows.set(line.number, row);
      this.sheet.append(row);
    }
    row.style.transform = this.wrapped ? "" : `translateY(${index * ROW}px)`;
  }

  /** @param {string} text returned with the filter's matches marked */
  marked(text) {
    const { needle } = this.store;
    const lower = text.toLowerCase();
    if (needle === "" || lower.length !== text.length) return [text]; // "İ" gets longer: positions in one are not those in the other
    /** @type {(Node | string)[]} */
    const parts = [];
    let from = 0;
    for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, from)) {
      parts.push(text.slice(from, at), el("mark", {}, text.slice(at, at + needle.length)));
      from = at + needle.length;
    }
    return [...parts, text.slice(from)];
  }

  drop() {
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
  }
}

/** @param {string} text */
function shortened(text) {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)} … ${(text.length - LONGEST).toLocaleString("en")} more characters`;
}

/** @param {Line} line */
const asText = ({ time, stream, text }) => `${time} ${stream === "gap" ? "…" : stream} ${text}`;
