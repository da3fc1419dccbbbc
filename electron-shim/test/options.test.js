// A mistake in an option or in the name of a channel or event fails at once and says what to write instead.
"use strict";

const assert = require("node:assert/strict");
const { EventEmitter } = require("node:events");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { connect } = require("../lib/client.js");
const { Listeners } = require("../lib/client/listeners.js");
const { attachSidecar } = require("../lib/main.js");
const { checkAttachOptions, checkRepeated, SECTIONS } = require("../lib/main/options.js");
const { createBackendApi } = require("../lib/preload.js");
const { fakeCommand } = require("./support/sidecar.js");

const f = () => {};
const ELECTRON = {
  app: { getVersion: f, getPath: f, whenReady: f, quit: f, on: f },
  ipcMain: { handle: f, listenerCount: f },
  BrowserWindow: { getAllWindows: f },
};

/** @type {Array<[Record<string, any>, RegExp]>} */
const ATTACH = [
  [{ ipcMain: undefined }, /missing ipcMain\. Pass Electron's modules.*run the app with Electron, not with node/],
  [{ BrowserWindow: { webContents: {} } }, /BrowserWindow must be Electron's BrowserWindow, as in .*: it has no getAllWindows\(\)$/],
  [{ app: "my-app" }, /app must be Electron's app.*no getVersion/],
  [{ ipcMain: { invoke: {} } }, /ipcMain must be Electron's ipcMain.*no handle/],
  [{ dialog: {} }, /dialog must be Electron's dialog.*no showMessageBox/],
  [{ autoUpdater: true }, /autoUpdater must be Electron's autoUpdater, as in const \{ autoUpdater \} = require\("electron"\)$/],
  [{ command: [] }, /command must be an array of strings: the sidecar's program/],
  [{ allowedOrigin: ["app://main"] }, /unknown option allowedOrigin\. Did you mean allowedOrigins\?/],
  [{ setting: {} }, /unknown option setting\. Did you mean settings\?/],
  [{ timeouts: { startup: 5 } }, /unknown option timeouts\..* go into settings\./],
  [{ preload: "/x/preload.js" }, /unknown option preload\./],
  [{ settings: { backend: "node" } }, /settings\.backend must be an object of settings/],
  [{ settings: "settings.toml" }, /option settings must be an object/],
  [{ backend: { command: ["node", "server.js"] } }, /option backend: unknown option command\..* go into settings\.backend\./],
  [{ backend: { executable: "/x", args: "--port 5" } }, /option backend: the option args must be an array of strings/],
  [{ limits: { closeTimeot: 5 } }, /option limits: unknown option closeTimeot\. Did you mean closeTimeout\?/],
  [{ limits: { memory: 1 } }, /go into settings\.limits/],
  [{ limits: { closeTimeout: "30s" } }, /limits\.closeTimeout must be a number of milliseconds/],
  [{ limits: { restartAttempts: NaN } }, /limits\.restartAttempts must be a number$/],
  [{ allowedOrigins: "app://main" }, /allowedOrigins must be an array of strings/],
  [{ allowedOrigins: ["app://main/"] }, /"app:\/\/main\/" in allowedOrigins is not an origin/],
  [{ allowedOrigins: ["*"] }, /"\*" in allowedOrigins is not an origin/],
  [{ allowedOrigins: ["https://*.example.com"] }, /is not an origin/],
  [{ onFatal: "quit" }, /onFatal must be a function/],
  [{ observers: () => {} }, /observers must be an array of functions/],
  [{ command: "sidecar" }, /command must be an array of strings/],
  [{ env: { A: null } }, /env must be an object of strings; undefined removes a variable/],
  [{ env: { PORT: 5000 } }, /env must be an object of strings/],
];
for (const [options, words] of ATTACH) {
  test(`attachSidecar refuses ${JSON.stringify(options)}`, async () => {
    await assert.rejects(attachSidecar(/** @type {any} */ ({ ...ELECTRON, ...options })), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, words);
      return true;
    });
  });
}

test("a failed attachSidecar leaves nothing registered and nothing running", async (t) => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "shim-options-"));
  t.after(() => fs.rmSync(home, { recursive: true, force: true }));
  /** @type {Set<string>} */
  const handlers = new Set();
  const ipcMain = Object.assign(new EventEmitter(), {
    handle: (/** @type {string} */ channel) => void handlers.add(channel),
    removeHandler: (/** @type {string} */ channel) => void handlers.delete(channel),
  });
  const { getVersion, whenReady, quit } = ELECTRON.app;
  const app = Object.assign(new EventEmitter(), { getVersion, whenReady, quit, getPath: () => home });
  const BrowserWindow = { getAllWindows: () => assert.fail("a mistake in the app") };
  /** @type {any} */
  let sidecar;
  const observers = [(/** @type {any} */ one) => void (sidecar = one)];
  t.after(() => sidecar.close());
  const options = /** @type {any} */ ({ app, ipcMain, BrowserWindow, observers, command: fakeCommand("echo") });
  await assert.rejects(attachSidecar(options), /a mistake in the app/);
  assert.equal(handlers.size + ipcMain.eventNames().length + app.eventNames().length, 0);
  assert.equal(sidecar.closing, true);
});

test("attachSidecar accepts all of Electron's modules, null options, and every kind of origin", () => {
  const modules = {
    Menu: class {},
    net: {},
    shell: { beep: () => {} },
    protocol: {},
    screen: new (class {})(),
    session: class {},
    View: class {},
  };
  checkAttachOptions({ ...modules, ...ELECTRON, settings: null, onFatal: null, backend: undefined });
  checkAttachOptions({ ...ELECTRON, allowedOrigins: ["file://", "null", "app://main", "http://127.0.0.1:5173", "my-app.x+y://host"] });
});

test("a repeated call may omit options and pass its own functions, but not change an option", () => {
  const first = { settings: { timeouts: { startup: 5 } }, onFatal: () => {}, observers: [() => {}] };
  for (const again of [{}, { ...first, onFatal: () => {} }, { settings: { timeouts: { startup: 5 } } }, { limits: {}, env: undefined }])
    checkRepeated(again, first);
  for (const other of [{ settings: { timeouts: { startup: 6 } } }, { onLog: () => {} }, { env: { A: "b" } }, { command: ["x"] }])
    assert.throws(() => checkRepeated(other, first), new RegExp(`another value of: ${Object.keys(other)}\\.`));
});

test("Electron's own program is refused as the backend, unless it runs as Node", () => {
  const host = { execPath: "/opt/electron", versions: { electron: "42.0.0" } };
  /** @param {string[]} command @param {object} [env] */
  const check = (command, env) => checkAttachOptions({ ...ELECTRON, settings: { backend: { command, env } } }, host);
  assert.throws(() => check(["/opt/electron", "server.js"]), /it would open your app again.*ELECTRON_RUN_AS_NODE/);
  assert.throws(() => check(["/opt/electron"]), /ELECTRON_RUN_AS_NODE/);
  check(["/opt/electron", "server.js"], { ELECTRON_RUN_AS_NODE: "1" });
  check(["/opt/electron", "--backend"]);
  check(["node", "server.js"]);
});

test("every section of the settings is refused as an option next to settings", () => {
  const types = fs.readFileSync(path.join(__dirname, "..", "types", "protocol.d.ts"), "utf8");
  const [, settings = ""] = /export interface Settings \{\n([^]*?)\n\}/.exec(types) ?? [];
  const names = [...settings.matchAll(/^ {2}(\w+)\?/gm)].map(([, name]) => name);
  assert.ok(names.length > 5);
  assert.deepEqual([...SECTIONS, "app", "backend", "limits"].sort(), names.sort()); // these three are options too
});

/** @type {Array<[any, RegExp]>} */
const CONNECT = [
  [undefined, /the options are missing, as in connect\(/],
  [{ backend: { command: ["x"] } }, /unknown option backend\..* go into settings\./],
  [{ setings: {} }, /Did you mean settings\?/],
  [{ command: [] }, /command must be an array of strings: the sidecar's program/],
  [{ command: ["a", 5] }, /command must be an array of strings/],
  [{ limits: { helloTimeout: -1 } }, /limits\.helloTimeout must be a number of milliseconds/],
];
for (const [options, words] of CONNECT) {
  test(`connect refuses ${JSON.stringify(options)}`, async () => {
    await assert.rejects(connect(options), words);
  });
}

test("an unknown event is an error that suggests the right name", () => {
  const listeners = new Listeners();
  assert.throws(
    () => listeners.add("backend:stateChange", () => {}),
    /"backend:stateChange" is not an event\. Did you mean backend:stateChanged\?/,
  );
  assert.throws(() => listeners.add("ready", () => {}), /"ready" is not an event\. Events: backend:healthUpdate, .*sidecar:stderr/);
  assert.throws(() => listeners.add("backend:crash", /** @type {any} */ (null)), /the listener of backend:crash must be a function/);
});

test("in a page an unknown channel or event is an error that suggests the right name", async () => {
  const page = createBackendApi(/** @type {any} */ ({ on: () => {}, send: () => {}, sendSync: () => null, invoke: async () => null }));
  await assert.rejects(page.invoke("backend:statsu"), /"backend:statsu" is not a channel of the backend\. Did you mean backend:status\?/);
  await assert.rejects(
    page.invoke("files:open"),
    /"files:open" is not a channel of the backend: expose your app's own channels in your own preload/,
  );
  await assert.rejects(page.invoke("status"), /Did you mean backend:status\?/);
  assert.throws(() => page.on("stateChange", () => {}), /Did you mean backend:stateChanged\?/);
  assert.throws(() => page.on("backend:statechanged", () => {}), /Did you mean backend:stateChanged\?/);
});
