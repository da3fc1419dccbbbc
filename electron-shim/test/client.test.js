"use strict";

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { connect, Sidecar, SidecarError } = require("../lib/client.js");

const FAKE = path.join(__dirname, "support", "fake-sidecar.js");
/** @param {string} mode @param {object} [more] */
const options = (mode, more) => ({ command: [process.execPath, FAKE, mode], ...more });

/**
 * Returns a client connected to a fake, closed after the test.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} mode
 * @param {object} [more]
 */
async function fake(t, mode, more) {
  const sidecar = new Sidecar(options(mode, more));
  await sidecar.whenReady(); // not whenServing: some fakes never answer
  t.after(() => sidecar.close({ timeout: 2000 }));
  return sidecar;
}

/**
 * @param {Promise<any>} promise
 * @returns {Promise<any>}
 */
const failure = (promise) =>
  promise.then(
    () => assert.fail("it succeeded"),
    (error) => error,
  );

/** @param {Sidecar} sidecar @param {string} name @returns {Promise<any>} */
const once = (sidecar, name) => new Promise((resolve) => sidecar.on(name, resolve));

test("connect resolves after hello, and calls are answered", async (t) => {
  const sidecar = await fake(t, "echo");
  assert.equal(sidecar.hello?.sidecar, "0.0.0-fake");
  assert.equal(await sidecar.invoke("sidecar:ping", "ä"), "ä");
  assert.equal(await sidecar.invoke("sidecar:ping"), null);
  assert.deepEqual(await sidecar.call("sidecar:ping", [[1, { a: undefined, b: [true] }]]), [1, { b: [true] }]); // as in JSON
});

test("listeners that are added when connect resolves miss no event", async (t) => {
  /** @type {string[]} */
  const states = [];
  const sidecar = await connect(options("eventAtOnce"));
  t.after(() => sidecar.close({ timeout: 2000 }));
  sidecar.on("backend:stateChanged", ({ state }) => states.push(state));
  await sidecar.invoke("sidecar:ping", { event: { state: "RUNNING" } });
  assert.deepEqual(states, ["STARTING", "RUNNING"]);
});

test("a hello that arrives byte by byte is reassembled", async (t) => {
  const sidecar = await fake(t, "bytes");
  assert.equal(await sidecar.invoke("sidecar:ping", 1), 1);
});

test("large arguments and answers arrive complete", async (t) => {
  const sidecar = await fake(t, "echo");
  const bytes = new Uint8Array(900_000).map((_, i) => i);
  assert.deepEqual(new Uint8Array(await sidecar.invoke("sidecar:ping", bytes)), bytes);
  const text = "ä".repeat(300_000);
  const answers = await Promise.all(Array.from({ length: 20 }, () => sidecar.invoke("sidecar:ping", text)));
  assert.ok(answers.every((answer) => answer === text));
});

test("settings become environment variables, the profile a flag, and neither shows secrets in the command line", async (t) => {
  const sidecar = await fake(t, "echo", { settings: { profile: "generic", backend: { env: { KEY: 'a"b\\' } } } });
  const status = await sidecar.invoke("backend:status");
  assert.equal(status.env, String.raw`{"KEY" = "a\"b\\"}`);
  assert.deepEqual(status.argv, ["serve", "--profile", "generic"]);
});

test("an error has code, message, hint, data and channel", async (t) => {
  const sidecar = await fake(t, "echo");
  const error = await failure(sidecar.invoke("sidecar:ping", { fail: true }));
  assert.ok(error instanceof SidecarError);
  assert.equal(error.code, "PORT_IN_USE");
  assert.equal(error.message, "taken");
  assert.equal(error.hint, "free it");
  assert.deepEqual(error.data, { port: 5, owner: null });
  assert.equal(error.channel, "sidecar:ping");
});

test("10 000 calls at once all succeed, and no more than the sidecar allows are ever in flight", async (t) => {
  const sidecar = await fake(t, "echo");
  const answers = await Promise.all(Array.from({ length: 10_000 }, (_, i) => sidecar.invoke("sidecar:ping", { slow: i + 1 })));
  assert.deepEqual(
    answers,
    Array.from({ length: 10_000 }, (_, i) => i + 1),
  );
  const highest = await sidecar.invoke("sidecar:ping", { highest: true });
  assert.ok(highest <= 16 && highest > 4, `${highest} in flight at most`);
});

for (const [what, value, words] of /** @type {Array<[string, any, RegExp]>} */ ([
  ["a function", { deep: [() => 1] }, /\[0\]\.deep\[0\] is a function/],
  ["a Map", new Map(), /\[0\] is an instance of Map/],
  ["a Set", [new Set()], /\[0\]\[0\] is an instance of Set/],
  ["an Error", new Error("x"), /is an instance of Error/],
  ["a BigInt", 1n, /is a bigint/],
  ["a class instance", new (class Thing {})(), /is an instance of Thing/],
])) {
  test(`${what} as an argument is refused by name and place`, async (t) => {
    const sidecar = await fake(t, "echo");
    const error = await failure(sidecar.invoke("sidecar:ping", value));
    assert.equal(error.code, "INVALID_ARGS");
    assert.match(error.message, words);
  });
}

for (const [what, make] of /** @type {Array<[string, () => any]>} */ ([
  ["28 levels of shared pairs", () => Array.from({ length: 28 }).reduce((/** @type {any} */ a) => [a, a], [])],
  ["a sparse array", () => Object.assign([], { 30_000_000: 1 })],
  ["too many strings", () => Array.from({ length: 20 }, () => "x".repeat(1 << 20))],
  ["too many bytes", () => new Uint8Array(17 << 20)],
])) {
  test(`${what} as an argumentis refused at once, because the codec would write each part`, async (t) => {
    const sidecar = await fake(t, "echo");
    const value = make();
    const before = performance.now();
    const error = await failure(sidecar.invoke("sidecar:ping", value));
    assert.equal(error.code, "INVALID_ARGS");
    assert.match(error.message, /sidecar:ping: the arguments are too large/);
    assert.ok(performance.now() - before < 10_000); // encoding it would take minutes, or more memory than exists
  });
}

test("an error names the line that made the call", async (t) => {
  const sidecar = await fake(t, "echo");
  /** @type {any} */
  let caught;
  async function theCaller() {
    await sidecar.invoke("sidecar:ping", { fail: true });
  }
  await theCaller().catch((error) => (caught = error));
  assert.match(caught.stack, /^SidecarError: taken\n[^]*at async theCaller \(.*client\.test\.js/);
});

test("a sidecar is printed without its environment", async (t) => {
  const sidecar = await fake(t, "echo", { env: { SECRET: "hunter2" } });
  const printed = require("node:util").inspect(sidecar, { depth: 9, showHidden: true });
  assert.match(printed, /^Sidecar <process \d+>$/);
  assert.doesNotMatch(JSON.stringify(sidecar), /hunter2/);
});

test("connect without arguments fails with an error that says what to pass", async () => {
  const error = await failure(/** @type {any} */ (connect)());
  assert.match(error.message, /^connect: the options are missing, as in connect\(\{ settings: /);
});

test("the error for a program that is not on the PATH says how to install one", async () => {
  const error = await failure(connect({ command: ["no-such-sidecar"] }));
  assert.equal(error.code, "SIDECAR_NOT_STARTED");
  assert.match(error.hint, /^no-such-sidecar is not on the PATH.*npm install electron-backend-sidecar.*pip install/);
});

test("a working folder that is missing is named, and not the program", async () => {
  const error = await failure(connect(options("echo", { cwd: path.join(__dirname, "no such folder") })));
  assert.equal(error.code, "SIDECAR_NOT_STARTED");
  assert.match(error.hint, /^The option cwd is not a folder: .*no such folder$/);
});

test("a cyclic argument is refused, the same object twice is not", async (t) => {
  const sidecar = await fake(t, "echo");
  /** @type {any} */
  const ring = {};
  ring.self = ring;
  assert.match((await failure(sidecar.invoke("sidecar:ping", ring))).message, /\[0\]\.self is a cycle/);
  const shared = { a: 1 };
  assert.deepEqual(await sidecar.invoke("sidecar:ping", [shared, shared]), [shared, shared]);
});

test("a page's long keys are shortened in the error, and text counts by its bytes", async (t) => {
  const sidecar = await fake(t, "echo");
  /** @type {any} */
  let deep = { "\u001b]52;c;eA==\u0007\u202e": 1n };
  for (let level = 0; level < 150; level++) deep = { ["k".repeat(50_000)]: deep };
  const { message } = await failure(sidecar.invoke("sidecar:ping", deep));
  assert.ok(message.length < 3000, `${message.length} characters`);
  const steering = await failure(sidecar.invoke("sidecar:ping", { "\u001b]0;x\u0007\u202e": 1n }));
  assert.doesNotMatch(steering.message, /[\p{C}]/u);
  const euros = await failure(sidecar.invoke("sidecar:ping", "€".repeat(6_000_000)));
  assert.match(euros.message, /the arguments are too large/);
  assert.equal(await sidecar.invoke("sidecar:ping", 1), 1);
});

test("arguments beyond the frame limit are refused and the next call is served", async (t) => {
  const sidecar = await fake(t, "echo");
  assert.equal((await failure(sidecar.invoke("sidecar:ping", new Uint8Array(2 << 20)))).code, "INVALID_ARGS");
  assert.equal(await sidecar.invoke("sidecar:ping", 1), 1);
});

test("an AbortSignal cancels at once and notifies the sidecar", async (t) => {
  const sidecar = await fake(t, "echo");
  const controller = new AbortController();
  const held = failure(sidecar.call("sidecar:ping", [{ hold: true }], { signal: controller.signal }));
  await sidecar.invoke("sidecar:ping");
  controller.abort();
  assert.equal((await held).code, "CANCELLED");
  await sidecar.invoke("sidecar:ping");
  const answers = await Promise.all(Array.from({ length: 16 }, () => sidecar.invoke("sidecar:ping", { slow: true })));
  assert.equal(answers.length, 16); // the cancelled call does not take another one's place
  assert.equal((await failure(sidecar.call("sidecar:ping", [], { signal: AbortSignal.abort() }))).code, "CANCELLED");
});

test("a call without an answer times out", async (t) => {
  const sidecar = await fake(t, "echo");
  assert.equal((await failure(sidecar.call("sidecar:ping", [{ hold: true }], { timeout: 30 }))).code, "TIMEOUT");
});

test("an invalid timeout is an error, and Infinity is valid", async (t) => {
  const sidecar = /** @type {any} */ (await fake(t, "echo", { limits: { closeTimeout: Infinity, pingInterval: undefined } }));
  for (const [wrong, words] of /** @type {Array<[any, RegExp]>} */ ([
    [{ timeout: "5s" }, /call: the option timeout must be a number of milliseconds/],
    [{ timeout: -1 }, /must be a number of milliseconds/],
    [{ timeOut: 5 }, /call: unknown option timeOut\. Did you mean timeout\?/],
    [{ signal: "stop" }, /call: the option signal must be an AbortSignal/],
    [500, /call: the options must be an object with any of signal, timeout/],
    [null, /call: the options must be an object/],
  ]))
    assert.match((await failure(sidecar.call("sidecar:ping", [], wrong))).message, words);
  for (const args of [null, "sidecar", { lines: 20 }])
    assert.match((await failure(sidecar.call("sidecar:ping", args))).message, /call: the arguments must be an array, as in call\(/);
  for (const timeout of [Infinity, null, 2 ** 40]) await sidecar.call("sidecar:ping", [], { timeout });
  assert.throws(() => sidecar.power("sleep"), /power takes "suspend" or "resume", not sleep/);
  assert.throws(() => sidecar.close({ timeout: "5s" }), /close: the option timeout must be a number of milliseconds/);
  assert.throws(() => sidecar.close(5000), /close: the options must be an object with any of timeout/);
  assert.deepEqual(await sidecar.close({ timeout: Infinity }), { code: 0, error: null });
});

test("events reach their listeners until they unsubscribe", async (t) => {
  const sidecar = await fake(t, "echo");
  /** @type {any[]} */
  const seen = [];
  const off = sidecar.on("backend:stateChanged", (payload) => seen.push(payload));
  await sidecar.invoke("sidecar:ping", { event: "one" });
  off();
  off();
  await sidecar.invoke("sidecar:ping", { event: "two" });
  assert.deepEqual(seen, ["one"]);
});

test("an opt-in event is subscribed to once, and unsubscribed with its last listener", async (t) => {
  const sidecar = await fake(t, "echo");
  const first = once(sidecar, "backend:log");
  const off = sidecar.on("backend:log", () => {});
  assert.deepEqual(await first, { text: "line" });
  off();
  assert.deepEqual(await sidecar.invoke("sidecar:ping", { subscribed: true }), ["subscribe", "backend:log"]);
});

for (const [mode, code, words] of /** @type {Array<[string, string, RegExp]>} */ ([
  ["rubbish", "SIDECAR_PROTOCOL", /not a frame: "Hello, I am a log line and no fr/],
  ["zeros", "SIDECAR_PROTOCOL", /not a frame/],
  ["version2", "SIDECAR_PROTOCOL", /2\.0\.0\) speaks protocol 2, this package speaks 1/],
  ["nohello", "SIDECAR_PROTOCOL", /first frame is not hello but "response"/],
  ["thinHello", "SIDECAR_PROTOCOL", /hello lacks a required field/],
  ["exit", "SIDECAR_NOT_STARTED", /exit code 64[^]*no settings here/],
])) {
  test(`a sidecar in mode ${mode} makes connect fail with ${code}`, async () => {
    const error = await failure(connect(options(mode)));
    assert.equal(error.code, code);
    assert.match(error.message, words);
  });
}

test("a sidecar that hangs before hello makes connect fail within the limit", async () => {
  const before = performance.now();
  const error = await failure(connect(options("hang", { limits: { helloTimeout: 200 } })));
  assert.equal(error.code, "SIDECAR_HELLO_TIMEOUT");
  assert.ok(performance.now() - before < 9000, "the usual limit is 60 s");
});

test("a first start that a virus scanner holds up for 45 s is not given up", async (t) => {
  const file = path.join(__dirname, `scanned-${process.pid}`);
  t.after(() => fs.rmSync(file, { force: true }));
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const sidecar = new Sidecar(options("late", { env: { FAKE_HELLO_FILE: file } }));
  for (let second = 0; second < 45; second++) t.mock.timers.tick(1000);
  fs.writeFileSync(file, "");
  await sidecar.whenReady();
  t.mock.timers.reset();
  await sidecar.close({ timeout: 2000 });
});

for (const [what, file] of [
  ["is missing", "/nowhere/sidecar"],
  ["is not a program", __dirname],
  ["has a NUL in its name", "a\0b"],
]) {
  test(`a command that ${what} makes connect fail and says how to check`, async () => {
    const error = await failure(connect({ command: [String(file)] }));
    assert.equal(error.code, "SIDECAR_NOT_STARTED");
    assert.match(error.hint, /Check that this starts a sidecar/);
  });
}

test("a sidecar that dies in mid-frame fails pending calls with its last output, and is restarted", async (t) => {
  const sidecar = await fake(t, "echo");
  const restarted = once(sidecar, "sidecar:restarted");
  const pid = sidecar.hello?.pid;
  const error = await failure(sidecar.invoke("sidecar:ping", { die: true }));
  assert.equal(error.code, "SIDECAR_EXITED");
  assert.match(
    error.message,
    /exit code 3\), in the middle of a frame \(\d+ of the \d+ bytes of a frame\)\. Its last output:\nlast words: disk full$/, // no routine lines
  );
  await restarted;
  assert.notEqual(sidecar.hello?.pid, pid);
  assert.equal(await sidecar.invoke("sidecar:ping", 2), 2);
});

test("garbage in mid-stream ends the sidecar, and the next one answers the calls made meanwhile", async (t) => {
  const sidecar = await fake(t, "echo");
  assert.equal((await failure(sidecar.invoke("sidecar:ping", { rubbish: true }))).code, "SIDECAR_PROTOCOL");
  assert.equal(await sidecar.invoke("sidecar:ping", 3), 3);
});

test("what the sidecar writes to its stderr is passed on as it arrives", async (t) => {
  const sidecar = await fake(t, "echo");
  const text = once(sidecar, "sidecar:stderr");
  await failure(sidecar.invoke("sidecar:ping", { die: true }));
  assert.match(await text, /last words: disk full\n$/);
});

test("an invalid message ends the sidecar, not the app", async (t) => {
  const sidecar = await fake(t, "echo");
  const error = await failure(sidecar.invoke("sidecar:ping", { bodiless: true }));
  assert.equal(error.code, "SIDECAR_PROTOCOL");
  assert.match(error.message, /invalid message/);
  assert.equal(await sidecar.invoke("sidecar:ping", 4), 4);
});

test("subscriptions are renewed after a restart", async (t) => {
  const sidecar = await fake(t, "echo");
  let lines = 0;
  sidecar.on("backend:log", () => lines++);
  await sidecar.invoke("sidecar:ping");
  assert.equal(lines, 1);
  await failure(sidecar.invoke("sidecar:ping", { die: true }));
  await sidecar.invoke("sidecar:ping");
  assert.equal(lines, 2);
});

test("when its restarts are used up, the sidecar has failed for good: reported once, and every call fails with the reason", async (t) => {
  const sidecar = await fake(t, "echo", { limits: { restartAttempts: 2, restartDelay: 1 } });
  const failed = once(sidecar, "sidecar:failed");
  for (let i = 0; i < 3; i++) await failure(sidecar.invoke("sidecar:ping", { die: true }));
  assert.equal((await failed).code, "SIDECAR_EXITED");
  assert.equal((await failure(sidecar.invoke("sidecar:ping"))).code, "SIDECAR_EXITED");
});

test("wrong settings are reported with the sidecar's message and not retried", async () => {
  const settings = { profile: /** @type {any} */ ("x"), backend: { port: 70_000 } };
  const error = await failure(connect(options("config", { settings })));
  assert.equal(error.code, "INVALID_CONFIG");
  assert.equal(error.hint, "1 to 65535");
  // Named as in the app's options; a variable from the app's environment keeps its name.
  const mistakes = ["backend.port is 70000", 'profile is "x"', "SIDECAR_LOG__LEVEL: log.level is 1"];
  assert.equal(error.message, ["The settings have 3 mistakes:", ...mistakes].join("\n- "));
  const sidecar = new Sidecar(options("config"));
  let restarts = 0;
  sidecar.on("sidecar:exited", () => restarts++);
  assert.equal((await once(sidecar, "sidecar:failed")).code, "INVALID_CONFIG");
  assert.equal(restarts, 0);
});

test("a sidecar that stops answering is killed and restarted", async (t) => {
  const sidecar = await fake(t, "deaf", { limits: { pingInterval: 50 } });
  const pending = failure(sidecar.invoke("backend:status"));
  const restarted = once(sidecar, "sidecar:restarted");
  assert.equal((await pending).code, "SIDECAR_HUNG");
  await restarted;
});

test("a sidecar that is busy for less than the limit is left alone", async (t) => {
  const sidecar = await fake(t, "echo", { limits: { pingInterval: 100, pingMisses: 100 } });
  const pid = sidecar.hello?.pid;
  await sidecar.invoke("sidecar:ping", { stall: 250 });
  assert.equal(sidecar.hello?.pid, pid);
});

test("close shuts down and returns the exit status, and later calls fail with CLOSED", async () => {
  const sidecar = await connect(options("echo"));
  const pending = failure(sidecar.invoke("sidecar:ping", { hold: true }));
  assert.deepEqual(await sidecar.close(), { code: 0, error: null });
  assert.equal((await pending).code, "CLOSED");
  assert.equal((await failure(sidecar.invoke("sidecar:ping"))).code, "CLOSED");
  assert.equal(sidecar.close(), sidecar.close());
});

test("close reports a failed stop", async () => {
  const sidecar = await connect(options("shutdown75"));
  const result = await sidecar.close();
  assert.equal(result.code, 75);
  assert.equal(result.error?.code, "SIDECAR_EXITED");
});

test("close kills a sidecar that does not exit within the limit", async () => {
  const sidecar = new Sidecar(options("deaf"));
  await sidecar.whenReady();
  const result = await sidecar.close({ timeout: 100 });
  assert.equal(result.code, null);
  assert.equal(result.error?.code, "TIMEOUT");
});

test("close before hello ends the sidecar too", async () => {
  const sidecar = new Sidecar(options("hang"));
  const ready = failure(sidecar.whenReady());
  assert.equal((await sidecar.close()).code, 0);
  assert.equal((await ready).code, "CLOSED");
});

test("abandon ends the sidecar by closing its stdin", async () => {
  const sidecar = await connect(options("echo"));
  sidecar.abandon();
  assert.deepEqual(await sidecar.close(), { code: 0, error: null });
});

for (const leave of /** @type {const} */ (["close", "abandon"])) {
  test(`after ${leave}, reopen starts another sidecar, and events reach the earlier listeners`, async (t) => {
    const sidecar = await fake(t, "echo");
    const pid = sidecar.hello?.pid;
    const restarted = once(sidecar, "sidecar:restarted");
    /** @type {any[]} */
    const seen = [];
    sidecar.on("backend:stateChanged", (payload) => seen.push(payload));
    void sidecar[leave]();
    await Promise.all([sidecar.reopen(), sidecar.reopen()]);
    await restarted;
    assert.notEqual(sidecar.hello?.pid, pid);
    await sidecar.invoke("sidecar:ping", { event: "again" });
    assert.deepEqual(seen, ["again"]);
    assert.deepEqual(await sidecar.close(), { code: 0, error: null });
  });
}

test("reopen does nothing for a running sidecar, or for one that has failed for good", async (t) => {
  const sidecar = await fake(t, "echo", { limits: { restartAttempts: 0 } });
  const pid = sidecar.hello?.pid;
  await sidecar.reopen();
  assert.equal(sidecar.hello?.pid, pid);
  const failed = once(sidecar, "sidecar:failed");
  await failure(sidecar.invoke("sidecar:ping", { die: true }));
  await failed;
  await sidecar.close();
  await sidecar.reopen();
  assert.equal((await failure(sidecar.invoke("sidecar:ping"))).code, "SIDECAR_EXITED");
});

test("an abandoned sidecar that does not exit is killed", async () => {
  const sidecar = await connect(options("ignoreEof"));
  sidecar.abandon();
  const { code, error } = await sidecar.close();
  assert.equal(code, null);
  assert.equal(error?.code, "TIMEOUT");
});

test("a listener that throws stops neither other listeners nor calls, and its error surfaces as an uncaught one", () => {
  const script = `
    const { connect } = require(${JSON.stringify(require.resolve("../lib/client.js"))});
    process.on("uncaughtException", (error) => console.log("surfaced:", error.message));
    connect(${JSON.stringify(options("echo"))}).then(async (sidecar) => {
      sidecar.on("backend:stateChanged", () => { throw new Error("a bug of the app's"); });
      sidecar.on("backend:stateChanged", (payload) => console.log("second:", payload));
      await sidecar.invoke("sidecar:ping", { event: "x" });
      console.log("closed:", (await sidecar.close()).code);
    });`;
  const { stdout } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: 60_000 });
  assert.deepEqual(stdout.trim().split("\n"), ["second: x", "surfaced: a bug of the app's", "closed: 0"]);
});
