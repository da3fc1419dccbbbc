// Closes as Node before 19 did: close() waits for every open connection, idle ones too. `node old_node.js PORT`
"use strict";
const http = require("node:http");
const net = require("node:net");

const server = http.createServer((_request, response) => response.end("ok"));
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening"));
process.on("SIGTERM", () => {
  net.Server.prototype.close.call(server, () => {
    console.log("saved");
    process.exit(0);
  });
});
