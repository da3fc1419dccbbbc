// execa as its documentation has it: cleanup when the parent exits, SIGKILL five seconds after SIGTERM. It knows no readiness.
import { execa } from "execa";

import { answering } from "./by_hand.mjs";

let child;

export async function start({ command, env, port }) {
  child = execa(command[0], command.slice(1), { env, stdio: "ignore", cleanup: true, forceKillAfterDelay: 5000, reject: false });
  await answering(port);
}

export async function stop() {
  child.kill();
  await child;
}
