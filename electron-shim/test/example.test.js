// The example app itself, in the emulated Electron: its own main.js, its own page.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { startApp, until } = require("./support/app.js");
const { PYTHON, noSidecar, sidecarEnv } = require("./support/sidecar.js");

test("the example shows the state, answers its buttons, and survives the kill of its backend", { skip: noSidecar }, async (t) => {
  const path = require("node:path").dirname(PYTHON);
  const app = await startApp(t, { example: true }, { ...sidecarEnv, PYTHON, PATH: `${path}${require("node:path").delimiter}${process.env.PATH}` });
  await until(() => app.page("document.getElementById('state')?.value === 'RUNNING'").catch(() => false), "RUNNING on the page");
  await until(() => app.page("document.getElementById('health')?.value === 'healthy'"), "healthy on the page");
  const press = (/** @type {string} */ name) => app.page(`[...document.querySelectorAll("button")].find((one) => one.textContent === "${name}").click()`);
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
  assert.deepEqual((await app.facts()).console, []);
  void app.command("quit").catch(() => {});
  assert.equal(await app.exited, 0);
});
