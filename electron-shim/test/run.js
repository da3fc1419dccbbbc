// npm test: everything. npm test -- --electron: the scenarios against a real Electron, where one is installed.
"use strict";

const { spawnSync } = require("node:child_process");
const path = require("node:path");

const FILES = ["unit.test.js", "client.test.js", "schemas.test.js", "package.test.js", "electron.test.js", "scenarios.test.js"];
const real = process.argv.includes("--electron");
const files = real ? ["electron.test.js", "scenarios.test.js"] : FILES;
// One file after the other: each starts browsers and backends, and their time limits are meant for a machine of their own.
const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=1", ...files.map((file) => path.join(__dirname, file))], {
  stdio: "inherit",
  env: { ...process.env, ...(real ? { REAL_ELECTRON: "1" } : {}) },
});
process.exitCode = status ?? 1;
