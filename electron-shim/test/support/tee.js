// `node tee.js FOLDER COMMAND ARG…`: runs the command, and records its input and output as FOLDER/stdin and FOLDER/stdout.
"use strict";

const { spawn } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

const [folder = "", command = "", ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
const keep = (/** @type {string} */ name, /** @type {Buffer} */ chunk) => fs.appendFileSync(path.join(folder, name), chunk);
process.stdin.on("data", (chunk) => keep("stdin", chunk)).pipe(child.stdin);
child.stdout.on("data", (chunk) => keep("stdout", chunk)).pipe(process.stdout);
child.stdin.on("error", () => {}); // the child exited first
child.on("exit", (code) => (process.exitCode = code ?? 1)).on("close", () => process.stdin.destroy());
