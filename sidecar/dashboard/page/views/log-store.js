// The lines that the page keeps, and which of them match the filter.

export const KEPT = 100_000;
const CUT = KEPT / 10; // lines removed at once: removing one at a time would move all the others each time

/**
 * @typedef {object} Line
 * @property {number} number counts from 1 as long as the page lives
 * @property {string} time
 * @property {"stdout" | "stderr" | "gap"} stream `gap`: lines are missing here
 * @property {string} text
 */

export class LogStore {
  constructor() {
    /** @type {Line[]} */
    this.lines = [];
    /** @type {Line[]} the lines that match the filter */
    this.shown = [];
    this.longest = 0; // characters of the longest line that matched
    this.last = 0;
    this.needle = "";
    this.stream = "both";
  }

  /** @param {string} time @param {Line["stream"]} stream @param {string} text */
  add(time, stream, text) {
    const line = { number: ++this.last, time, stream, text };
    this.lines.push(line);
    if (this.matches(line)) this.show(line);
    if (this.lines.length <= KEPT) return;
    this.lines.splice(0, CUT);
    const first = this.lines[0]?.number ?? 0;
    const gone = this.shown.findIndex(({ number }) => number >= first);
    this.shown.splice(0, gone < 0 ? this.shown.length : gone);
  }

  /** @param {string} needle @param {string} stream `both`, `stdout` or `stderr` */
  filter(needle, stream) {
    this.needle = needle.toLowerCase();
    this.stream = stream;
    this.shown = [];
    this.longest = 0;
    for (const line of this.lines) if (this.matches(line)) this.show(line);
  }

  clear() {
    this.lines = [];
    this.shown = [];
    this.longest = 0;
  }

  /** @param {Line} line */
  show(line) {
    this.shown.push(line);
    this.longest = Math.max(this.longest, line.text.length);
  }

  /** @param {Line} line */
  matches({ stream, text }) {
    if (this.stream !== "both" && stream !== this.stream && stream !== "gap") return false;
    return this.needle === "" || (stream !== "gap" && text.toLowerCase().includes(this.needle));
  }
}
