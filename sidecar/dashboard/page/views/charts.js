import { byId } from "../dom.js";
import { bytes, epoch, percent, time } from "../format.js";
import { note, span } from "../span.js";

const KEPT = 4000; // samples: at least ten minutes at the shortest interval
const POWERS = Array.from({ length: 24 }, (_, index) => 2 ** (18 + index)); // 256 KiB and up, in powers of two
const GAP = 8; // seconds without a sample after which the line has a gap: nothing ran

/** @typedef {import("../../../../electron-shim/types/protocol").ResourceSample} ResourceSample */

const color = (/** @type {string} */ name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** CPU and memory of the backend's whole tree. */
export class ChartsView {
  /** @param {import("../transport/types.js").Transport} transport */
  constructor(transport) {
    this.transport = transport;
    /** @type {ResourceSample[]} */
    this.samples = [];
    this.idle = false; // nothing runs that could be sampled now
    this.charts = [
      new Chart("cpu", "--cpu", ({ cpu }) => cpu, percent, 10, [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]),
      new Chart("memory", "--memory", ({ memory }) => memory, bytes, 2 ** 20, POWERS),
    ];
    transport.on("backend:stateChanged", ({ state }) => {
      this.idle = ["STOPPED", "BACKOFF", "FAILED"].includes(state);
      this.draw();
    });
    transport.on("backend:resourceUpdate", (sample) => {
      this.add(sample);
      this.draw();
    });
    setInterval(() => this.draw(), 1000);
    document.addEventListener("visibilitychange", () => this.draw());
  }

  /** Redraws after a change of the colours. */
  recolour() {
    for (const { plot } of this.charts) plot.redraw(false, true);
  }

  async connected() {
    this.samples = [];
    try {
      const samples = await this.transport.call("backend:resources");
      const live = this.samples;
      this.samples = [];
      for (const sample of [...samples, ...live]) this.add(sample);
    } catch {
      // the lost connection is shown elsewhere
    }
    this.draw();
  }

  /** @param {ResourceSample} sample */
  add(sample) {
    const last = this.samples.at(-1);
    if (last && sample.time <= last.time) return; // arrived both as an event and in the answer
    this.samples.push(sample);
    if (this.samples.length > KEPT) this.samples.splice(0, KEPT / 10);
    note(epoch(sample.time));
  }

  draw() {
    if (document.hidden) return;
    const last = this.samples.at(-1);
    const now = last !== undefined && !this.idle && Date.now() / 1000 - epoch(last.time) < GAP ? last : null;
    this.charts.forEach((chart) => chart.show(this.samples, now));
    byId("processes").textContent = now
      ? `${now.processes} ${now.processes === 1 ? "process" : "processes"}, ${now.threads} ${now.threads === 1 ? "thread" : "threads"}`
      : "";
  }
}

class Chart {
  /**
   * @param {string} name the prefix of its elements' ids
   * @param {string} stroke a custom property of the style sheet
   * @param {(sample: ResourceSample) => number} value
   * @param {(value: number) => string} shown
   * @param {number} least the lowest value that the axis may end at
   * @param {number[]} steps the axis may use
   */
  constructor(name, stroke, value, shown, least, steps) {
    this.place = byId(`${name}-chart`);
    this.now = byId(`${name}-now`);
    this.name = name === "cpu" ? "CPU" : "Memory";
    this.value = value;
    this.shown = shown;
    /** @type {ResourceSample | null} */
    this.last = null;
    const line = () => color(stroke);
    const axis = {
      stroke: () => color("--muted"),
      grid: { stroke: () => color("--grid"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui, sans-serif",
    };
    /** @type {uPlot.Options} */
    const options = {
      width: 100,
      height: 160,
      legend: { show: false },
      padding: [8, 8, 0, 0],
      cursor: { sync: { key: "time" }, y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { time: true, range: () => span() }, y: { range: (_plot, _low, high) => [0, Math.max(least, (high ?? 0) * 1.15)] } },
      axes: [
        { ...axis, space: 80, size: 24, values: (_plot, splits) => splits.map((at) => time(new Date(at * 1000).toISOString())) },
        { ...axis, size: 66, space: 26, incrs: steps, values: (_plot, splits) => splits.map(shown) },
      ],
      series: [{}, { stroke: line, fill: () => `color-mix(in srgb, ${line()} 14%, transparent)`, width: 1.75, points: { show: false } }],
      hooks: { setCursor: [() => this.showValues()] },
    };
    this.plot = new uPlot(options, [[], []], this.place);
    new ResizeObserver(([entry]) => this.plot.setSize({ width: Math.floor(entry?.contentRect.width ?? 100), height: 160 })).observe(
      this.place,
    );
  }

  /** @param {ResourceSample[]} samples @param {ResourceSample | null} last the latest, unless nothing runs */
  show(samples, last) {
    /** @type {number[]} */
    const times = [];
    /** @type {(number | null)[]} */
    const values = [];
    for (const sample of samples) {
      const at = epoch(sample.time);
      const before = times.at(-1);
      if (before !== undefined && at - before > GAP) {
        times.push(before + 0.001);
        values.push(null);
      }
      times.push(at);
      values.push(this.value(sample));
    }
    this.last = last;
    this.plot.setData([times, values]);
    this.place.setAttribute("aria-label", `${this.name} over time, ${last ? `now ${this.shown(this.value(last))}` : "nothing runs"}`);
    this.showValues();
  }

  showValues() {
    const index = this.plot.cursor.idx;
    const value = typeof index === "number" ? this.plot.data[1]?.[index] : null;
    const at = typeof index === "number" ? this.plot.data[0][index] : undefined;
    if (value !== null && value !== undefined && at !== undefined) {
      this.now.textContent = `${this.shown(value)} at ${time(new Date(at * 1000).toISOString())}`;
    } else this.now.textContent = this.last ? this.shown(this.value(this.last)) : "–";
  }
}
