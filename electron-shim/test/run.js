// npm test: everything. npm test -- --electron: the scenarios with a real Electron, if one is installed (in CI it must
// be). npm test -- --plain: the tests that need neither a browser nor Electron, for the oldest Node.
"use strict";

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

const FILES = fs.readdirSync(__dirname).filter((file) => file.endsWith(".test.js"));
const BROWSER = [
  "accessibility.test.js",
  "electron.test.js",
  "attach.test.js",
  "scenarios.test.js",
  "example.test.js",
  "guide.test.js",
  "renderer.test.js",
  "dashboard.test.js",
];
const real = process.argv.includes("--electron");

/** Returns the path of an installed Electron's program, which its package exports. */
function electronProgram() {
  try {
    const program = require("electron");
    return fs.existsSync(program) ? program : null;
  } catch {
    return null;
  }
}

const program = real ? electronProgram() : null;
if (real && !program) {
  console.log("skipped: no Electron is installed here (npm install --no-save electron)");
  process.exit(process.env.CI ? 1 : 0);
}
const plain = process.argv.includes("--plain") ? FILES.filter((file) => !BROWSER.includes(file)) : FILES;
const files = real ? ["electron.test.js", "attach.test.js", "scenarios.test.js"] : plain;
// Two files at once: each starts browsers and backends, and more would only compete for the processors.
const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=2", ...files.map((file) => path.join(__dirname, file))], {
  stdio: "inherit",
  env: { ...process.env, ...(program ? { REAL_ELECTRON: program } : {}) },
});
process.exitCode = status ?? 1;
