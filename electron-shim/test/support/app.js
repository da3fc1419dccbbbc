// An app under test as the tests see it: a process, commands, its pages.
"use strict";

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const APP = path.join(__dirname, "..", "app", "main.js");
const REGISTER = path.join(__dirname, "..", "electron", "register.js");

/** @type {[string, ...string[]]} */
const PROGRAM = process.env.REAL_ELECTRON
  ? [process.env.REAL_ELECTRON, "--no-sandbox", APP]
  : [process.execPath, "--require", REGISTER, APP];

/**
 * @param {() => any} condition
 * @param {string} what
 * @param {number} [limit] milliseconds
 * @returns {Promise<any>} the condition's first true value
 */
async function until(condition, what, limit = 60_000) {
  const end = Date.now() + limit;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${limit} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** @param {number} pid whether a process exists and is not a zombie */
function alive(pid) {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return process.platform !== "linux";
  }
}

/**
 * Starts an app whose folder and processes are gone after the test.
 *
 * @param {import("node:test").TestContext} t
 * @param {Record<string, any>} order options for attachSidecar in `options`, and what test/app/main.js reads
 * @param {NodeJS.ProcessEnv} [env]
 */
async function startApp(t, order, env = {}) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "shim-app-"));
  const child = spawn(PROGRAM[0], PROGRAM.slice(1), {
    env: { ...process.env, ...env, EMULATED_HOME: home, APP_ORDER: JSON.stringify(order) },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  child.stdout?.on("data", (text) => (output += text));
  child.stderr?.on("data", (text) => (output += text));
  let lastId = 0;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  const pending = new Map();
  /** @type {(value: void) => void} */
  let isReady = () => {};
  const ready = new Promise((resolve) => (isReady = resolve));
  child.on("message", (/** @type {any} */ message) => {
    if (message.ready) isReady();
    const one = pending.get(message.id);
    pending.delete(message.id);
    if (message.error !== undefined) one?.reject(new Error(output ? `${message.error}\nThe app said:\n${output}` : message.error));
    else one?.resolve(message.result);
  });
  /** @type {Promise<number | null>} */
  const exited = new Promise((resolve) => child.on("exit", (code) => resolve(code)));
  void exited.then(() => {
    isReady();
    for (const one of pending.values()) one.reject(new Error(`the app is gone:\n${output}`));
  });
  /** @param {string} name @param {any[]} args @returns {Promise<any>} */
  const command = (name, ...args) =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      pending.set(id, { resolve, reject });
      child.send({ id, name, args }, (error) => error && reject(new Error(`${error.message}; the app said:\n${output}`)));
    });
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
    remove(home);
  });
  await ready;
  return {
    child,
    home,
    exited,
    command,
    /** @param {string} code an expression, which may be a promise @param {number} [index] */
    page: (code, index = 0) => command("page", code, index),
    facts: () => command("facts"),
    output: () => output,
  };
}

/** @type {Set<string>} */
const folders = new Set();
// Once more at the end: a dying browser may write there after its app has exited.
process.on("exit", () => folders.forEach(remove));

/** @param {string} folder */
function remove(folder) {
  folders.add(folder);
  try {
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // in use: retried at the end
  }
}

/**
 * Kills the backend.
 * @param {any} app
 * @returns {Promise<any>} the status of its replacement, at the same address
 */
async function killBackend(app) {
  const before = await app.page("electron.backend.status()");
  process.kill(before.pid, "SIGKILL");
  const after = await until(async () => {
    const status = await app.page("electron.backend.status()");
    return status.running && status.pid !== before.pid && status;
  }, "another backend");
  assert.equal(after.url, before.url);
  return after;
}

module.exports = { alive, killBackend, startApp, until };
