// The example app itself, in the emulated Electron: its own main.js, its own page.
"use strict";

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { startApp, until } = require("./support/app.js");
const { PYTHON, noSidecar, sidecarEnv } = require("./support/sidecar.js");

const EXAMPLE = path.join(__dirname, "..", "example");

/** @param {number} parent */
function sidecarOf(parent) {
  const lines = spawnSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" }).stdout.split("\n");
  const line = lines.find((one) => one.trim().split(/\s+/)[1] === String(parent) && / sidecar\b.* serve\b/.test(one));
  return Number(line?.trim().split(/\s+/)[0]);
}

test(
  "the example shows the state, answers its buttons, and survives the kill of its backend and of its sidecar",
  { skip: noSidecar || (process.platform === "win32" && "the sidecar is found by ps") },
  async (t) => {
    const app = await startApp(
      t,
      { example: true },
      { ...sidecarEnv, SIDECAR_PROFILE: "generic", PYTHON, PATH: `${path.dirname(PYTHON)}${path.delimiter}${process.env.PATH}` },
    );
    await until(() => app.page("document.getElementById('state')?.value === 'RUNNING'").catch(() => false), "RUNNING on the page");
    await until(() => app.page("document.getElementById('health')?.value === 'healthy'"), "healthy on the page");
    const press = (/** @type {string} */ name) =>
      app.page(`[...document.querySelectorAll("button")].find((one) => one.textContent === "${name}").click()`);
    const answer = () => app.page("document.getElementById('answer').textContent");
    await press("version");
    await until(async () => (await answer()).includes('"version": "1.0.0"'), "the version");
    await press("info");
    await until(async () => (await answer()).includes('"code": "HTTP_FAILED"'), "an error with its code");
    const { pid } = await app.page("electron.backend.status()");
    process.kill(pid, "SIGKILL");
    await until(async () => {
      const status = await app.page("electron.backend.status()");
      return status.running && status.pid !== pid;
    }, "another backend");
    await until(() => app.page("document.getElementById('events').textContent.includes('crash')"), "the crash on the page");
    const before = await app.page("electron.backend.status()");
    process.kill(sidecarOf(Number(app.child.pid)), "SIGKILL");
    await until(async () => {
      const status = await app.page("electron.backend.status()");
      return status.running && status.pid !== before.pid;
    }, "a backend under another sidecar");
    await until(
      () => app.page("document.getElementById('state').value === 'RUNNING' && document.getElementById('health').value === 'healthy'"),
      "RUNNING on the page again",
    );
    assert.deepEqual((await app.facts()).console, []);
    void app.command("quit").catch(() => {});
    assert.equal(await app.exited, 0);
  },
);

test(
  "the example as electron-builder lays it out: sidecar and backend in the resources",
  { skip: noSidecar || (process.platform === "win32" && "the stand-in for the packed sidecar is a shell script") },
  async (t) => {
    const { build } = JSON.parse(fs.readFileSync(path.join(EXAMPLE, "package.json"), "utf8"));
    const resources = fs.mkdtempSync(path.join(os.tmpdir(), "example-resources-"));
    t.after(() => fs.rmSync(resources, { recursive: true, force: true }));
    for (const { from, to } of build.extraResources) {
      const target = path.join(resources, to);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      if (from.endsWith("dist/sidecar")) {
        fs.mkdirSync(target);
        fs.writeFileSync(path.join(target, "sidecar"), `#!/bin/sh\nexec "${PYTHON}" -m sidecar "$@"\n`, { mode: 0o755 });
      } else fs.cpSync(path.join(EXAMPLE, from), target, { recursive: true });
    }
    for (const file of build.files) assert.ok(fs.existsSync(path.join(EXAMPLE, file)), file);
    const app = await startApp(t, { example: true }, { ...sidecarEnv, PYTHON, EMULATED_PACKAGED: "1", EMULATED_RESOURCES: resources });
    await until(() => app.page("document.getElementById('state')?.value === 'RUNNING'").catch(() => false), "RUNNING on the page");
    assert.equal(await app.page("electron.runtime.getCachedDiagnostics().environment.isPackaged"), true);
    void app.command("quit").catch(() => {});
    assert.equal(await app.exited, 0);
  },
);
