// The other end of the peers in roundtrip.js: echoes its input.
"use strict";

if (process.argv[2] === "ipc") {
  process.on("message", (/** @type {any} */ { id, args }) => process.send?.({ type: "response", id, result: args[0] }));
} else {
  const rpc = require("vscode-jsonrpc/node");
  const connection = rpc.createMessageConnection(new rpc.StreamMessageReader(process.stdin), new rpc.StreamMessageWriter(process.stdout));
  connection.onRequest("ping", (/** @type {string} */ value) => value);
  connection.listen();
}
