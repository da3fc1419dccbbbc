// docs/renderer.md: each use of the page's objects in Aura's renderer, run in a page with the backend running and stopped.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { startApp } = require("./support/app.js");
const { ROOT, httpBackend, noSidecar, sidecarCommand, sidecarEnv } = require("./support/sidecar.js");

const page = fs.readFileSync(path.join(ROOT, "docs", "renderer.md"), "utf8");
const rows = [...page.matchAll(/^\| `([^`]+)` \| (.+?) \| (.+?) \|$/gm)].map(([, use = "", gets = "", stopped = ""]) => ({
  use,
  gets,
  stopped,
}));
const types =
  fs.readFileSync(path.join(ROOT, "electron-shim", "types", "preload.d.ts"), "utf8") +
  fs.readFileSync(path.join(ROOT, "electron-shim", "types", "renderer.d.ts"), "utf8");
/** Uses that end the run come after all others. */
const LAST = /\.(?:restart|stop)\(\)$/;

/** Returns an expression that yields the result as JSON-compatible data, or the error's text. @param {string} use */
function expression(use) {
  if (/\.on\w+$/.test(use))
    return `new Promise((resolve) => { const off = ${use}((payload, ...more) => { queueMicrotask(() => off()); resolve(more.length ? "more than the payload" : payload); }); })`;
  if (/\.(?:on|once)\(/.test(use)) return `typeof ${use.replace(", f)", ", () => {})")}`;
  return `Promise.resolve().then(() => ${use}).then((value) => JSON.parse(JSON.stringify(value ?? null)), (error) => String(error.message))`;
}

/** @param {unknown} result @param {string} gets @param {string} use */
function check(result, gets, use) {
  const said = `${use} gave ${JSON.stringify(result)}, the page says ${gets}`;
  if (gets === "null or string") return assert.ok(result === null || typeof result === "string", said);
  if (gets === "function") return assert.equal(result, "function", said);
  if (gets.endsWith(":")) return assert.ok(String(result).includes(`Error: ${gets} `), said);
  if (gets === "string" || gets === "object") return assert.equal(typeof result, gets, said);
  if (gets === "the last one") return assert.ok(result && typeof result === "object", said);
  const keys = gets.slice(1, -1).split(", ");
  assert.ok(result && typeof result === "object" && keys.every((key) => key in result), said);
}

test("the table has every method that the renderer's contract names", () => {
  assert.equal(rows.length, 35);
  for (const { use } of rows) {
    const [, name = ""] = /\.(\w+)(?:\(.*\))?$/.exec(use) ?? [];
    assert.match(types, new RegExp(`\\b${name}\\b`), use);
  }
});

test("each use returns what the documentation says, with the backend running and stopped", { skip: noSidecar }, async (t) => {
  const options = { command: sidecarCommand, env: sidecarEnv, settings: { profile: "aura", backend: { command: httpBackend() } } };
  const app = await startApp(t, { options });
  await app.page("electron.backend.waitForReady()");
  const ordered = [...rows.filter(({ use }) => !LAST.test(use)), ...rows.filter(({ use }) => LAST.test(use))];
  for (const { use, gets } of ordered) check(await app.page(expression(use)), gets, use);
  assert.equal((await app.page("electron.backend.status()")).running, false, "stop came last");
  for (const { use, stopped } of ordered) check(await app.page(expression(use)), stopped, use);
});
