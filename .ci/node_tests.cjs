// Node's own test runner with a second attempt, which it lacks: node .ci/node_tests.cjs RESULTS FILE…
// Files with a failed test run again, once and alone. The sum, and what was repeated, goes to the file RESULTS for count.py.
"use strict";

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

/** As a reporter: a line of JSON for each test that passed or failed. */
async function* report(source) {
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    const skipped = data.skip !== undefined || data.todo !== undefined;
    const result = skipped ? "skipped" : type === "test:pass" ? "pass" : "fail";
    yield `${JSON.stringify({ file: data.file ?? data.name, name: data.name, nesting: data.nesting, result })}\n`;
  }
}

/** @returns {Array<{file: string, name: string, result: string}>} */
function run(files, concurrency) {
  const events = path.join(fs.mkdtempSync(path.join(require("node:os").tmpdir(), "node-tests-")), "events");
  const reporters = ["spec", __filename].map((one) => `--test-reporter=${one}`);
  const destinations = ["stdout", events].map((one) => `--test-reporter-destination=${one}`);
  const { status } = spawnSync(process.execPath, ["--test", `--test-concurrency=${concurrency}`, ...reporters, ...destinations, ...files], { stdio: "inherit" });
  const results = fs.readFileSync(events, "utf8").trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
  fs.rmSync(path.dirname(events), { recursive: true });
  const whole = results.filter(({ nesting }) => nesting === 0);
  if (status !== 0 && !whole.some(({ result }) => result === "fail")) whole.push({ file: files[0], name: `exit status ${status}`, result: "fail" });
  return whole;
}

function main() {
  const [summary, ...names] = process.argv.slice(2);
  const files = names.map((name) => path.resolve(name));
  // Two files at once: each starts browsers and backends, and more would only wait for one another.
  const first = run(files, 2);
  const failed = first.filter(({ result }) => result === "fail");
  const again = files.filter((file) => failed.some((one) => path.resolve(one.file) === file));
  if (again.length) console.log(`\nA second attempt: ${again.map((file) => path.basename(file)).join(", ")}`);
  const results = [...first.filter(({ file }) => !again.includes(path.resolve(file))), ...(again.length ? run(again, 1) : [])];
  const count = (wanted) => results.filter(({ result }) => result === wanted).length;
  const repeated = failed.map(({ file, name }) => `repeated: ${path.basename(file)}: ${name}`);
  const lines = [...["pass", "fail", "skipped"].map((one) => `# ${one} ${count(one)}`), ...repeated];
  fs.writeFileSync(summary, `${lines.join("\n")}\n`);
  process.exitCode = count("fail") || !count("pass") ? 1 : 0;
}

if (require.main === module) main();
module.exports = report;
