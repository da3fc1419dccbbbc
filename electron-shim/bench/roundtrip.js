// Round trips side by side in one run: `node bench/roundtrip.js [--rounds 7] [--pinned]`. Through client.js to the real
// sidecar, beside Node's own child_process IPC (json, advanced) and vscode-jsonrpc between two Node processes; with
// --page also through a page of the emulated Electron. Pinned: everything on one core (Linux, taskset).
"use strict";

const { fork, spawn, spawnSync } = require("node:child_process");
const path = require("node:path");
const { connect } = require("../lib/client.js");
const { sidecarCommand, sidecarEnv } = require("../test/support/sidecar.js");

const pinned = process.argv.includes("--pinned");
const rounds = Number(process.argv[process.argv.indexOf("--rounds") + 1]) || 7;
const PAYLOAD = "x".repeat(100);
const PEER = path.join(__dirname, "peer.js");

if (pinned) spawnSync("taskset", ["-pc", "0", String(process.pid)]);

/** @returns {Promise<{name: string, call: () => Promise<any>, close: () => any}>} */
async function throughClient() {
  const env = { ...sidecarEnv, SIDECAR_BACKEND__AUTOSTART: "false" };
  const sidecar = await connect({ command: sidecarCommand, env, settings: { paths: { data: path.join(require("node:os").tmpdir(), "bench-sidecar") } } });
  return { name: "client.js → sidecar", call: () => sidecar.invoke("sidecar:ping", PAYLOAD), close: () => sidecar.close() };
}

/** @param {"json" | "advanced"} serialization */
async function throughIpc(serialization) {
  const child = fork(PEER, ["ipc"], { serialization });
  let lastId = 0;
  /** @type {Map<number, (value: any) => void>} */
  const pending = new Map();
  child.on("message", (/** @type {any} */ message) => {
    pending.get(message.id)?.(message.result);
    pending.delete(message.id);
  });
  const call = () =>
    new Promise((resolve) => {
      const id = ++lastId;
      pending.set(id, resolve);
      child.send({ type: "request", id, channel: "sidecar:ping", args: [PAYLOAD] });
    });
  await call();
  return { name: `Node IPC ${serialization}`, call, close: () => child.kill() };
}

async function throughJsonRpc() {
  const rpc = require("vscode-jsonrpc/node");
  const child = spawn(process.execPath, [PEER, "jsonrpc"], { stdio: ["pipe", "pipe", "inherit"] });
  const connection = rpc.createMessageConnection(new rpc.StreamMessageReader(child.stdout), new rpc.StreamMessageWriter(child.stdin));
  connection.listen();
  const call = () => connection.sendRequest("ping", PAYLOAD);
  await call();
  return { name: "vscode-jsonrpc", call, close: () => child.kill() };
}

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

const median = (/** @type {number[]} */ values) => /** @type {number} */ ([...values].sort((a, b) => a - b)[values.length >> 1]);

/** @typedef {{name: string, measure: (width: number) => Promise<{times: number[], rate: number}>, close: () => any}} Peer */

async function main() {
  /** @type {Peer[]} */
  const peers = [await throughClient(), await throughIpc("json"), await throughIpc("advanced"), await throughJsonRpc()].map(({ name, call, close }) => ({
    name,
    close,
    measure: async (width) => ({ times: await oneByOne(call, 3000), rate: await pipelined(call, 20_000, width) }),
  }));
  if (process.argv.includes("--page")) {
    const page = await require("./page.js").throughPage();
    peers.push({ ...page, measure: (width) => page.measure(500, width) });
  }
  /** @type {Map<string, {p50: number[], p99: number[], rate: number[]}>} */
  const results = new Map(peers.map(({ name }) => [name, { p50: [], p99: [], rate: [] }]));
  for (let round = 0; round <= rounds; round++) {
    for (const { name, measure } of peers) {
      const { times, rate } = await measure(64);
      if (round === 0) continue; // warm-up
      const result = /** @type {any} */ (results.get(name));
      result.p50.push(times[times.length >> 1]);
      result.p99.push(times[Math.floor(times.length * 0.99)]);
      result.rate.push(rate);
    }
  }
  const rows = Object.fromEntries(
    [...results].map(([name, { p50, p99, rate }]) => [
      name,
      { "p50 µs": Math.round(median(p50) * 10) / 10, "p99 µs": Math.round(median(p99)), "64 in flight, k/s": Math.round(median(rate) / 100) / 10 },
    ]),
  );
  console.log(`${pinned ? "pinned to one core" : "free"}, 100 B, medians of ${rounds} rounds`);
  console.table(rows);
  for (const { close } of peers) await close();
}

void main();
