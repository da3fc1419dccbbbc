// What npm would publish: what users need and no more, and every entry loads from it.
"use strict";

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { isBuiltin } = require("node:module");

const ROOT = path.join(__dirname, "..");
const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, "package.json"), "utf8"));

/** @returns {string[]} */
function packed() {
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const text = execFileSync(npm, ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    shell: process.platform === "win32",
  });
  return JSON.parse(text)[0].files.map((/** @type {{path: string}} */ file) => file.path);
}

test("the package holds the library, its types, the preload, and nothing of tests, benches or tools", () => {
  const files = packed();
  for (const file of files) {
    assert.match(file, /^(lib\/.*\.m?js|types\/\w+\.d\.ts|preload\.standalone\.js|README\.md|LICENSE|package\.json)$/, file);
  }
  for (const entry of Object.values(manifest.exports)) {
    for (const target of Object.values(typeof entry === "string" ? { default: entry } : entry)) {
      assert.ok(files.includes(String(target).slice(2)), `${target} is exported and not in the package`);
    }
  }
});

test("it has one dependency, and requires nothing else", () => {
  assert.deepEqual(Object.keys(manifest.dependencies), ["msgpackr"]);
  for (const file of packed().filter((name) => name.startsWith("lib/"))) {
    const source = fs.readFileSync(path.join(ROOT, file), "utf8");
    for (const [, name = ""] of source.matchAll(/(?:require\(|from )"([^"]+)"/g)) {
      assert.ok(name.startsWith(".") || name.startsWith("node:") || isBuiltin(name) || name === "msgpackr", `${file} requires ${name}`);
    }
  }
});

test("the standalone preload requires Electron alone", () => {
  const source = fs.readFileSync(path.join(ROOT, "preload.standalone.js"), "utf8");
  assert.deepEqual([...source.matchAll(/require\("([^"]+)"\)/g)].map(([, name]) => name), ["electron"]);
});

test("CommonJS and ESM give the same things", async () => {
  for (const entry of ["client", "main", "preload"]) {
    const common = require(`electron-backend-sidecar/${entry}`);
    const esm = await import(`electron-backend-sidecar/${entry}`);
    assert.deepEqual(Object.keys(esm).sort(), Object.keys(common).sort(), entry);
    for (const name of Object.keys(common)) assert.equal(esm[name], common[name]);
  }
});
