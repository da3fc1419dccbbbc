// npm run vendor: copies the chart library, with its licence, next to the dashboard's page, which loads nothing from elsewhere.
// npm run vendor -- --check: only compares.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const SOURCE = path.join(__dirname, "..", "node_modules", "uplot");
const TARGET = path.join(__dirname, "..", "..", "sidecar", "dashboard", "page", "vendor", "uplot");
const FILES = { "dist/uPlot.iife.min.js": "uPlot.js", "dist/uPlot.min.css": "uPlot.css", LICENSE: "LICENSE.txt" };
const check = process.argv.includes("--check");

fs.mkdirSync(TARGET, { recursive: true });
for (const [from, to] of Object.entries(FILES)) {
  const content = fs.readFileSync(path.join(SOURCE, from));
  const target = path.join(TARGET, to);
  if (!check) fs.writeFileSync(target, content);
  else if (!fs.existsSync(target) || !fs.readFileSync(target).equals(content)) {
    console.error(`${path.relative(process.cwd(), target)} is not that of the package: npm run vendor`);
    process.exitCode = 1;
  }
}
