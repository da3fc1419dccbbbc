// The contenders of roundtrip.js: each is a function that starts the contender for one payload size.
"use strict";

const { fork, spawn } = require("node:child_process");
const os = require("node:os");
const path = require("node:path");
const { connect } = require("../lib/client.js");
const { ROOT, PYTHON, sidecarEnv } = require("../test/support/sidecar.js");

const PEER = path.join(__dirname, "peer.js");
const CHILDREN = path.join(ROOT, "tests", "benchmarks", "children");

/** @typedef {{call: () => Promise<any>, close: () => any}} Contender */

/**
 * @param {string[]} command
 * @returns {(payload: string) => Promise<Contender>}
 */
function throughClient(command) {
  return async (payload) => {
    const env = { ...sidecarEnv, SIDECAR_BACKEND__AUTOSTART: "false" };
    const sidecar = await connect({ command, env, settings: { paths: { data: path.join(os.tmpdir(), `bench-sidecar-${process.pid}`) } } });
    return { call: () => sidecar.invoke("sidecar:ping", payload), close: () => sidecar.close() };
  };
}

/**
 * Does not parse messages: an answer has as many bytes as the question.
 *
 * @param {string} payload
 * @returns {Promise<Contender>}
 */
async function throughEcho(payload) {
  const child = spawn(PYTHON, ["-I", "-S", path.join(CHILDREN, "echo.py")], { stdio: ["pipe", "pipe", "inherit"] });
  const question = Buffer.from(payload);
  /** @type {Array<(value: any) => void>} */
  const waiting = [];
  let received = 0;
  let next = 0;
  child.stdout.on("data", (chunk) => {
    for (received += chunk.length; received >= question.length; received -= question.length) waiting[next++]?.(null);
    if (next === waiting.length) waiting.length = next = 0;
  });
  const call = () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      child.stdin.write(question);
    });
  await call();
  return { call, close: () => child.kill() };
}

/**
 * @param {"json" | "advanced"} serialization
 * @returns {(payload: string) => Promise<Contender>}
 */
function throughIpc(serialization) {
  return async (payload) => {
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
        child.send({ type: "request", id, channel: "sidecar:ping", args: [payload] });
      });
    await call();
    return { call, close: () => child.kill() };
  };
}

/**
 * @param {string} payload
 * @returns {Promise<Contender>}
 */
async function throughJsonRpc(payload) {
  const rpc = require("vscode-jsonrpc/node");
  const child = spawn(process.execPath, [PEER, "jsonrpc"], { stdio: ["pipe", "pipe", "inherit"] });
  const connection = rpc.createMessageConnection(new rpc.StreamMessageReader(child.stdout), new rpc.StreamMessageWriter(child.stdin));
  connection.listen();
  const call = () => connection.sendRequest("ping", payload);
  await call();
  return { call, close: () => child.kill() };
}

/** @type {Record<string, (payload: string) => Promise<Contender>>} */
const contenders = {
  "client.js → sidecar": throughClient([PYTHON, "-m", "sidecar"]),
  "client.js → sidecar, thread reader": throughClient([PYTHON, "-m", "tests.benchmarks.children.threaded"]),
  "raw Python echo": throughEcho,
  "Node IPC json": throughIpc("json"),
  "Node IPC advanced": throughIpc("advanced"),
};
/** @type {Record<string, string>} why not */
const missing = {};
try {
  require.resolve("vscode-jsonrpc/node");
  contenders["vscode-jsonrpc"] = throughJsonRpc;
} catch {
  missing["vscode-jsonrpc"] = "the development dependencies of electron-shim are not installed";
}

module.exports = { contenders, missing };
