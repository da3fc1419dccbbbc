// What most apps have: spawn, poll each 250 ms until something answers, start again after a crash, kill at the end.
import { spawn } from "node:child_process";

let child;
let stopping = false;

export async function start({ command, env, port }) {
  const run = () => {
    child = spawn(command[0], command.slice(1), { env, stdio: "ignore" });
    child.on("exit", () => {
      if (!stopping) setTimeout(run, 1000);
    });
  };
  run();
  await answering(port);
}

export async function stop() {
  stopping = true;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const forced = setTimeout(() => child.kill("SIGKILL"), 5000);
  await gone;
  clearTimeout(forced);
}

export async function answering(port) {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
