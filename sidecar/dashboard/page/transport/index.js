import { ElectronTransport } from "./electron.js";
import { SocketTransport } from "./socket.js";

/** @returns {import("./types.js").Transport} */
export function openTransport() {
  const { electron } = window;
  return electron ? new ElectronTransport(electron) : new SocketTransport();
}
