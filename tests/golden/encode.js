// The cases on stdin, as JSON; their frames by the shim's encoder on stdout, as hex.
"use strict";

const path = require("node:path");
const shim = path.join(__dirname, "..", "..", "electron-shim");
const { encodeFrame, encodeRequest } = require(path.join(shim, "lib", "client", "frames.js"));
const { real } = require(path.join(shim, "test", "support", "golden.js"));

const cases = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const encode = ({ type, id, channel, args }, message) => (type === "request" ? encodeRequest(id, channel, args) : encodeFrame(message));
const frames = Object.fromEntries(
  Object.entries(cases).map(([name, value]) => [name, encode(real(value), real(value)).toString("hex")]),
);
process.stdout.write(JSON.stringify(frames));
