// What a hostile page, a foreign frame in one of the app's pages, or another user's folder above an installed app can do to the
// main process. A page that an attacker controls can send any message over any channel, not only what the preload offers.
"use strict";

const assert = require("node:assert/strict");
const { EventEmitter } = require("node:events");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { locateSidecar } = require("../lib/client/locate.js");
const { attachSidecar, SidecarError } = require("../lib/main.js");
const { sidecarEnvironment } = require("../lib/main/command.js");
const { Fatal } = require("../lib/main/fatal.js");
const { preloadPath } = require("../lib/main/preload-path.js");
const { fakeCommand } = require("./support/sidecar.js");

const LISTEN = "electron-backend-sidecar:listen";
const UNLISTEN = "electron-backend-sidecar:unlisten";

/**
 * Creates a main process with a sidecar that answers, and one page of the app.
 *
 * @param {import("node:test").TestContext} t
 * @param {{mode?: string, packaged?: boolean, dialog?: any}} [options]
 */
async function attached(t, { mode = "echo", packaged = false, dialog } = {}) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "shim-attacks-"));
  /** @type {Map<string, (event: any, ...args: any[]) => Promise<any>>} */
  const handlers = new Map();
  const ipcMain = Object.assign(new EventEmitter(), {
    handle: (/** @type {string} */ channel, /** @type {any} */ handler) => void handlers.set(channel, handler),
    removeHandler: (/** @type {string} */ channel) => void handlers.delete(channel),
  });
  const app = Object.assign(new EventEmitter(), {
    isPackaged: packaged,
    whenReady: async () => {},
    getVersion: () => "1.2.3",
    getAppPath: () => home,
    getPath: (/** @type {string} */ name) => path.join(home, name),
    quit() {},
  });
  const BrowserWindow = { getAllWindows: () => [], fromWebContents: () => null };
  const options = /** @type {any} */ ({ app, ipcMain, BrowserWindow, dialog, command: fakeCommand(mode) });
  const { sidecar } = await attachSidecar(options);
  t.after(async () => {
    await sidecar.close();
    fs.rmSync(home, { recursive: true, force: true });
  });
  const mainFrame = { origin: "file://", url: "file:///app/index.html", parent: null };
  const page = Object.assign(new EventEmitter(), {
    mainFrame,
    getType: () => "window",
    isDestroyed: () => false,
    isCrashed: () => false,
    send() {},
  });
  /** @param {any} [frame] @returns {any} */
  const from = (frame = mainFrame) => ({ sender: page, senderFrame: frame });
  return {
    electron: options,
    sidecar,
    from,
    mainFrame,
    /** @param {string} channel @param {any} event @param {any[]} args */
    invoke: async (channel, event, ...args) => handlers.get(channel)?.(event, ...args),
    /** @param {string} channel @param {any} event @param {any[]} args */
    send: (channel, event, ...args) => void ipcMain.emit(channel, event, ...args),
    /** The events that the sidecar has been asked for. */
    subscribed: () => sidecar.call(/** @type {any} */ ("sidecar:ping"), [{ subscribed: true }]),
  };
}

test("no name that a page sends ends the app, and only an event's name adds a listener", async (t) => {
  const app = await attached(t);
  for (const name of [{ toString: 1, valueOf: 1 }, Object.create(null), [["backend:log"]], undefined, 10n, "sidecar:stderr", "__proto__"]) {
    app.send(UNLISTEN, app.from(), name); // an exception here would be uncaught in the main process
    await assert.rejects(app.invoke(LISTEN, app.from(), name), /not an event of the backend/);
  }
});

test("a page that starts and stops listening in a loop does not delay other calls", async (t) => {
  const app = await attached(t);
  for (let i = 0; i < 5000; i++) {
    void app.invoke(LISTEN, app.from(), "backend:log");
    await null;
    await null;
    app.send(UNLISTEN, app.from(), "backend:log");
  }
  await app.invoke(LISTEN, app.from(), "backend:log");
  assert.equal(await app.sidecar.call(/** @type {any} */ ("sidecar:ping"), [5]), 5);
  const asked = await app.subscribed();
  assert.ok(asked.length < 1000, `${asked.length} words of subscriptions`);
  assert.deepEqual(asked.slice(-2), ["subscribe", "backend:log"]);
});

test("a subframe, foreign or the app's own, cannot end its page's subscriptions", async (t) => {
  const app = await attached(t);
  const evil = { origin: "https://evil.example", url: "https://evil.example/", parent: app.mainFrame };
  const own = { origin: "file://", url: "file:///app/frame.html", parent: app.mainFrame };
  await app.invoke(LISTEN, app.from(), "backend:log");
  await app.subscribed(); // else an unsubscription would wait for the answer, and be sent after the next look
  app.send(UNLISTEN, app.from(evil), "backend:log");
  const disposed = {
    get parent() {
      throw new Error("Render frame was disposed before WebFrameMain could be accessed");
    },
  };
  for (const frame of [evil, own, null, disposed]) {
    const event = { ...app.from(), senderFrame: frame };
    app.send("runtime:getBootstrap", event);
    assert.equal(event.returnValue === null, frame !== own);
  }
  assert.deepEqual(await app.subscribed(), ["subscribe", "backend:log"]);
  app.send("runtime:getBootstrap", app.from()); // the page itself was reloaded
  assert.deepEqual(await app.subscribed(), ["subscribe", "backend:log", "unsubscribe", "backend:log"]);
});

test("a page's waiting calls in the main process are limited in number and size", async (t) => {
  const app = await attached(t, { mode: "slowRestart" });
  const calls = Array.from({ length: 21_000 }, () => app.invoke("backend:restart", app.from()).catch((error) => error.message));
  assert.match(await /** @type {Promise<any>} */ (calls[20_500]), /20000 calls of this page are already waiting/);
  await assert.rejects(app.invoke("backend:logs", { sender: {}, senderFrame: app.mainFrame }, { text: "x".repeat(5000) }), /too large/);
  await app.sidecar.close();
  await Promise.all(calls);
});

test("a page whose calls wait leaves room for calls of the app and of other pages", async (t) => {
  const app = await attached(t, { mode: "slowRestart" });
  const calls = Array.from({ length: 1000 }, () => app.invoke("backend:restart", app.from()).catch((error) => error.message));
  const other = { ...app.from(), sender: {} };
  const limit = AbortSignal.timeout(20_000);
  const late = new Promise((_resolve, reject) => limit.addEventListener("abort", () => reject(limit.reason)));
  const asked = [app.sidecar.call("backend:status", [], { signal: limit }), app.invoke("backend:status", other)];
  for (const status of await Promise.race([Promise.all(asked), late])) assert.ok("env" in status);
  await app.sidecar.close();
  await Promise.all(calls);
});

test("a page that waits for its own calls can still stop the backend", async (t) => {
  const app = await attached(t, { mode: "slowRestart" });
  const calls = Array.from({ length: 100 }, () => app.invoke("backend:restart", app.from()).catch((error) => error.message));
  const stops = Promise.all([app.invoke("backend:stop", app.from()), app.invoke("backend:stop", app.from())]);
  const late = new Promise((resolve) => setTimeout(resolve, 10_000, "late").unref());
  assert.deepEqual(await Promise.race([stops, late]), [{ success: true }, { success: true }]);
  await app.sidecar.close();
  await Promise.all(calls);
});

test("the user is not asked about a firewall rule that cannot be created, or is only previewed", async (t) => {
  let asked = 0;
  const dialog = { showMessageBox: async () => ({ response: ++asked && 0 }) };
  const without = await attached(t, { mode: "noFirewall", dialog });
  for (const args of [[], [null], [{ preview: false }], ["x"]])
    await assert.rejects(without.invoke("backend:createFirewallRule", without.from(), ...args), /^Error: on Windows only$/);
  const app = await attached(t, { dialog });
  assert.equal((await app.invoke("backend:createFirewallRule", app.from(), { preview: true })).created, false);
  assert.equal(asked, 0);
  assert.equal((await app.invoke("backend:createFirewallRule", app.from(), {})).created, true);
  assert.equal(asked, 1);
});

test("a user who declined is not asked again and again", async (t) => {
  let asked = 0;
  const dialog = { showMessageBox: async () => ({ response: ++asked && 1 }) };
  const app = await attached(t, { dialog });
  for (let i = 0; i < 20; i++) await assert.rejects(app.invoke("backend:createFirewallRule", app.from()), /the user declined/);
  assert.equal(asked, 3);
});

test("the output of a failed start neither controls a terminal nor fills the dialog", async () => {
  /** @type {any[]} */
  const reports = [];
  const sidecar = Object.assign(new EventEmitter(), { closing: false });
  const app = Object.assign(new EventEmitter(), { getPath: () => "/logs" });
  const fatal = new Fatal(/** @type {any} */ ({ app, sidecar, onFatal: (/** @type {any} */ report) => reports.push(report) }));
  const output = "\x1b]8;;http://evil\x07a\u202eb\x1b[31mc\x9b2J\r\n" + "x".repeat(100_000) + "\n\tlast\x00\n";
  fatal.sidecarFailed(new SidecarError("BACKEND_EXITED", "it ended", { data: { output } }));
  assert.equal(reports[0].cause, `abc\n${"x".repeat(500)}…\n\tlast`);
});

test("no command-line argument opens a packaged app to pages of other programs", async (t) => {
  process.argv.push("--dev");
  t.after(() => process.argv.pop());
  const app = await attached(t, { packaged: true });
  await assert.rejects(app.invoke("backend:status", app.from({ origin: "http://localhost:5173", url: "" })), /is not allowed/);
});

test("no environment variable chooses what the sidecar of an installed app runs", async (t) => {
  const planted = {
    SIDECAR_BACKEND__ENV: '{"LD_PRELOAD" = "/tmp/evil.so"}',
    sidecar_sandbox__level: "off",
    SIDECAR_PROFILE: "aura", // whose backend AURA_BACKEND_URL names
    "SIDECAR_BAC\u212aEND__COMMAND": '["/tmp/evil"]', // Python lowercases the Kelvin sign to k
    _PYI_APPLICATION_HOME_DIR: "/tmp/evil",
  };
  Object.assign(process.env, planted);
  t.after(() => Object.keys(planted).forEach((name) => delete process.env[name]));
  for (const packaged of [false, true]) {
    const app = await attached(t, { packaged });
    const status = /** @type {any} */ (await app.sidecar.call("backend:status"));
    assert.equal(status.env, packaged ? null : planted.SIDECAR_BACKEND__ENV);
  }
  const left = sidecarEnvironment(/** @type {any} */ ({ app: { isPackaged: true }, env: { SIDECAR_LOG__LEVEL: "debug" } }));
  assert.equal(left.SIDECAR_LOG__LEVEL, "debug");
  for (const name of Object.keys(planted)) assert.ok(name in left && left[name] === undefined, name);
});

test("a polluted Object.prototype chooses no program, setting or origin", async (t) => {
  const evil = "https://evil.example";
  const planted = {
    ...{ command: ["/tmp/evil"], sidecarFolder: "/tmp/evil", executable: "/tmp/evil", from: "/tmp/evil", allowedOrigins: [evil] },
    ...{ settings: { backend: { env: { EVIL: "1" } } }, backend: { env: { EVIL: "1" } }, env: { SIDECAR_BACKEND__ENV: "evil" } },
    SIDECAR_BACKEND__ENV: "evil",
  };
  const clean = () => Object.keys(planted).forEach((name) => delete (/** @type {any} */ (Object.prototype)[name]));
  t.after(clean);
  Object.assign(Object.prototype, planted);
  const app = await attached(t);
  const { app: electronApp, ipcMain, BrowserWindow } = app.electron;
  const lost = await attachSidecar({
    app: Object.create(electronApp),
    ipcMain,
    BrowserWindow,
    sidecarFolder: "/nowhere",
    settings: {},
    onFatal() {},
  }).catch((error) => error);
  const { command } = locateSidecar(undefined, { packaged: true, resourcesPath: "/app" });
  clean();
  assert.doesNotMatch(String(lost.message), /evil/);
  assert.match(command[0] ?? "", /^\/app\b/);
  const status = /** @type {any} */ (await app.sidecar.call("backend:status"));
  assert.equal(status.env, null);
  await assert.rejects(app.invoke("backend:status", app.from({ origin: evil, url: evil })), /is not allowed/);
});

test("an installed app takes nothing from the folders above it or from its environment", (t) => {
  const above = fs.mkdtempSync(path.join(os.tmpdir(), "shim-attacks-"));
  t.after(() => fs.rmSync(above, { recursive: true, force: true }));
  const resourcesPath = path.join(above, ".mount_app", "resources"); // the resources of an AppImage, in /tmp
  const from = path.join(resourcesPath, "app");
  const planted = path.join(above, "node_modules", "electron-backend-sidecar-linux-x64", "sidecar", "sidecar");
  for (const file of [planted, path.join(above, "preload.standalone.js"), path.join(from, "main.js")]) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, "");
  }
  const env = { ELECTRON_SIDECAR_FOLDER: path.dirname(planted) };
  const host = { resourcesPath, from, appPath: from, platform: "linux", arch: "x64" };
  assert.deepEqual(locateSidecar(undefined, { ...host, packaged: false, env: {} }).command, [planted]);
  for (const one of [{}, env])
    assert.equal(locateSidecar(undefined, { ...host, packaged: true, env: one }).command[0]?.startsWith(resourcesPath), true);
  assert.equal(preloadPath(from, { packaged: false }), path.join(above, "preload.standalone.js"));
  assert.throws(() => preloadPath(from, { packaged: true, resourcesPath }), /was not found/);
  const inside = path.join(resourcesPath, "preload.standalone.js");
  fs.writeFileSync(inside, "");
  assert.equal(preloadPath(from, { packaged: true, resourcesPath }), inside);
});
