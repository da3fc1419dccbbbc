// The shim between a page and a sidecar that misbehaves on demand; the scenarios with the real one are in scenarios.test.js.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { startApp, until } = require("./support/app.js");
const { fakeCommand } = require("./support/sidecar.js");

/** @param {string} [mode] @param {object} [more] */
const fake = (mode = "echo", more) => ({ options: { command: fakeCommand(mode), ...more } });
const QUIET = { ownFatal: true };
const EMULATED = process.env.REAL_ELECTRON ? "a message of Windows' can be sent to an emulated window only" : false;

test("a sandboxed page has the three objects, frozen, and its first script already knows the address", async (t) => {
  const app = await startApp(t, fake());
  assert.deepEqual((await app.facts()).preloadErrors, []);
  assert.equal(await app.page("atLoad"), "http://127.0.0.1:5005");
  assert.equal(await app.page("Object.isFrozen(electron.backend) && typeof acme"), "undefined");
  assert.equal(await app.page("desktopBridge.backend.getUrl()"), "http://127.0.0.1:5005");
  assert.equal(await app.page("electron.backend.getUrl()"), "http://127.0.0.1:5005");
  assert.equal(await app.page("electron.backend.getBaseUrl()"), "http://127.0.0.1:5005");
  assert.equal(await app.page("desktopBridge.getAppEnvironment()"), "production"); // from the fake's bootstrap
  assert.equal(await app.page("desktopBridge.environment.version"), "7.8.9");
  assert.equal(await app.page("electron.runtime.refresh().then((one) => one.paths.logs)"), "/l");
  assert.equal(await app.page("desktopBridge.getDiagnosticInfo().then((one) => one.os.hostname)"), "fake");
  assert.equal(await app.page("typeof require + typeof ipcRenderer"), "undefinedundefined");
});

test("a requested alias is exposed", async (t) => {
  const app = await startApp(t, { ...fake(), additionalArguments: ["--electron-backend-sidecar-alias=acme"] });
  assert.equal(await app.page("acme.backend.status().then((one) => one.running)"), false);
  assert.equal(await app.page("typeof electron.backend.status"), "function");
});

test("an app's own unsandboxed preload exposes the sidecar's objects next to its own", async (t) => {
  const app = await startApp(t, { ...fake(), preload: "preload.js" });
  assert.deepEqual((await app.facts()).preloadErrors, []);
  assert.equal(await app.page("electron.menu.name()"), "the app's own");
  assert.equal(await app.page("electron.backend.status().then((one) => one.running)"), false);
  assert.equal(await app.page("desktopBridge.getBackendBaseUrl()"), "http://127.0.0.1:5005");
});

test("a sandboxed preload cannot require the package: that is what the standalone one is for", async (t) => {
  const app = await startApp(t, { ...fake(), preload: "requiring-preload.js" });
  assert.match((await app.facts()).preloadErrors[0], /module not found: electron-backend-sidecar\/preload/);
});

test("a window opened before the sidecar runs has all objects, and learns the address from the first state", async (t) => {
  const app = await startApp(t, { ...fake(), windowFirst: true });
  await until(async () => (await app.facts()).bootstrap, "the sidecar");
  await app.command("call", "sidecar:ping", {
    event: { state: "STARTING", previous: "STOPPED", pid: null, port: 6006, url: "http://127.0.0.1:6006" },
  });
  await until(() => app.page("desktopBridge.getBackendBaseUrl() === 'http://127.0.0.1:6006'"), "the address");
  await app.command("call", "sidecar:ping", {
    event: { state: "RUNNING", previous: "STARTING", pid: 7, port: 6006, url: "http://127.0.0.1:6006" },
  });
  await until(() => app.page("electron.runtime.getCachedDiagnostics().backend.ready"), "ready");
  await app.command("call", "sidecar:ping", { event: { state: "STOPPED", previous: "RUNNING", pid: null, port: null, url: null } });
  await until(() => app.page("!electron.runtime.getCachedDiagnostics().backend.ready"), "not ready");
  assert.equal(await app.page("desktopBridge.getBackendBaseUrl()"), "http://127.0.0.1:6006"); // kept for the next run
});

test("a page's call made before the sidecar runs waits for it", async (t) => {
  const file = path.join(__dirname, `hello-${process.pid}`);
  t.after(() => fs.rmSync(file, { force: true }));
  const app = await startApp(t, {
    ...fake("late", { env: { FAKE_HELLO_FILE: file }, limits: { helloTimeout: 120_000 } }),
    windowFirst: true,
  });
  assert.equal((await app.facts()).sidecarPid, null);
  assert.equal(await app.page("desktopBridge.getBackendBaseUrl()"), null);
  await app.page("window.asked = electron.backend.status(); 0");
  fs.writeFileSync(file, "");
  assert.equal(await app.page("asked.then((one) => one.running)"), false);
  assert.notEqual((await app.facts()).sidecarPid, null);
});

test("a page in a view gets answers and events; a webview is refused whatever it shows", async (t) => {
  const app = await startApp(t, fake());
  await app.command("makeView", "browserView");
  assert.equal(await app.command("view", "electron.backend.status().then((one) => one.running)"), false);
  await app.command("view", "window.seen = []; electron.backend.onStateChanged((one) => seen.push(one.n)); 0");
  await app.command("call", "sidecar:ping", { event: { state: "RUNNING", n: 5, pid: 1, url: null } });
  await until(async () => (await app.command("view", "seen.join()")) === "5", "the event in the view");
  await app.command("makeView", "webview");
  assert.match(
    await app.command("view", "electron.backend.status().catch((error) => error.message)", 1),
    /was refused: it comes from a webview/,
  );
});

test("a page of the app's own protocol is refused with one warning, which names the option", async (t) => {
  const app = await startApp(t, fake());
  await app.command("serve", "http://app.example/", "<p>ours</p>");
  await app.command("goto", "http://app.example/");
  for (let i = 0; i < 3; i++)
    assert.match(await app.page("electron.backend.status().catch((error) => error.message)"), /option allowedOrigins/);
  const warnings = app
    .output()
    .split("\n")
    .filter((/** @type {string} */ line) => line.includes("was refused"));
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /allowedOrigins: \["http:\/\/app\.example"\]/);
});

test("small arguments that are huge on the wire do not block the app", async (t) => {
  const app = await startApp(t, { ...fake(), preload: "raw-preload.js" });
  const shared =
    "(() => { let a = []; for (let i = 0; i < 28; i++) a = [a, a]; return raw.invoke('backend:logs', a).catch((error) => error.message); })()";
  assert.match(await app.page(shared), /backend:logs: the arguments are too large/);
  assert.equal(await app.page("electron.backend.status().then((one) => one.running)").catch(() => false), false);
});

test("every window gets an event, and a closed one does not disturb the others", async (t) => {
  const app = await startApp(t, fake());
  await app.command("makeWindow");
  await app.command("makeWindow");
  await app.command("closeWindow", 1);
  for (const index of [0, 1]) await app.page("window.seen = []; electron.backend.onStateChanged((one) => seen.push(one.n)); 0", index);
  await app.command("call", "sidecar:ping", { event: { state: "RUNNING", n: 1, pid: 1, url: null } });
  for (const index of [0, 1]) await until(() => app.page("seen.length === 1", index), `the event in window ${index}`);
  assert.doesNotMatch(app.output(), /has been destroyed/);
});

test("a page that loads after the backend moved to another port reads the new address in its first script", async (t) => {
  const app = await startApp(t, fake());
  assert.equal(await app.page("atLoad"), "http://127.0.0.1:5005");
  await app.command("call", "sidecar:ping", {
    event: { state: "STARTING", previous: "BACKOFF", pid: null, port: 7007, url: "http://127.0.0.1:7007" },
  });
  await until(() => app.page("desktopBridge.getBackendBaseUrl() === 'http://127.0.0.1:7007'"), "the page that is there");
  await app.command("reload");
  assert.equal(await app.page("atLoad"), "http://127.0.0.1:7007");
  await app.command("makeWindow");
  assert.equal(await app.page("atLoad", 1), "http://127.0.0.1:7007");
});

test("a state that arrives together with the first bootstrap is not overwritten by it", async (t) => {
  const app = await startApp(t, fake("readyAtOnce"));
  const { backend } = (await app.facts()).bootstrap;
  assert.deepEqual([backend.ready, backend.pid], [true, 9]);
});

test("a sidecar that dies right after its hello is restarted before a failure is reported", async (t) => {
  const file = path.join(__dirname, `died-${process.pid}`);
  t.after(() => fs.rmSync(file, { force: true }));
  const app = await startApp(t, fake("echo", { env: { FAKE_DIE_ONCE: file } }));
  const facts = await app.facts();
  assert.deepEqual([facts.attachError, facts.dialogs], [null, []]);
  assert.equal(await app.page("atLoad"), "http://127.0.0.1:5005");
});

test("a late listener gets the last event, listeners get only the payload, and nothing after they unsubscribe", async (t) => {
  const app = await startApp(t, fake());
  await app.command("call", "sidecar:ping", { event: { state: "RUNNING", n: 1, pid: 1, url: null } });
  await app.page("window.seen = []; window.off = electron.backend.onStateChanged((...all) => seen.push([all.length, all[0].n])); 0");
  await until(() => app.page("seen.length === 1"), "the replay");
  await app.page(
    "electron.on('backend:stateChanged', (one) => seen.push(['second', one.n])); electron.once('backend:stateChanged', (one) => seen.push(['once', one.n])); 0",
  );
  await until(() => app.page("seen.length === 3"), "the replay to later ones");
  await app.command("call", "sidecar:ping", { event: { state: "RUNNING", n: 2, pid: 1, url: null } });
  await until(() => app.page("seen.length === 5"), "the second event");
  await app.page("off(); off(); 0");
  await app.command("call", "sidecar:ping", { event: { state: "RUNNING", n: 3, pid: 1, url: null } });
  await until(() => app.page("seen.length === 6"), "the third event");
  assert.deepEqual(await app.page("seen"), [
    [1, 1],
    ["second", 1],
    ["once", 1],
    [1, 2],
    ["second", 2],
    ["second", 3],
  ]);
});

test("a listener's exception appears in the page's console and does not stop the others", async (t) => {
  const app = await startApp(t, fake());
  await app.page(
    "window.seen = 0; electron.backend.onStateChanged(() => { throw new Error('page bug'); }); electron.backend.onStateChanged(() => seen++); 0",
  );
  await app.command("call", "sidecar:ping", { event: { state: "RUNNING", pid: 1, url: null } });
  await until(() => app.page("seen === 1"), "the second listener");
  await until(async () => (await app.facts()).console.some((/** @type {string} */ line) => line.includes("page bug")), "the console");
});

test("log lines go only to the page that subscribed, until it unsubscribes or is gone", async (t) => {
  const app = await startApp(t, fake());
  await app.command("makeWindow");
  await app.page("window.lines = 0; window.off = electron.backend.onLog(() => lines++); 0", 1);
  await until(() => app.page("lines === 1", 1), "the line");
  await app.page("off(); 0", 1);
  const asked = () => app.command("call", "sidecar:ping", { subscribed: true });
  await until(async () => (await asked()).join() === "subscribe,backend:log,unsubscribe,backend:log", "unsubscribed");
  await app.page("electron.backend.onLog(() => {}); 0", 1);
  await until(async () => (await asked()).length === 6, "asked again");
  await app.command("closeWindow", 1);
  await until(async () => (await asked()).slice(-2).join() === "unsubscribe,backend:log", "cancelled with the window");
});

test("a page may not use other channels, other events, or the sidecar's own", async (t) => {
  const app = await startApp(t, fake());
  assert.match(
    await app.page("electron.invoke('shell:run').catch((error) => error.message)"),
    /"shell:run" is not a channel of the backend/,
  );
  assert.match(await app.page("electron.invoke('sidecar:shutdown').catch((error) => error.message)"), /is not a channel/);
  assert.match(
    await app.page("(() => { try { electron.on('other', () => {}); } catch (error) { return error.message; } })()"),
    /"other" is not an event/,
  );
  assert.match(
    await app.page("(() => { try { electron.backend.onCrash(1); } catch (error) { return error.message; } })()"),
    /must be a function/,
  );
});

test("not even a preload with the raw ipcRenderer reaches the sidecar's own channels", async (t) => {
  const app = await startApp(t, { ...fake(), preload: "raw-preload.js" });
  assert.match(
    await app.page("raw.invoke('sidecar:shutdown').catch((error) => error.message)"),
    /No handler registered for 'sidecar:shutdown'/,
  );
  assert.match(await app.page("raw.function()"), /could not be cloned/);
  const cycle = await app.page(
    "(() => { const ring = {}; ring.self = ring; return raw.invoke('backend:logs', ring).catch((error) => error.message); })()",
  );
  assert.match(cycle, /^Error invoking remote method 'backend:logs': Error: backend:logs: argument \[0\]\.self is a cycle/);
  assert.match(
    await app.page("(async () => raw.invoke('backend:logs', new Map([[1, 2]])))().catch((error) => error.message)"),
    /could not be cloned/,
  );
  assert.equal((await app.page("raw.invoke('electron-backend-sidecar:lastError')")).code, "INVALID_ARGS");
});

test("the emulation is as strict as Electron about duplicate keys, error texts, depth and functions", async (t) => {
  const app = await startApp(t, { ...fake(), preload: "raw-preload.js" });
  assert.deepEqual(await app.page("preloadFailures"), ["Cannot bind an API on top of an existing property on the window object", "getter"]);
  const sync = await app.page(
    "(() => { try { fails.sync(); } catch (error) { return [error.message, error.code ?? null, error instanceof Error, error.name]; } })()",
  );
  assert.deepEqual(sync, ["plain text", null, true, "Error"]);
  assert.deepEqual(await app.page("fails.async().catch((error) => [error.message, error.code ?? null])"), ["later", null]);
  assert.equal(await app.page("(() => { let deep = []; for (let i = 0; i < 999; i++) deep = [deep]; return fails.deep(deep); })()"), 2000);
  assert.match(
    await app.page(
      "(() => { let deep = []; for (let i = 0; i < 1001; i++) deep = [deep]; try { fails.deep(deep); } catch (error) { return error.message; } })()",
    ),
    /recursion depth/,
  );
});

test("a legacy call drops its arguments, so that it can be a click handler", async (t) => {
  const app = await startApp(t, fake());
  await app.page(`const button = document.createElement("button"); document.body.append(button);
                  button.onclick = (event) => { window.answer = electron.backend.restart(event, { a: 1 }); }; button.click(); 0`);
  assert.deepEqual(await app.page("answer"), { success: true, url: "args []" });
});

test("a page of a foreign origin is refused, gets no events, and does not hang", async (t) => {
  const app = await startApp(t, fake());
  await app.command(
    "serve",
    "http://evil.example/",
    "<script>window.events = 0; electron.on('backend:stateChanged', () => events++); window.atLoad = desktopBridge.getBackendBaseUrl();</script>",
  );
  await app.command("goto", "http://evil.example/");
  assert.equal(await app.page("atLoad"), null);
  assert.match(
    await app.page("electron.backend.restart().catch((error) => error.message)"),
    /was refused: its origin http:\/\/evil\.example is not allowed/,
  );
  await app.command("call", "sidecar:ping", { event: { state: "RUNNING", pid: 1, url: null } });
  await app.command("call", "sidecar:ping");
  assert.equal(await app.page("events"), 0);
});

test("allowed origins replace the default ones", async (t) => {
  const app = await startApp(t, fake("echo", { allowedOrigins: ["http://app.example"] }));
  assert.match(await app.page("electron.backend.status().catch((error) => error.message)"), /its origin file:\/\/ is not allowed/);
  await app.command("serve", "http://app.example/", "<p>ours</p>");
  await app.command("goto", "http://app.example/");
  assert.equal(await app.page("electron.backend.status().then((one) => one.running)"), false);
});

test("10 000 calls of a page at once all succeed", async (t) => {
  const app = await startApp(t, fake());
  assert.equal(
    await app.page("Promise.all(Array.from({ length: 10000 }, () => electron.backend.status())).then((all) => all.length)"),
    10_000,
  );
});

test("a channel that the running sidecar lacks answers UNKNOWN_CHANNEL", async (t) => {
  const app = await startApp(t, fake());
  assert.match(
    await app.page("electron.backend.version().catch((error) => error.message)"),
    /Failed to get backend version: The running sidecar has no channel backend:version/,
  );
  assert.deepEqual(await app.page("electron.backend.lastError().then((one) => [one.channel, one.code])"), [
    "backend:version",
    "UNKNOWN_CHANNEL",
  ]);
});

test("a window closed in mid-call and a storm of reloads leave a working app", async (t) => {
  const app = await startApp(t, { ...fake("slowRestart"), quitWithWindows: false });
  void app.page("electron.backend.restart()").catch(() => {});
  await app.command("makeWindow");
  await app.command("closeWindow", 0);
  for (let i = 0; i < 25; i++) {
    void app.page("electron.backend.onLog(() => {}); electron.backend.status()").catch(() => {}); // pending when the page reloads
    await app.command("reload");
  }
  assert.equal(await app.page("electron.backend.status().then((one) => one.running)"), false);
  assert.doesNotMatch(app.output(), /Unhandled|Uncaught|has been destroyed/);
  void app.command("quit").catch(() => {});
  assert.equal(await app.exited, 0);
});

test("the firewall rule is created only after the user agreed in a dialog", async (t) => {
  const app = await startApp(t, fake());
  await app.command("answerDialog", 1);
  assert.match(await app.page("electron.backend.createFirewallRule().catch((error) => error.message)"), /the user declined/);
  assert.equal((await app.page("electron.backend.lastError()")).code, "ELEVATION_REFUSED");
  await app.command("answerDialog", 0);
  assert.equal((await app.page("electron.backend.createFirewallRule()")).created, true);
  assert.deepEqual(
    (await app.facts()).dialogs.map((/** @type {any} */ one) => one.buttons),
    [
      ["Create Rule", "Cancel"],
      ["Create Rule", "Cancel"],
    ],
  );
  assert.deepEqual(
    (await app.facts()).dialogs.map((/** @type {any} */ one) => one.defaultId),
    [1, 1],
  );
});

test("a page that asks for the rule in a loop gets one dialog at a time", async (t) => {
  const app = await startApp(t, fake());
  await app.command("holdDialog");
  await app.page("window.first = electron.backend.createFirewallRule(); 0");
  await until(async () => (await app.facts()).dialogs.length === 1, "the dialog");
  for (let i = 0; i < 3; i++)
    assert.match(await app.page("electron.backend.createFirewallRule().catch((error) => error.message)"), /a prompt is already open/);
  await app.command("answerHeldDialog", 0);
  assert.equal((await app.page("first")).created, true);
  assert.equal((await app.facts()).dialogs.length, 1);
});

test("without a dialog no page can ask for elevation", async (t) => {
  const app = await startApp(t, { ...fake(), noDialog: true });
  assert.match(
    await app.page("electron.backend.createFirewallRule().catch((error) => error.message)"),
    /passed no dialog to attachSidecar/,
  );
});

test("suspend and resume are reported to the sidecar", async (t) => {
  const app = await startApp(t, fake());
  await app.command("emit", "powerMonitor", "suspend");
  await app.command("emit", "powerMonitor", "resume");
  await until(async () => (await app.command("call", "backend:logs")).join() === "suspend,resume", "both");
});

test("errors in the main process itself have code and hint", async (t) => {
  const app = await startApp(t, fake());
  assert.deepEqual(await app.command("callError", "sidecar:ping", { fail: true }), {
    code: "PORT_IN_USE",
    message: "taken",
    hint: "free it",
  });
});

test("while no sidecar runs pages get truthful answers, and later those of the next sidecar", async (t) => {
  const app = await startApp(t, { ...fake("echo", { limits: { restartAttempts: 0 } }), ...QUIET });
  await app.command("callError", "sidecar:ping", { die: true });
  await until(async () => (await app.facts()).fatal.length, "onFatal");
  const status = await app.page("electron.backend.status()");
  assert.deepEqual([status.running, status.port, status.url, status.state], [false, null, null, "FAILED"]);
  assert.equal((await app.page("electron.backend.health()")).status, "unhealthy");
  assert.equal((await app.page("electron.backend.ping()")).success, false);
  assert.match(
    await app.page("electron.backend.restart().catch((error) => error.message)"),
    /^Error invoking remote method 'backend:restart': Error: Failed to restart backend: The sidecar exited unexpectedly \(exit code 3\)/,
  );
  const { backend } = await app.page("electron.runtime.getDiagnostics()");
  assert.deepEqual([backend.port, backend.pid, backend.ready], [5005, null, false]);
  void app.command("quit").catch(() => {});
  assert.equal(await app.exited, 0);
});

for (const [mode, words] of /** @type {Array<[string, RegExp]>} */ ([
  ["rubbish", /not a frame: .*Hello, I am a log line/],
  ["version2", /speaks protocol 2/],
  ["hang", /sent nothing for 0\.5 s/],
  ["exit", /exit code 64.*no settings here/],
])) {
  test(`a sidecar in mode ${mode} is reported in one dialog, and the app quits`, async (t) => {
    const app = await startApp(t, fake(mode, { limits: { helloTimeout: mode === "hang" ? 500 : 60_000 } }));
    assert.equal(await app.exited, 0);
    assert.match(app.output(), /DIALOG "Backend Service Error"/);
    assert.match(app.output(), words);
    assert.equal(app.output().match(/DIALOG/g)?.length, 1);
  });
}

test("a sidecar that cannot be spawned: attach rejects, onFatal is called, and the app can quit", async (t) => {
  const app = await startApp(t, { options: { command: ["/nowhere/sidecar"] }, ...QUIET });
  const { fatal, attachError } = await app.facts();
  assert.equal(fatal[0].code, "SIDECAR_NOT_STARTED");
  assert.match(fatal[0].remedy, /Check that this starts a sidecar: \/nowhere\/sidecar/);
  assert.match(attachError, /ENOENT/);
  void app.command("quit").catch(() => {});
  assert.equal(await app.exited, 0);
});

test("a quit requested repeatedly happens once, and is delayed until the sidecar is gone", async (t) => {
  const app = await startApp(t, fake());
  for (let i = 0; i < 3; i++) void app.command("quit").catch(() => {});
  assert.equal(await app.exited, 0);
  assert.equal(app.output().match(/EMITTED quit/g)?.length, 1);
});

test("a sidecar that does not exit delays the quit only until the limit", async (t) => {
  const app = await startApp(t, { ...fake("deafLater", { limits: { closeTimeout: 400 } }) });
  void app.command("quit").catch(() => {});
  assert.equal(await app.exited, 0);
});

test("before an update the backend is stopped, and the quit then goes through", async (t) => {
  const app = await startApp(t, { ...fake(), quitWithWindows: false });
  await app.command("emit", "autoUpdater", "before-quit-for-update");
  await until(async () => (await app.facts()).sidecarPid === null, "the sidecar is gone");
  void app.command("quit").catch(() => {});
  assert.equal(await app.exited, 0);
});

test("a quit that a window refuses leaves a working app, and the next quit goes through", async (t) => {
  const app = await startApp(t, fake());
  const { sidecarPid } = await app.facts();
  await app.command("refuseClose", true);
  await app.command("quit");
  const pid = await until(async () => {
    const facts = await app.facts();
    return facts.sidecarPid !== sidecarPid && facts.sidecarPid;
  }, "another sidecar");
  assert.notEqual(pid, sidecarPid);
  assert.equal(await app.page("electron.backend.status().then((one) => one.running)"), false);
  await app.command("refuseClose", false);
  void app.command("quit").catch(() => {});
  assert.equal(await app.exited, 0);
});

test("a logoff that another app refuses leaves a working app", { skip: EMULATED }, async (t) => {
  const app = await startApp(t, fake());
  const { sidecarPid } = await app.facts();
  await app.command("emitOnWindow", "query-session-end");
  await app.command("windowMessage", 0x16, 0);
  await until(async () => ![null, sidecarPid].includes((await app.facts()).sidecarPid), "another sidecar");
  assert.equal(await app.page("electron.backend.status().then((one) => one.running)"), false);
  void app.command("quit").catch(() => {});
  assert.equal(await app.exited, 0);
});

test("at the end of a Windows session stdin is closed, without waiting", async (t) => {
  const file = path.join(__dirname, `end-${process.pid}`);
  t.after(() => fs.rmSync(file, { force: true }));
  const app = await startApp(t, fake("echo", { env: { FAKE_END_FILE: file } }));
  await app.command("emitOnWindow", "query-session-end");
  await until(() => fs.existsSync(file), "the sidecar saw the end");
  void app.command("quit").catch(() => {});
  assert.equal(await app.exited, 0);
});
