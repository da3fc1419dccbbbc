// A preload that hands the page more than it should: what a compromised one could try.
"use strict";

const { contextBridge, ipcRenderer } = require("electron");

contextBridge.exposeInMainWorld("raw", {
  invoke: (/** @type {string} */ channel, /** @type {any[]} */ ...args) => ipcRenderer.invoke(channel, ...args),
  sendSync: (/** @type {string} */ channel) => ipcRenderer.sendSync(channel),
  function: () => ipcRenderer.invoke("backend:logs", () => 1).catch((/** @type {Error} */ error) => error.message),
});
/** @type {string[]} */
const failures = [];
for (const attempt of [
  () => contextBridge.exposeInMainWorld("raw", {}),
  () =>
    contextBridge.exposeInMainWorld("symbols", {
      get bad() {
        throw new Error("getter");
      },
    }),
]) {
  try {
    attempt();
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error));
  }
}
contextBridge.exposeInMainWorld("preloadFailures", failures);
contextBridge.exposeInMainWorld("fails", {
  sync: () => {
    throw Object.assign(new TypeError("plain text"), { code: "E_CODE" });
  },
  async: async () => {
    throw Object.assign(new Error("later"), { code: "E_CODE" });
  },
  deep: (/** @type {any} */ value) => JSON.stringify(value).length,
});
