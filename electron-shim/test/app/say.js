"use strict";

const fs = require("node:fs");

/** A line for the test, written before this returns: the app may end with it. @param {string} line */
function say(line) {
  try {
    fs.writeSync(1, `${line}\n`);
  } catch {
    process.stdout.write(`${line}\n`); // a program for Windows' desktop need not have descriptor 1
  }
}

module.exports = { say };
