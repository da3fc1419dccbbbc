// Whether the app may quit, for every order of events; electron.test.js tests the same with real processes.
"use strict";

const assert = require("node:assert/strict");
const { EventEmitter } = require("node:events");
const { test } = require("node:test");
const { holdQuit } = require("../lib/main/quit.js");
const { Subscriptions } = require("../lib/main/subscriptions.js");
const { until } = require("./support/app.js");
const { preventable } = require("./electron/windows.js");

const WM_ENDSESSION = 0x16;
/** Lets promises and microtasks run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** @param {{sessionWait?: number, subscriptions?: Subscriptions}} [options] */
function setUp(options = {}) {
  /** @type {any} */
  const app = new EventEmitter();
  /** @type {string[]} */
  const said = [];
  /** @type {() => void} */
  let closed = () => {};
  /** @type {any} */
  const sidecar = {
    close: () => (said.push("close"), new Promise((resolve) => (closed = () => resolve({ code: 0, error: null })))),
    abandon: () => void said.push("abandon"),
    reopen: async () => void said.push("reopen"),
  };
  /** @type {any} */
  const autoUpdater = new EventEmitter();
  const makeWindow = () => {
    const hooks = new Map();
    return Object.assign(/** @type {any} */ (new EventEmitter()), {
      webContents: new EventEmitter(),
      hooks,
      hookWindowMessage: (/** @type {number} */ message, /** @type {any} */ callback) => hooks.set(message, callback),
      isWindowMessageHooked: (/** @type {number} */ message) => hooks.has(message),
    });
  };
  const window = makeWindow();
  app.quit = () => {
    said.push("quit");
    return emit(app, "before-quit");
  };
  const { close } = holdQuit({
    app,
    BrowserWindow: /** @type {any} */ ({ getAllWindows: () => [window] }),
    autoUpdater,
    sidecar,
    ...options,
  });
  return { app, autoUpdater, window, makeWindow, said, close, closed: async () => (closed(), settle()) };
}

/** @param {EventEmitter} emitter @param {string} name @returns {boolean} whether it was prevented */
function emit(emitter, name) {
  const event = preventable();
  emitter.emit(name, event);
  return event.defaultPrevented;
}

test("a quit waits for the sidecar, is requested again once, and then goes through", async () => {
  const { app, said, closed } = setUp();
  assert.equal(emit(app, "before-quit"), true);
  assert.equal(emit(app, "before-quit"), true);
  await settle();
  assert.deepEqual(said, ["close"]);
  await closed();
  assert.deepEqual(said, ["close", "quit"]);
  assert.equal(emit(app, "before-quit"), false);
});

test("a quit that another listener prevents changes nothing until the next quit", async () => {
  const { app, said } = setUp();
  app.prependListener("before-quit", (/** @type {any} */ event) => event.preventDefault());
  assert.equal(emit(app, "before-quit"), true);
  await settle();
  assert.deepEqual(said, []);
});

for (const name of ["before-quit", "will-quit"]) {
  test(`a quit that a later listener of ${name} prevents restarts the sidecar, and the next quit is delayed again`, async () => {
    const { app, said, closed } = setUp();
    let refuse = true;
    app.on(name, (/** @type {any} */ event) => refuse && event.preventDefault());
    emit(app, "before-quit");
    await closed();
    if (name === "will-quit") emit(app, name);
    await settle();
    assert.deepEqual(said, ["close", "quit", "reopen"]);
    refuse = false;
    assert.equal(emit(app, "before-quit"), true);
    await closed();
    assert.deepEqual(said.slice(3), ["close", "quit"]);
    emit(app, "will-quit");
    await settle();
    assert.equal(said.length, 5);
  });
}

test("a window's listeners are removed with it, and the others with the subscriptions", async () => {
  const subscriptions = new Subscriptions();
  const { app, window, makeWindow, autoUpdater } = setUp({ subscriptions });
  const other = makeWindow();
  app.emit("browser-window-created", {}, other);
  other.emit("closed");
  subscriptions.end();
  for (const emitter of [app, window, window.webContents, autoUpdater]) assert.deepEqual(emitter.eventNames(), []);
});

for (const [what, refuse] of /** @type {Array<[string, (window: any) => void]>} */ ([
  [
    "a window's own listener",
    (window) => (window.on("close", (/** @type {any} */ event) => event.preventDefault()), emit(window, "close")),
  ],
  ["a page's beforeunload", (window) => emit(window.webContents, "will-prevent-unload")],
])) {
  test(`a quit that ${what} refuses restarts the sidecar, and the next quit is delayed again`, async () => {
    const { app, window, said, closed } = setUp();
    emit(app, "before-quit");
    await closed();
    refuse(window);
    await settle();
    assert.deepEqual(said, ["close", "quit", "reopen"]);
    assert.equal(emit(app, "before-quit"), true);
    assert.deepEqual(said.slice(3), ["close"]);
  });
}

test("a window that refuses to close outside a quit, or whose beforeunload is overruled, changes nothing", async () => {
  const { app, window, said, closed } = setUp();
  window.on("close", (/** @type {any} */ event) => event.preventDefault());
  emit(window, "close");
  emit(window.webContents, "will-prevent-unload");
  await settle();
  assert.deepEqual(said, []);
  window.webContents.on("will-prevent-unload", (/** @type {any} */ event) => event.preventDefault()); // "leave anyway"
  emit(app, "before-quit");
  await closed();
  emit(window.webContents, "will-prevent-unload");
  await settle();
  assert.deepEqual(said, ["close", "quit"]);
});

test("an update stops the sidecar before windows close; a window that refuses restarts it", async () => {
  const { autoUpdater, app, window, said, closed } = setUp();
  autoUpdater.emit("before-quit-for-update");
  emit(window.webContents, "will-prevent-unload");
  await settle();
  await closed(); // the first close, which no longer matters
  assert.deepEqual(said, ["close", "reopen"]);
  autoUpdater.emit("before-quit-for-update");
  assert.equal(emit(app, "before-quit"), true); // from Squirrel, when the windows are gone
  await closed();
  assert.deepEqual(said.slice(2), ["close", "quit"]);
});

test("the query at a session's end closes stdin, and a session that continues restarts the sidecar", async () => {
  const { window, said } = setUp();
  emit(window, "query-session-end");
  await settle();
  assert.deepEqual(said, ["abandon"]);
  window.hooks.get(WM_ENDSESSION)(Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])); // it ends
  assert.deepEqual(said, ["abandon"]);
  window.hooks.get(WM_ENDSESSION)(Buffer.alloc(8)); // an app refused
  assert.deepEqual(said, ["abandon", "reopen"]);
});

test("a query that the app itself refuses leaves the sidecar alone", async () => {
  const { window, said } = setUp();
  window.on("query-session-end", (/** @type {any} */ event) => event.preventDefault());
  emit(window, "query-session-end");
  await settle();
  assert.deepEqual(said, []);
});

test("an app that still runs long after the query was not logged off", async () => {
  const { window, said } = setUp({ sessionWait: 10 });
  emit(window, "session-end");
  await until(() => said.length === 2, "the reopen");
  assert.deepEqual(said, ["abandon", "reopen"]);
});

test("a session that continues does not restart a sidecar that was already closing", async () => {
  const { app, window, said, closed } = setUp();
  emit(app, "before-quit");
  emit(window, "query-session-end");
  await settle();
  window.hooks.get(WM_ENDSESSION)(Buffer.alloc(8));
  await closed();
  assert.deepEqual(said, ["close", "abandon", "quit"]);
});

test("the app's own hook is not replaced, and windows created later are watched", async () => {
  const { app, makeWindow, said } = setUp();
  const window = makeWindow();
  const own = () => {};
  window.hookWindowMessage(WM_ENDSESSION, own);
  app.emit("browser-window-created", {}, window);
  assert.equal(window.hooks.get(WM_ENDSESSION), own);
  emit(window, "query-session-end");
  await settle();
  assert.deepEqual(said, ["abandon"]);
});
