// A call of a page: page → preload → main → sidecar and back, in the emulated Electron; and its two parts: only to the main
// process, which is nearly all Chromium's debugging protocol instead of Electron's own IPC, and from there to the sidecar.
"use strict";

const { startApp } = require("../test/support/app.js");
const { sidecarCommand, sidecarEnv } = require("../test/support/sidecar.js");

async function throughPage() {
  /** @type {Array<() => Promise<void>>} */
  const after = [];
  const context = /** @type {any} */ ({ after: (/** @type {() => Promise<void>} */ one) => after.push(one) });
  const env = { ...sidecarEnv, SIDECAR_BACKEND__AUTOSTART: "false" };
  const app = await startApp(context, { options: { command: sidecarCommand, env, settings: { backend: { autostart: false } } } });
  // The same code in the page and in the main process.
  const code = (/** @type {string} */ call, /** @type {number} */ count, /** @type {number} */ width) => `(async () => {
      const times = [];
      for (let i = 0; i < ${count}; i++) {
        const before = performance.now();
        await ${call};
        times.push((performance.now() - before) * 1000);
      }
      const before = performance.now();
      let left = ${count};
      const lane = async () => { while (left-- > 0) await ${call}; };
      await Promise.all(Array.from({ length: ${width} }, lane));
      return { times: times.sort((a, b) => a - b), rate: ${count} / ((performance.now() - before) / 1000) };
    })()`;
  /** @typedef {(count: number, width: number) => Promise<{times: number[], rate: number}>} Measure microseconds, calls a second */
  /** @type {Record<string, Measure>} */
  const measures = {
    "page → preload → main → sidecar (emulated)": (count, width) => app.page(code("electron.backend.status()", count, width)),
    "its part page → preload → main (emulated)": (count, width) => app.page(code("electron.backend.lastError()", count, width)),
    "its part main → sidecar": (count, width) => app.command("evaluate", code('sidecar.invoke("backend:status")', count, width)),
  };
  return { measures, close: () => Promise.all(after.map((one) => one())) };
}

module.exports = { throughPage };
