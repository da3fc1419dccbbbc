// This product, through its own client.
import { createRequire } from "node:module";

const { connect } = createRequire(import.meta.url)(process.env.CLIENT);
let sidecar;

export async function start({ command, env, port }) {
  sidecar = await connect({
    command: JSON.parse(process.env.SIDECAR_COMMAND),
    env,
    settings: { profile: "generic", paths: { data: process.env.DATA }, backend: { command, port, live_path: "/" }, health: { restart_when_hung: true }, timeouts: { health_interval: 2 } },
  });
  await sidecar.invoke("backend:waitForReady");
}

export async function stop() {
  await sidecar.invoke("backend:stop");
  await sidecar.close();
}
