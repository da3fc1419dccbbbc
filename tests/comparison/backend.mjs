// A backend as many apps have it: a server with a worker process, and half a second of work to finish when it is asked to stop.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";

writeFileSync(process.env.STARTED, String(Date.now()));
const worker = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
const server = createServer((request, response) => {
  if (request.url === "/crash") process.exit(1);
  if (request.url === "/hang") for (;;);
  response.end("ok");
});
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    setTimeout(() => {
      writeFileSync(process.env.SAVED, "saved");
      worker.kill();
      process.exit(0);
    }, 500);
  });
}
setTimeout(() => server.listen(Number(process.env.PORT), "127.0.0.1"), 300); // what a framework takes to start
