// Fastify: /slow takes a second and saves, and so does the end. SAVED names the file, PORT the port.
"use strict";
const fs = require("node:fs");
const fastify = require("fastify")();

const save = (line) => fs.appendFileSync(process.env.SAVED, `${line}\n`);
fastify.get("/", async () => "ok");
fastify.get("/slow", async () => {
  save("begun");
  await new Promise((resolve) => setTimeout(resolve, 1000));
  save("slow");
  return "ok";
});
fastify.addHook("onClose", async () => save("ended"));
fastify.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
let closing = false;
process.on("SIGTERM", async () => {
  if (closing) return; // npm passes the signal on, and the sidecar sends it to what npm left
  closing = true;
  await fastify.close();
  process.exit(0);
});
