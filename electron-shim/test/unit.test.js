// The decision logic of the shim, without processes and without waiting.
"use strict";

const assert = require("node:assert/strict");
const { EventEmitter } = require("node:events");
const path = require("node:path");
const { mock, test } = require("node:test");
const { Packr } = require("msgpackr");
const { applyState, emptyBootstrap } = require("../lib/bootstrap.js");
const { exitCode, isBlocked } = require("../lib/client/connection.js");
const { SidecarError } = require("../lib/client/errors.js");
const { encodeFrame, encodeRequest, FrameReader } = require("../lib/client/frames.js");
const { mergedEnvironment, settingsEnvironment } = require("../lib/client/settings.js");
const { awakeTimeout, Watchdog } = require("../lib/client/watchdog.js");
const { Answers, pageError } = require("../lib/main/answers.js");
const { sidecarSettings } = require("../lib/main/command.js");
const { Fatal } = require("../lib/main/fatal.js");
const { createSenderCheck, originOf } = require("../lib/main/senders.js");

const app = (packaged = false) => ({
  isPackaged: packaged,
  getVersion: () => "1.2.3",
  getAppPath: () => "/app",
  getPath: (/** @type {string} */ name) => `/${name}`,
});
/** @returns {any} the parts of Electron that are used */
const modules = (packaged = false) => ({ app: app(packaged), ipcMain: {}, BrowserWindow: {} });

test("a variable replaces the inherited one, on Windows in any spelling", () => {
  const inherited = { NO_PROXY: "all", Path: "theirs", HOME: "there" };
  const own = { no_proxy: "mine", PATH: undefined };
  assert.deepEqual(mergedEnvironment(inherited, own, "win32"), { HOME: "there", ...own });
  assert.deepEqual(mergedEnvironment(inherited, own, "linux"), { ...inherited, ...own });
});

test("frames are read however the stream is split into chunks", () => {
  const messages = [{ a: 1 }, { b: "x".repeat(300) }, { c: [1, 2, 3] }];
  const bytes = Buffer.concat(messages.map(encodeFrame));
  for (let size = 1; size < 40; size++) {
    /** @type {any[]} */
    const seen = [];
    const reader = new FrameReader(1000, (message) => seen.push(message));
    for (let at = 0; at < bytes.length; at += size) reader.feed(bytes.subarray(at, at + size));
    assert.deepEqual(seen, messages, `chunks of ${size}`);
    assert.equal(reader.unfinished, null);
  }
});

for (const id of [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
  test(`the id ${id} arrives as it was sent, in a request and in every form of a response`, () => {
    /** @type {any[]} */
    const seen = [];
    const reader = new FrameReader(1000, (message) => seen.push(message));
    const request = { type: "request", id, channel: "a:b", args: [null, "x", { y: [1] }] };
    reader.feed(encodeRequest(id, "a:b", request.args));
    const response = { type: "response", id, result: { a: [1, "é", null] } };
    reader.feed(encodeFrame(response)); // as the codec writes it
    const compact = new Packr({ useRecords: false, variableMapSize: true }).pack(response); // as the sidecar writes it
    reader.feed(Buffer.concat([Buffer.from([0, 0, 0, compact.length]), compact]));
    assert.deepEqual(seen, [request, response, response]);
  });
}

test("a channel's name may have any length, and there may be any number of channels", () => {
  /** @type {any[]} */
  const seen = [];
  const reader = new FrameReader(1 << 20, (message) => seen.push(message));
  const names = ["", "é", "x".repeat(31), "x".repeat(32), "x".repeat(300), "x".repeat(70_000)];
  for (let i = 0; i < 200; i++) names.push(`channel ${i}`);
  for (const name of names) reader.feed(encodeRequest(1, name, []));
  assert.deepEqual(
    seen.map((message) => message.channel),
    names,
  );
});

for (const result of ["text", "a longer text: ".padEnd(90, "x")]) {
  test(`a response that is truncated or followed by garbage is not valid MessagePack: ${result}`, () => {
    const whole = new Packr({ useRecords: false, variableMapSize: true }).pack({ type: "response", id: 70_000, result });
    /** @type {Buffer[]} */
    const bodies = [Buffer.concat([whole, Buffer.from([0])])];
    for (let length = 1; length < whole.length; length++) bodies.push(whole.subarray(0, length));
    for (const body of bodies) {
      const reader = new FrameReader(1000, () => {});
      // The next frame continues with the missing bytes, which must not be read as part of this one.
      const next = [0, 0, 0, 9, ...whole.subarray(body.length)];
      assert.throws(() => reader.feed(Buffer.from([0, 0, 0, body.length, ...body, ...next])), { code: "SIDECAR_PROTOCOL" });
    }
  });
}

test("a text arrives as it was sent, whatever its length and characters", () => {
  const codec = new Packr({ useRecords: false, variableMapSize: true });
  for (const letters of ["x", "é", "€", "😀", "\0"]) {
    for (const count of [0, 1, 7, 31, 32, 63, 64, 65, 85, 127, 128, 255, 256, 65_536]) {
      const result = letters.repeat(count);
      const body = codec.pack({ type: "response", id: 1, result });
      const head = Buffer.alloc(4);
      head.writeUInt32BE(body.length);
      /** @type {any[]} */
      const seen = [];
      new FrameReader(1 << 20, (message) => seen.push(message)).feed(Buffer.concat([head, body]));
      assert.deepEqual(seen, [{ type: "response", id: 1, result }], `${count} times ${JSON.stringify(letters)}`);
    }
  }
});

test("an incomplete frame is reported with its byte counts", () => {
  const reader = new FrameReader(1000, () => {});
  reader.feed(Buffer.from([0, 0]));
  assert.equal(reader.unfinished, "2 of the 4 bytes of a frame's length");
  reader.feed(Buffer.from([0, 9, 1, 2, 3]));
  assert.equal(reader.unfinished, "3 of the 9 bytes of a frame");
});

for (const [what, bytes] of /** @type {Array<[string, Buffer]>} */ ([
  ["a length of zero", Buffer.alloc(8)],
  ["a length beyond the limit", Buffer.from([0, 0, 4, 0, 1])],
  ["text", Buffer.from("Traceback")],
  ["a body that is not MessagePack", Buffer.from([0, 0, 0, 2, 0xa5, 0x61])],
  ["a body that is not a map", Buffer.from([0, 0, 0, 1, 7])],
])) {
  test(`${what} is not a stream of frames, in one chunk or in many`, () => {
    for (const size of [1, 3, 64]) {
      const reader = new FrameReader(1000, () => {});
      assert.throws(
        () => {
          for (let at = 0; at < bytes.length; at += size) reader.feed(bytes.subarray(at, at + size));
        },
        { code: "SIDECAR_PROTOCOL" },
      );
    }
  });
}

test("settings become TOML values under the sidecar's variable names", () => {
  const settings = {
    profile: "generic",
    backend: { command: ["a b", 'c"d'], port: 5005, env: { "A.B": "1", C: "x\ny" }, cwd: undefined, autostart: false },
    timeouts: { startup: 0.5 },
    log: undefined,
  };
  assert.deepEqual(settingsEnvironment(settings), {
    SIDECAR_BACKEND__COMMAND: '["a b", "c\\"d"]',
    SIDECAR_BACKEND__PORT: "5005",
    SIDECAR_BACKEND__ENV: '{"A.B" = "1", "C" = "x\\ny"}',
    SIDECAR_BACKEND__AUTOSTART: "false",
    SIDECAR_TIMEOUTS__STARTUP: "0.5",
  });
  assert.throws(() => settingsEnvironment({ backend: { port: null } }), /settings\.backend\.port must be/);
  assert.throws(
    () => settingsEnvironment({ backend: { env: new Map([["A", "b"]]) } }),
    /settings\.backend\.env must be .*not \[object Map\]/,
  );
  assert.throws(() => settingsEnvironment({ backend: "x" }), /settings\.backend must be an object/);
});

/** Returns a watchdog whose clock the test controls. */
function watchdog(patience = 0) {
  let now = 0;
  let hung = 0;
  /** @type {Array<() => void>} */
  const answers = [];
  const dog = new Watchdog({
    interval: 5000,
    misses: 3,
    patience,
    now: () => now,
    hung: () => hung++,
    ping: () => new Promise((resolve) => answers.push(() => resolve(null))),
  });
  dog.stop();
  return {
    dog,
    answers,
    hung: () => hung,
    tick(elapsed = 5000) {
      now += elapsed;
      dog.tick();
    },
  };
}

/**
 * Answers the first ping: three more ticks are no hang yet, and a fourth is.
 *
 * @param {ReturnType<typeof watchdog>} dog
 */
async function countsFromTheAnswer({ tick, hung, answers }) {
  answers[0]?.();
  await null;
  await null;
  for (let i = 0; i < 3; i++) tick();
  assert.equal(hung(), 0);
  tick();
  assert.equal(hung(), 1);
}

test("three ticks without an answer are a hang, which is reported once", () => {
  const { tick, hung } = watchdog();
  for (let i = 0; i < 3; i++) tick();
  assert.equal(hung(), 0);
  tick();
  assert.equal(hung(), 1);
});

test("until the first answer the limit is longer: a virus scanner may hold up what a sidecar loads", async () => {
  const dog = watchdog(60_000);
  for (let i = 0; i < 12; i++) dog.tick();
  await countsFromTheAnswer(dog);
});

test("any answer restarts the count", async () => {
  const dog = watchdog();
  for (let i = 0; i < 3; i++) dog.tick();
  await countsFromTheAnswer(dog);
});

test("a late tick does not count: the machine slept", () => {
  const { tick, hung } = watchdog();
  for (let i = 0; i < 10; i++) {
    tick();
    tick();
    tick(3_600_000);
  }
  assert.equal(hung(), 0);
});

test("between suspend and resume nothing is counted", () => {
  const { dog, tick, hung } = watchdog();
  tick();
  tick();
  tick();
  dog.pause();
  for (let i = 0; i < 10; i++) tick();
  dog.resume();
  tick();
  tick();
  tick();
  assert.equal(hung(), 0);
});

test("an unreported resume is detected by punctual ticks", () => {
  const { dog, tick, hung } = watchdog();
  dog.pause();
  for (let i = 0; i < 11; i++) tick();
  tick(3_600_000); // the machine slept
  for (let i = 0; i < 12; i++) tick();
  assert.equal(hung(), 0);
  for (let i = 0; i < 4; i++) tick();
  assert.equal(hung(), 1);
});

test("a page's call waits only a limited time for a sidecar without hello, and fails with the reason", async () => {
  /** @type {any} */
  const sidecar = { hello: null, whenReady: () => new Promise(() => {}), call: () => assert.fail("no sidecar runs") };
  const answers = new Answers({ sidecar, bootstrap: emptyBootstrap, helloWait: 20 });
  await assert.rejects(answers.answer({}, "backend:restart", []), {
    message: "Failed to restart backend: The sidecar is not ready after 0.02 s",
  });
  assert.equal((await answers.answer({}, "backend:status", [])).running, false);
});

test("a page that waits for the backend also waits for a sidecar that is held up at its start", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  /** @type {(value?: unknown) => void} */
  let start = () => {};
  const hello = { channels: ["backend:waitForReady"], maxInFlight: 8 };
  /** @type {any} */
  const sidecar = { hello: null, whenReady: () => new Promise((resolve) => (start = resolve)), call: async () => "ready" };
  const answer = new Answers({ sidecar, bootstrap: emptyBootstrap }).answer({}, "backend:waitForReady", []);
  t.mock.timers.tick(60_000); // other calls have failed by now
  sidecar.hello = hello;
  start();
  assert.equal(await answer, "ready");
});

test("a known address is kept while the backend is down", () => {
  const change = { state: "STARTING", previous: "STOPPED", reason: "requested", pid: null, port: 5, url: "http://127.0.0.1:5", time: "" };
  const starting = applyState(emptyBootstrap(), /** @type {any} */ (change));
  assert.deepEqual([starting.backend.baseUrl, starting.backend.port, starting.backend.ready], ["http://127.0.0.1:5", 5, false]);
  const running = applyState(starting, /** @type {any} */ ({ ...change, state: "RUNNING", pid: 9 }));
  assert.deepEqual([running.backend.pid, running.backend.ready], [9, true]);
  const stopped = applyState(running, /** @type {any} */ ({ ...change, state: "STOPPED", port: null, url: null }));
  assert.deepEqual(
    [stopped.backend.baseUrl, stopped.backend.port, stopped.backend.pid, stopped.backend.ready],
    ["http://127.0.0.1:5", 5, null, false],
  );
});

test("a page's error starts with its channel's legacy prefix, once", () => {
  assert.equal(String(pageError("backend:restart", "no")), "Error: Failed to restart backend: no");
  assert.equal(String(pageError("backend:restart", "Failed to restart backend: no")), "Error: Failed to restart backend: no");
  assert.equal(String(pageError("backend:start", "no")), "Error: no");
});

test("the settings describe the app, and the caller's settings override them", () => {
  const packaged = sidecarSettings(
    { ...modules(true), backend: { executable: __filename, args: ["-v"] } },
    { argv: [], resourcesPath: "/res" },
  );
  assert.deepEqual(packaged.app, {
    mode: "production",
    version: "1.2.3",
    is_packaged: true,
    user_data: "/userData",
    temp: "/temp",
    resources: "/res",
  });
  assert.deepEqual(packaged.paths, { data: "/userData", logs: "/logs" });
  assert.deepEqual(packaged.backend, { command: [__filename, "-v"], cwd: __dirname });
  assert.deepEqual(packaged.log, {});
  const given = sidecarSettings(
    { ...modules(), settings: { app: { mode: "test" }, paths: { logs: "/mine" }, restart: { attempts: 1 } } },
    { argv: [], resourcesPath: "/electron/resources" },
  );
  assert.equal(given.app?.resources, path.join("/app", "resources")); // not Electron's own resources
  assert.equal(given.app?.mode, "test");
  assert.equal(given.paths?.logs, "/mine");
  assert.equal(given.restart?.attempts, 1);
  assert.equal(given.log?.level, "debug");
  assert.equal(given.backend, undefined); // the profile finds the backend
});

test("in development, with no executable built, dotnet runs the project", () => {
  const backend = { executable: "/nowhere/Aura.Api", project: path.join("src", "Aura.Api", "Aura.Api.csproj") };
  const project = path.resolve(backend.project); // dotnet runs in that folder, where a relative path would be wrong
  const command = ["dotnet", "run", "--no-launch-profile", "--project", project, "--urls", "http://{host}:{port}"];
  assert.deepEqual(sidecarSettings({ ...modules(), backend }, { argv: [] }).backend, { command, cwd: path.dirname(project) });
  assert.deepEqual(sidecarSettings({ ...modules(true), backend }, { argv: ["--dev"] }).backend?.command, command);
  assert.deepEqual(sidecarSettings({ ...modules(true), backend }, { argv: [] }).backend, {
    command: ["/nowhere/Aura.Api"],
    cwd: "/nowhere",
  });
});

/** @param {{development?: boolean, allowedOrigins?: string[]}} options */
const senders = ({ development = false, allowedOrigins } = {}) => {
  /** @type {string[]} */
  const warnings = [];
  const { refusal } = createSenderCheck({
    development,
    allowedOrigins,
    backendOrigin: () => "http://127.0.0.1:5",
    warn: (text) => warnings.push(text),
  });
  return { refusal: (/** @type {any} */ event) => refusal(event), warnings };
};

test("a frame that was disposed is refused, without the advice to allow the origin of opaque pages", () => {
  const { refusal, warnings } = senders();
  const disposed = () => {
    throw new Error("Render frame was disposed before WebFrameMain could be accessed");
  };
  const frame = Object.defineProperties({}, { origin: { get: disposed }, url: { get: disposed } });
  assert.match(refusal({ sender: {}, senderFrame: frame }) ?? "", /not allowed/);
  assert.deepEqual(warnings, []);
  refusal({ sender: {}, senderFrame: { origin: "null", url: "data:text/html," } });
  assert.equal(warnings.length, 1);
});

for (const [origin, development, allowed] of /** @type {Array<[string, boolean, boolean]>} */ ([
  ["file://", false, true],
  ["http://127.0.0.1:5", false, true],
  ["http://127.0.0.1:6", false, false],
  ["http://localhost:5173", false, false],
  ["http://localhost:5173", true, true],
  ["http://localhost.evil.example", true, false],
  ["https://example.com", true, false],
  ["null", true, false],
])) {
  test(`a page of ${origin} ${development ? "in development" : "in the packaged app"} is ${allowed ? "allowed" : "refused"}`, () => {
    const refusal = senders({ development }).refusal({ sender: {}, senderFrame: { origin } });
    assert.equal(refusal === null, allowed);
  });
}

test("a disposed frame is refused, and so is a foreign one in any window or view", () => {
  assert.match(senders().refusal({ sender: {}, senderFrame: null }) ?? "", /frame is gone/);
  for (const [type, heard] of /** @type {Array<[string, boolean]>} */ ([
    ["window", true],
    ["browserView", true],
    ["offscreen", true],
    ["webview", false],
    ["remote", false],
    ["backgroundPage", false],
  ])) {
    const sender = { getType: () => type };
    assert.equal(senders().refusal({ sender, senderFrame: { origin: "file://" } }) === null, heard, type);
    assert.match(senders().refusal({ sender, senderFrame: { origin: "https://example.com" } }) ?? "", /comes from|not allowed/);
  }
});

test("a refused origin is warned about once, with the option that allows it, or with how to get an origin", () => {
  const page = senders();
  for (let i = 0; i < 3; i++) page.refusal({ sender: {}, senderFrame: { origin: "app://main", url: "app://main/x.html" } });
  page.refusal({ sender: {}, senderFrame: { origin: "null", url: "app://main/x.html" } });
  assert.equal(page.warnings.length, 2);
  assert.match(page.warnings[0] ?? "", /origin app:\/\/main was refused.*allowedOrigins: \["app:\/\/main"\]/);
  assert.match(page.warnings[1] ?? "", /registerSchemesAsPrivileged\(\[\{ scheme: "app"/);
  for (let i = 0; i < 100; i++) page.refusal({ sender: {}, senderFrame: { origin: `https://${i}.example`, url: "" } });
  assert.ok(page.warnings.length <= 10);
});

test("the origin of a frame is known, also in Electron versions that report only its address", () => {
  assert.equal(originOf({ origin: "file://", url: "" }), "file://");
  assert.equal(originOf({ url: "file:///a/b.html" }), "file://");
  assert.equal(originOf({ url: "http://127.0.0.1:5/x?y" }), "http://127.0.0.1:5");
  assert.equal(originOf({ url: "app://main/index.html" }), "app://main");
  assert.equal(originOf({ url: "" }), "null");
  const disposed = {
    get origin() {
      throw new Error("Render frame was disposed before WebFrameMain could be accessed");
    },
  };
  assert.equal(originOf(/** @type {any} */ (disposed)), "null");
});

test("an exit code of Windows itself is written as in Windows' documentation", () => {
  assert.deepEqual([3221225781, 64, 0, null].map(exitCode), ["0xC0000135", 64, 0, null]);
});

test("a program that Windows refuses to start is distinguished from a missing one", () => {
  const codes = ["EACCES", "UNKNOWN", "ENOENT", undefined];
  assert.deepEqual(
    codes.map((code) => isBlocked({ code })),
    [true, true, false, false],
  );
});

test("a listener of backend-crash gets the same properties whatever failed", () => {
  const sidecar = Object.assign(new EventEmitter(), { closing: false });
  const electronApp = Object.assign(new EventEmitter(), { getPath: () => "/logs" });
  /** @type {any[]} */
  const reports = [];
  electronApp.on("backend-crash", (report) => reports.push(report));
  const fatal = new Fatal(/** @type {any} */ ({ app: electronApp, sidecar }));
  sidecar.emit("backend:crash", { code: 134, text: "exit code 134", cause: "why", remedy: "do", attempt: 3, attempts: 3, final: true });
  sidecar.emit("backend:stateChanged", { state: "RUNNING" });
  fatal.sidecarFailed(new SidecarError("SIDECAR_HUNG", "it hung", { hint: "do" }));
  assert.deepEqual(
    reports.map(({ code, message, logs, remedy }) => [code, message, logs, remedy]),
    [
      [134, "The backend service exited unexpectedly (exit code 134) and could not be restarted after 3 attempts.", "/logs", "do"],
      ["SIDECAR_HUNG", "it hung", "/logs", "do"],
    ],
  );
});

test("a machine's sleep does not use up a limit", () => {
  const apis = ["setTimeout"];
  mock.timers.enable(/** @type {any} */ (process.versions.node.startsWith("18.") ? apis : { apis })); // 18 takes the list itself
  try {
    let over = 0;
    awakeTimeout(() => (over += 1), 2500);
    mock.timers.tick(1000);
    mock.timers.tick(3_600_000);
    mock.timers.tick(499);
    assert.equal(over, 0);
    mock.timers.tick(1);
    assert.equal(over, 1);
    const cancel = awakeTimeout(() => (over += 1), 1500);
    mock.timers.tick(1000);
    cancel();
    mock.timers.tick(1000);
    assert.equal(over, 1);
  } finally {
    mock.timers.reset();
  }
});
