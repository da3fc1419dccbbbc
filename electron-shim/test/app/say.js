"use strict";

const fs = require("node:fs");

/** Writes a line for the test synchronously, because the app may exit right after it. @param {string} line */
function say(line) {
  try {
    fs.writeSync(1, `${line}\n`);
  } catch {
    process.stdout.write(`${line}\n`); // a program for Windows' desktop need not have descriptor 1
  }
}

module.exports = { say };
