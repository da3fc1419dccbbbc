// Node's own server: /slow takes a second and saves, and so does the end. SAVED names the file, PORT the port.
"use strict";
const fs = require("node:fs");
const http = require("node:http");

const save = (line) => fs.appendFileSync(process.env.SAVED, `${line}\n`);
const server = http.createServer((request, response) => {
  if (request.url !== "/slow") {
    response.end("ok");
    return;
  }
  save("begun");
  setTimeout(() => {
    save("slow");
    response.end("ok");
  }, 1000);
});
const handed = process.env.LISTEN_PID === String(process.pid);
server.listen(handed ? { fd: 3 } : { port: Number(process.env.PORT), host: "127.0.0.1" });
process.on("SIGTERM", () => {
  server.close(() => {
    save("ended");
    process.exit(0);
  });
});
