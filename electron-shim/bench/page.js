// A call of a page: page → preload → main → sidecar and back, in the emulated Electron. What it costs beyond client.js is
// nearly all Chromium's debugging protocol, which stands in for Electron's own IPC.
"use strict";

const { startApp } = require("../test/support/app.js");
const { sidecarCommand, sidecarEnv } = require("../test/support/sidecar.js");

async function throughPage() {
  /** @type {Array<() => Promise<void>>} */
  const after = [];
  const context = /** @type {any} */ ({ after: (/** @type {() => Promise<void>} */ one) => after.push(one) });
  const env = { ...sidecarEnv, SIDECAR_BACKEND__AUTOSTART: "false" };
  const app = await startApp(context, { options: { command: sidecarCommand, env, settings: { backend: { autostart: false } } } });
  /** @param {number} count @param {number} width @returns {Promise<{times: number[], rate: number}>} microseconds, calls a second */
  const measure = (count, width) =>
    app.page(`(async () => {
      const times = [];
      for (let i = 0; i < ${count}; i++) {
        const before = performance.now();
        await electron.backend.status();
        times.push((performance.now() - before) * 1000);
      }
      const before = performance.now();
      let left = ${count};
      const lane = async () => { while (left-- > 0) await electron.backend.status(); };
      await Promise.all(Array.from({ length: ${width} }, lane));
      return { times: times.sort((a, b) => a - b), rate: ${count} / ((performance.now() - before) / 1000) };
    })()`);
  return { name: "page → preload → main → sidecar (emulated)", measure, close: () => Promise.all(after.map((one) => one())) };
}

module.exports = { throughPage };
