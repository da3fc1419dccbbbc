// The product's scenarios, end to end: a page in a real browser → preload → main → sidecar → backend.
"use strict";

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const net = require("node:net");
const { test } = require("node:test");
const { alive, killBackend, startApp, until } = require("./support/app.js");
const { aspnet, httpBackend, noAspnet, noSidecar, sidecarCommand, sidecarEnv } = require("./support/sidecar.js");

/** @param {string[]} command @param {object} [settings] */
const options = (command, settings) => ({
  command: sidecarCommand,
  env: sidecarEnv,
  settings: { ...settings, backend: { command, .../** @type {any} */ (settings)?.backend } },
});

const RUNNING = "electron.backend.waitForReady().then(() => electron.backend.status())";

const NOT_WINDOWS =
  process.platform === "win32"
    ? "Windows has no SIGSTOP and lists no descendants to Node; tests/e2e/test_no_orphan_windows.py kills there"
    : false;

const LEFT_MS = 30_000;

/**
 * @param {number} pid
 * @returns {number[]} the process and its descendants; on Windows only the process
 */
function family(pid) {
  if (process.platform === "win32") return [pid];
  const pairs = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" })
    .stdout.trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const out = [pid];
  for (const one of out) out.push(...pairs.filter(([, parent]) => parent === one).map(([child]) => Number(child)));
  return out;
}

for (const [name, command, skip] of /** @type {Array<[string, string[], string | false]>} */ ([
  ["the Python backend", httpBackend(), noSidecar],
  ["ASP.NET Core", [aspnet], noSidecar || noAspnet],
])) {
  test(`scenario 1: the app quits normally and ${name} is gone, with everything else`, { skip }, async (t) => {
    const app = await startApp(t, { options: options(command) });
    const status = await app.page(RUNNING);
    assert.equal(status.running, true);
    assert.equal(status.state, "RUNNING");
    assert.equal((await app.page("electron.backend.ping()")).success, true);
    const { sidecarPid } = await app.facts();
    const processes = family(sidecarPid);
    assert.ok(process.platform === "win32" || processes.includes(status.pid));
    processes.push(status.pid);
    void app.command("quit").catch(() => {});
    assert.equal(await app.exited, 0);
    for (const pid of processes) assert.equal(alive(pid), false, `process ${pid} survived`);
  });
}

test("scenario 2: the backend is killed, comes back on the same address, and the app then closes", { skip: noSidecar }, async (t) => {
  const app = await startApp(t, { options: options(httpBackend()) });
  await app.page(RUNNING);
  await app.page(`window.seen = []; electron.backend.onStateChanged((change) => seen.push(change.state));
                  window.health = []; electron.backend.onHealthUpdate((one) => health.push(one.status)); 0`);
  const second = await killBackend(app);
  assert.equal(second.restarts, 1);
  await until(() => app.page("health.at(-1) === 'healthy' && health.includes('unhealthy')"), "both health updates");
  assert.deepEqual((await app.page("seen")).slice(-3), ["BACKOFF", "STARTING", "RUNNING"]);
  assert.equal(await app.page("desktopBridge.getBackendBaseUrl()"), second.url);
  void app.command("closeWindow").catch(() => {}); // the last window: the app quits
  assert.equal(await app.exited, 0);
  assert.equal(alive(second.pid), false);
});

test(
  "scenario 3: killed four times quickly, the backend fails for good after three attempts, a dialog says so, and the app ends",
  { skip: noSidecar },
  async (t) => {
    const app = await startApp(t, { options: options(httpBackend(), { timeouts: { restart_delay: 0.2 } }) });
    let status = await app.page(RUNNING);
    /** @type {number[]} */
    const pids = [];
    await app.page("window.crashes = []; electron.backend.onCrash((one) => crashes.push(one)); 0");
    for (let kill = 1; kill <= 4; kill++) {
      pids.push(status.pid);
      process.kill(status.pid, "SIGKILL");
      if (kill === 4) break;
      status = await until(async () => {
        const now = await app.page("electron.backend.status()");
        return now.running && !pids.includes(now.pid) && now;
      }, `restart ${kill}`);
      assert.equal((await app.facts()).dialogs.length, 0);
    }
    assert.equal(await app.exited, 0);
    assert.match(app.output(), /DIALOG "Backend Service Error".*could not be restarted after 3 attempts.*"Close Application"/);
    assert.match(app.output(), /Logs: /);
    assert.match(app.output(), /EMITTED backend-crash .*"final":true/);
    for (const pid of pids) assert.equal(alive(pid), false);
  },
);

test("scenario 3 with onFatal: the app stays, calls fail with the reason, and a manual restart helps", { skip: noSidecar }, async (t) => {
  const order = { options: options(httpBackend(), { restart: { attempts: 0 } }), ownFatal: true };
  const app = await startApp(t, order);
  const status = await app.page(RUNNING);
  process.kill(status.pid, "SIGKILL");
  const [report] = await until(async () => {
    const { fatal } = await app.facts();
    return fatal.length && fatal;
  }, "onFatal");
  assert.equal(report.code, "RESTARTS_EXHAUSTED");
  assert.equal(report.crash.final, true);
  const refused = await app.page("electron.backend.waitForReady().catch((error) => error.message)");
  assert.match(refused, /^Error invoking remote method 'backend:waitForReady': Error: /);
  assert.equal((await app.page("electron.backend.lastError()")).code, "RESTARTS_EXHAUSTED");
  const again = await app.page("electron.backend.restart()");
  assert.equal(again.success, true);
  assert.equal(again.url, status.url);
  process.kill((await app.page("electron.backend.status()")).pid, "SIGKILL");
  await until(async () => (await app.facts()).fatal.length === 2, "the second end is reported too");
});

test("scenario 4: the firewall check answers the page in its own shape", { skip: noSidecar }, async (t) => {
  const app = await startApp(t, { options: options(httpBackend()) });
  await app.page(RUNNING);
  const check = await app.page("electron.backend.checkFirewall()");
  const rule = await app.page("electron.backend.getFirewallRule()");
  const command = await app.page("electron.backend.getFirewallCommand()");
  if (process.platform === "win32") {
    assert.equal(typeof check.compatible, "boolean");
    assert.equal(typeof command, "string");
  } else {
    assert.deepEqual(check, { compatible: true, message: "Not Windows" });
    assert.deepEqual(rule, { exists: null, error: "Not Windows" });
    assert.equal(command, null);
  }
});

for (const [moment, words] of /** @type {Array<[string, string[]]>} */ ([
  ["booting", ["--listen-delay", "120"]],
  ["ready", ["--children", "daemon"]],
  ["stopping because a page asked", ["--ignore-shutdown", "--ignore-sigterm", "--children", "daemon"]],
  ["stopping because the app quits", ["--ignore-shutdown", "--ignore-sigterm", "--children", "daemon"]],
])) {
  test(`kill -9 of the app while the backend is ${moment} leaves nothing`, { skip: noSidecar || NOT_WINDOWS }, async (t) => {
    const app = await startApp(t, { options: options(httpBackend(...words), { timeouts: { graceful_shutdown: 120 } }) });
    const backend = moment === "booting" ? null : await app.page(RUNNING);
    const { sidecarPid } = await app.facts();
    const processes = await until(() => {
      const all = family(sidecarPid);
      return all.length >= 3 && all; // sidecar, guardian, backend
    }, "sidecar, guardian and backend");
    if (moment.includes("page")) void app.page("electron.backend.stop()").catch(() => {});
    if (moment.includes("quits")) void app.command("quit").catch(() => {});
    if (moment.includes("stopping")) {
      await until(async () => (await app.page("electron.backend.status()")).state === "STOPPING", "the stop");
      assert.ok(alive(backend.pid));
    }
    app.child.kill("SIGKILL");
    // tests/e2e/test_no_orphan.py measures how long this takes. Here: much faster than a graceful stop.
    await until(() => processes.every((/** @type {number} */ pid) => !alive(pid)), "everything is gone", LEFT_MS);
  });
}

test("app.exit, which calls no quit listener, leaves nothing either", { skip: noSidecar }, async (t) => {
  const app = await startApp(t, { options: options(httpBackend("--children", "daemon")) });
  const { pid } = await app.page(RUNNING);
  const { sidecarPid } = await app.facts();
  const processes = [...family(sidecarPid), pid];
  void app.command("exit").catch(() => {});
  assert.equal(await app.exited, 0);
  await until(() => processes.every((one) => !alive(one)), "everything is gone", LEFT_MS);
});

test("when a backend must move to another port, pages learn the address, and new pages read it at once", { skip: noSidecar }, async (t) => {
  const app = await startApp(t, { options: options(httpBackend()) });
  const first = await app.page(RUNNING);
  await app.page("electron.backend.stop()");
  const stranger = net.createServer().listen(first.port, "127.0.0.1");
  t.after(() => stranger.close());
  await new Promise((resolve) => stranger.once("listening", resolve));
  const { url } = await app.page("electron.backend.start()");
  assert.notEqual(url, first.url);
  await until(async () => (await app.page("desktopBridge.getBackendBaseUrl()")) === url, "the page that is there");
  assert.equal(await app.page("electron.backend.getUrl()"), url);
  await app.command("reload");
  assert.equal(await app.page("atLoad"), url);
  assert.equal((await app.page("electron.runtime.getDiagnostics()")).backend.baseUrl, url);
});

test(
  "kill -9 of the sidecar: the shim starts another, the backend comes back on its address, and pages go on",
  { skip: noSidecar || NOT_WINDOWS },
  async (t) => {
    const app = await startApp(t, { options: options(httpBackend()) });
    const first = await app.page(RUNNING);
    const { sidecarPid } = await app.facts();
    await app.page("window.states = []; electron.backend.onStateChanged((one) => states.push(one.state)); 0");
    await app.page("window.health = []; desktopBridge.onBackendHealthUpdate((one) => health.push(one.error ?? one.status)); 0");
    await until(() => app.page("health.at(-1) === 'healthy'"), "the health of the first run");
    process.kill(sidecarPid, "SIGKILL");
    const second = await until(async () => {
      const status = await app.page("electron.backend.status()");
      return status.running && status.pid !== first.pid && status;
    }, "a backend under a new sidecar");
    assert.equal(second.url, first.url);
    assert.equal(alive(first.pid), false);
    assert.deepEqual(await until(() => app.page("states.at(-1) === 'RUNNING' && states.length > 1 && states"), "the states"), [
      "RUNNING",
      "BACKOFF",
      "STARTING",
      "RUNNING",
    ]);
    await until(() => app.page("health.join() === 'healthy,socket hang up,healthy'"), "the health of both runs"); // the only event that old pages listen to
    await app.page("electron.backend.stop()");
    await until(() => app.page("health.join() === 'healthy,socket hang up,healthy,socket hang up'"), "the health after a stop");
    const { emitted } = await app.facts();
    assert.deepEqual(
      emitted.map((/** @type {any} */ one) => one.name),
      ["sidecar-restarted"],
    );
  },
);

test("a sidecar that hangs is killed and replaced, together with its backend", { skip: noSidecar || NOT_WINDOWS }, async (t) => {
  const order = options(httpBackend());
  const app = await startApp(t, { options: { ...order, limits: { pingInterval: 1000 } } });
  const first = await app.page(RUNNING);
  const { sidecarPid } = await app.facts();
  process.kill(sidecarPid, "SIGSTOP");
  const second = await until(async () => {
    const status = await app.page("electron.backend.status()");
    return status.running && status.pid !== first.pid && status;
  }, "a backend under a new sidecar");
  assert.equal(second.url, first.url);
  assert.equal(alive(sidecarPid), false);
  assert.equal(alive(first.pid), false);
});

test("wrong arguments of a page are refused by name, and the page can read the code and remedy", { skip: noSidecar }, async (t) => {
  const app = await startApp(t, { options: options(httpBackend()) });
  assert.match(
    await app.page("electron.backend.logs({ lines: 'ten' }).catch((error) => error.message)"),
    /^Error invoking remote method 'backend:logs': Error: .*lines/,
  );
  const error = await app.page("electron.backend.lastError()");
  assert.deepEqual([error.channel, error.code], ["backend:logs", "INVALID_ARGS"]);
  assert.deepEqual(await app.page("electron.backend.logs(undefined).then(Array.isArray)"), true);
});

test("a missing backend shows one dialog with the path and the remedy, and the app exits", { skip: noSidecar }, async (t) => {
  const app = await startApp(t, { options: options(["/nowhere/Aura.Api"]) });
  assert.equal(await app.exited, 0);
  assert.equal(app.output().match(/DIALOG/g)?.length, 1);
  assert.match(app.output(), /DIALOG "Backend Service Error".*\/nowhere\/Aura\.Api/);
});

test(
  "a backend that never gets ready: after its attempts one dialog with its last words, and the app ends",
  { skip: noSidecar },
  async (t) => {
    const app = await startApp(t, {
      options: options(httpBackend("--say", "the database is locked", "--exit-before-listening", "64"), {
        timeouts: { restart_delay: 0.1 },
      }),
      noWindow: true,
    });
    assert.equal(await app.exited, 0);
    assert.equal(app.output().match(/DIALOG/g)?.length, 1);
    assert.match(app.output(), /DIALOG "Backend Service Error".*exit code 64/);
  },
);

test("wrong settings are listed in the dialog, and the app exits", { skip: noSidecar }, async (t) => {
  const app = await startApp(t, { options: options(httpBackend(), { timeouts: { startup: -5 } }) });
  assert.equal(await app.exited, 0);
  assert.match(app.output(), /DIALOG "Backend Service Error".*- timeouts\.startup is -5/);
});
