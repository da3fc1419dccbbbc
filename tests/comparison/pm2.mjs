// pm2 through its own interface; the daemon is its, and stays when the app goes.
import { promisify } from "node:util";

import pm2 from "pm2";

export async function start({ command, env }) {
  await promisify(pm2.connect.bind(pm2))();
  const options = { name: "backend", script: command[0], args: command.slice(1), interpreter: "none", env, kill_timeout: 5000 };
  await promisify(pm2.start.bind(pm2))(options);
}

export async function stop() {
  await promisify(pm2.delete.bind(pm2))("backend");
}
