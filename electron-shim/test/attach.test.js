// attachSidecar as an app's code calls it: early, twice, again after a failure, next to the app's old service.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { alive, startApp, until } = require("./support/app.js");
const { fakeCommand } = require("./support/sidecar.js");

/** @param {string} [mode] @param {object} [more] */
const fake = (mode = "echo", more) => ({ options: { command: fakeCommand(mode), ...more } });
const QUIET = { ownFatal: true };

test("attachSidecar registers its handlers at once, and a second call returns the first call's promise", async (t) => {
  const app = await startApp(t, fake());
  assert.match(
    (await app.facts()).atOnce,
    /Attempted to register a second handler for 'backend:status'.*remove your own ipcMain\.handle\("backend:status"/,
  );
  const { sidecarPid } = await app.facts();
  assert.equal(await app.command("attachAgain"), true);
  assert.equal((await app.facts()).sidecarPid, sidecarPid);
  const others = { settings: { backend: { command: ["other"] } }, allowedOrigins: ["app://main"] };
  assert.match(await app.command("attachAgain", others), /another value of: settings, allowedOrigins\..*detach\(\) first/);
  assert.equal((await app.facts()).sidecarPid, sidecarPid);
  void app.command("quit").catch(() => {});
  assert.equal(await app.exited, 0);
});

test("attachSidecar works before the app is ready, when the power monitor does not exist yet", async (t) => {
  const app = await startApp(t, { ...fake(), early: true });
  assert.equal((await app.facts()).attachError, null);
  assert.equal(await app.page("atLoad"), "http://127.0.0.1:5005");
  await app.command("emit", "powerMonitor", "suspend");
  await until(async () => (await app.command("call", "backend:logs")).join() === "suspend", "the suspend");
});

test("detach leaves nothing behind, and attachSidecar may be called again", async (t) => {
  const app = await startApp(t, { ...fake(), quitWithWindows: false });
  const { sidecarPid } = await app.facts();
  const counts = "['before-quit','will-quit','browser-window-created'].map((name) => app.listenerCount(name))";
  assert.deepEqual(await app.command("evaluate", counts), [1, 1, 1]);
  await app.command("detach");
  assert.equal(alive(sidecarPid), false);
  assert.deepEqual(await app.command("evaluate", counts), [0, 0, 0]);
  assert.match(await app.page("electron.backend.status().catch((error) => error.message)"), /No handler registered for 'backend:status'/);
  await app.command("evaluate", "ipcMain.handle('backend:status', () => 'own')");
  assert.match(await app.command("attachAgain"), /remove your own ipcMain\.handle\("backend:status"/);
  await app.command("evaluate", "ipcMain.removeHandler('backend:status')");
  assert.equal(await app.command("attachAgain"), false);
  assert.notEqual((await app.facts()).sidecarPid, sidecarPid);
  assert.equal(await app.page("electron.backend.status().then((one) => one.running)"), false);
});

test("after a failure attachSidecar starts again, also with different options", async (t) => {
  const app = await startApp(t, { options: { command: ["/nowhere/sidecar"] }, ...QUIET });
  assert.match((await app.facts()).attachError, /ENOENT/);
  assert.equal(await app.command("attachAgain", { command: fakeCommand("echo") }), false);
  await app.command("makeWindow");
  assert.equal(await app.page("electron.backend.status().then((one) => one.running)"), false);
});

for (const channel of ["on", "runtime:getDiagnostics", "backend:health"]) {
  test(`a left-over listener or handler (${channel}) is refused by name, whether it came before or after`, async (t) => {
    const method = channel === "on" ? "on" : "handle";
    const name = channel === "on" ? "runtime:getBootstrap" : channel;
    const words = new RegExp(`remove your own ipcMain\\.${method}\\("${name}"`);
    const first = await startApp(t, { ...fake(), leftOver: channel });
    assert.match((await first.facts()).attachError, words);
    const second = await startApp(t, fake());
    const later = await second.command(
      "evaluate",
      `(() => { try { ipcMain.${method}("${name}", () => {}); } catch (error) { return error.message; } })()`,
    );
    assert.match(later, words);
    assert.equal(await second.page("atLoad"), "http://127.0.0.1:5005");
  });
}

test("the synchronous view of the backend follows the backend's events", async (t) => {
  const app = await startApp(t, fake());
  const view = () =>
    app.command("evaluate", "[attached.backend.getUrl(), attached.backend.getPort(), attached.backend.isRunning(), attached.backend.pid]");
  assert.deepEqual(await view(), ["http://127.0.0.1:5005", 5005, true, 1]);
  await app.command("call", "sidecar:ping", { event: { state: "BACKOFF", previous: "RUNNING", pid: null, port: null, url: null } });
  assert.deepEqual(await view(), ["http://127.0.0.1:5005", 5005, false, null]);
  assert.equal(await app.command("evaluate", "attached.backend.state"), "BACKOFF");
  assert.deepEqual(await app.command("evaluate", "attached.backend.restart()"), { success: true, url: "args []" });
});

test("an app that listens to backend-crash gets no dialog, and keeps running", async (t) => {
  const app = await startApp(t, { ...fake("echo", { limits: { restartAttempts: 0 } }), listensToCrash: true });
  await app.command("callError", "sidecar:ping", { die: true });
  await until(async () => (await app.facts()).emitted.some((/** @type {any} */ one) => one.name === "backend-crash"), "backend-crash");
  await app.page("electron.backend.status()");
  assert.deepEqual((await app.facts()).dialogs, []);
});

for (const name of ["before-quit", "will-quit"]) {
  test(`a quit that a listener of ${name} prevents after ours leaves an app that works`, async (t) => {
    const app = await startApp(t, { ...fake(), quitWithWindows: false });
    const { sidecarPid } = await app.facts();
    await app.command("closeWindow");
    await app.command("preventLater", name);
    await app.command("quit");
    await until(async () => ![null, sidecarPid].includes((await app.facts()).sidecarPid), "another sidecar");
    assert.equal((await app.command("call", "backend:status")).running, false);
    void app.command("quit").catch(() => {});
    assert.equal(await app.exited, 0);
  });
}
