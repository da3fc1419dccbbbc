// docs/embedding.md: the files that it shows, copied verbatim, run as an app in the emulated Electron.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { alive, killBackend, startApp, until } = require("./support/app.js");
const { PYTHON, ROOT, noSidecar, sidecarEnv } = require("./support/sidecar.js");

const GUIDE = fs.readFileSync(path.join(ROOT, "docs", "embedding.md"), "utf8");
const skip = noSidecar || process.env.REAL_ELECTRON !== undefined;
const env = { ...sidecarEnv, SIDECAR_PROFILE: "generic", PATH: `${path.dirname(PYTHON)}${path.delimiter}${process.env.PATH}` };

/**
 * @param {import("node:test").TestContext} t
 * @param {(name: string, text: string) => string} [change]
 */
function writtenDown(t, change = (_, text) => text) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "guide-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const names = [];
  for (const [, name, text] of GUIDE.matchAll(/<!-- file: (\S+) -->\n```\w+\n([^]*?)```\n/g)) {
    if (name === undefined || text === undefined) continue;
    names.push(name);
    fs.writeFileSync(path.join(folder, name), change(name, text));
  }
  assert.deepEqual(names, ["backend.py", "main.js", "index.html", "page.js", "preload.js"]);
  return folder;
}

test("the app of the guide shows its backend's answer, survives its death, and leaves nothing behind", { skip }, async (t) => {
  const app = await startApp(t, { main: path.join(writtenDown(t), "main.js") }, env);
  const value = (/** @type {string} */ id) => app.page(`document.getElementById("${id}")?.value`).catch(() => "");
  await until(async () => (await value("state")) === "RUNNING", "RUNNING on the page");
  await until(async () => (await value("answer")).includes('"path": "/hello"'), "the backend's answer on the page");
  const after = await killBackend(app);
  await until(async () => (await value("state")) === "RUNNING", "RUNNING on the page again");
  assert.deepEqual((await app.facts()).preloadErrors, []);
  void app.command("quit").catch(() => {});
  assert.equal(await app.exited, 0);
  assert.equal(alive(after.pid), false);
});

test("an error in the backend reaches the page with a remedy, as the guide says", { skip }, async (t) => {
  const broken = writtenDown(t, (name, text) => (name === "backend.py" ? `syntax error\n${text}` : text));
  const app = await startApp(t, { main: path.join(broken, "main.js"), holdDialog: true }, env);
  await until(() => app.page("document.getElementById('answer')?.value").catch(() => ""), "the failure on the page");
  const shown = await app.page("document.getElementById('answer').value");
  assert.match(shown, /exit code 1|SyntaxError/);
});

test("the guide's own preload gives the page both objects", { skip }, async (t) => {
  const folder = writtenDown(t, (name, text) => {
    if (name !== "main.js") return text;
    const changed = text
      .replace(/const preload = .*;/, 'const preload = path.join(__dirname, "preload.js");')
      .replace("sandbox: true", "sandbox: false");
    assert.notEqual(changed, text);
    return changed;
  });
  const app = await startApp(t, { main: path.join(folder, "main.js") }, env);
  await until(async () => (await app.page("electron.greet()").catch(() => "")) === "hello", "the app's own object");
  assert.equal(await app.page("electron.backend.waitForReady().then((one) => one.success)"), true);
  assert.match(await app.page("desktopBridge.getBackendBaseUrl()"), /^http:\/\/127\.0\.0\.1:\d+$/);
});
