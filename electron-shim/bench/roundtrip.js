// Round trips side by side in one run, contender after contender and round after round:
// `node bench/roundtrip.js [--rounds 7] [--bytes 100] [--calls 3000] [--pipelined 20000] [--widths 1,16,64,256] [--json] [--page]`.
// With --page also through a page of the emulated Electron. `python -m tests.benchmarks --only roundtrip` calls it with --json.
"use strict";

const { contenders, missing } = require("./contenders.js");

/** @param {string} name @param {string} preset */
const option = (name, preset) =>
  process.argv.includes(`--${name}`) ? (process.argv[process.argv.indexOf(`--${name}`) + 1] ?? preset) : preset;
const rounds = Number(option("rounds", "7"));
const calls = Number(option("calls", "3000"));
const pipelinedCalls = Number(option("pipelined", "20000"));
const widths = option("widths", "1,16,64,256").split(",").map(Number);
const payload = "x".repeat(Number(option("bytes", "100")));

/** @param {() => Promise<any>} call @param {number} count @returns {Promise<number[]>} microseconds, sorted */
async function oneByOne(call, count) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const before = process.hrtime.bigint();
    await call();
    times.push(Number(process.hrtime.bigint() - before) / 1000);
  }
  return times.sort((a, b) => a - b);
}

/** @param {() => Promise<any>} call @param {number} count @param {number} width @returns {Promise<number>} calls a second */
async function pipelined(call, count, width) {
  const before = process.hrtime.bigint();
  let left = count;
  const lane = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: width }, lane));
  return count / (Number(process.hrtime.bigint() - before) / 1e9);
}

/** @typedef {{p50: number[], p99: number[], rate: Record<number, number[]>}} Result microseconds, and calls a second by width; a value each round */
/** @typedef {(width: number, single: boolean) => Promise<{times: number[], rate: number}>} Measure */

async function main() {
  /** @type {Map<string, {measure: Measure, close: () => any}>} */
  const running = new Map();
  for (const [name, start] of Object.entries(contenders)) {
    const { call, close } = await start(payload);
    const measure = async (/** @type {number} */ width, /** @type {boolean} */ single) => ({
      times: single ? await oneByOne(call, calls) : [],
      rate: await pipelined(call, width === 1 ? Math.min(calls, pipelinedCalls) : pipelinedCalls, width),
    });
    running.set(name, { measure, close });
  }
  if (process.argv.includes("--page")) {
    const page = await require("./page.js").throughPage();
    for (const [name, measure] of Object.entries(page.measures)) {
      running.set(name, { measure: (width) => measure(Math.min(calls, 500), width), close: page.close });
    }
  }
  /** @type {Map<string, Result>} */
  const results = new Map();
  for (let round = 0; round <= rounds; round++) {
    for (const [name, { measure }] of running) {
      /** @type {Result} */
      const result = results.get(name) ?? { p50: [], p99: [], rate: Object.fromEntries(widths.map((width) => [width, []])) };
      results.set(name, result);
      for (const [index, width] of widths.entries()) {
        const { times, rate } = await measure(width, index === 0);
        if (round === 0) continue; // warm-up
        result.rate[width]?.push(rate);
        if (times.length) {
          result.p50.push(/** @type {number} */ (times[times.length >> 1]));
          result.p99.push(/** @type {number} */ (times[Math.floor(times.length * 0.99)]));
        }
      }
    }
  }
  for (const { close } of running.values()) await close();
  if (process.argv.includes("--json")) console.log(JSON.stringify({ results: Object.fromEntries(results), missing }));
  else print(results);
}

/** @param {Map<string, Result>} results */
function print(results) {
  const median = (/** @type {number[]} */ values) => /** @type {number} */ ([...values].sort((a, b) => a - b)[values.length >> 1]);
  const rows = [...results].map(([name, { p50, p99, rate }]) => {
    const rates = Object.entries(rate).map(([width, values]) => [`${width} in flight, k/s`, Math.round(median(values) / 100) / 10]);
    return [name, { "p50 µs": Math.round(median(p50) * 10) / 10, "p99 µs": Math.round(median(p99)), ...Object.fromEntries(rates) }];
  });
  console.log(`${payload.length} B, medians of ${rounds} rounds`);
  console.table(Object.fromEntries(rows));
  for (const [name, reason] of Object.entries(missing)) console.log(`${name}: left out, ${reason}`);
}

void main();
