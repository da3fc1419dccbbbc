// The emulated Electron's additions for tests, implemented for a real Electron.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { say } = require("./say.js");

/** @param {any} electron */
function adapt(electron) {
  const { app, dialog, session } = electron;
  const home = process.env.EMULATED_HOME ?? "";
  for (const name of ["userData", "temp", "logs"]) {
    fs.mkdirSync(path.join(home, name), { recursive: true });
    app.setPath(name, path.join(home, name));
  }
  /** @type {any[]} */
  const shown = [];
  /** @type {Array<number | Promise<number>>} */
  const answers = [];
  Object.assign(dialog, { shown, answers });
  dialog.showMessageBox = async (/** @type {any[]} */ ...args) => {
    const { title, message, detail, buttons, defaultId } = args.at(-1);
    shown.push({ title, message, detail, buttons, ...(defaultId === undefined ? {} : { defaultId }) });
    say(`DIALOG ${JSON.stringify([title, message, detail, ...buttons]).slice(1, -1)}`);
    return { response: (await answers.shift()) ?? 0, checkboxChecked: false };
  };
  app.on("web-contents-created", (/** @type {any} */ _event, /** @type {any} */ contents) => {
    contents.preloadErrors = [];
    contents.console = [];
    contents.on("preload-error", (/** @type {any} */ _one, /** @type {any} */ _path, /** @type {any} */ error) =>
      contents.preloadErrors.push(String(error)),
    );
    contents.on("console-message", (/** @type {any} */ event, /** @type {any} */ _level, /** @type {any} */ text) =>
      contents.console.push(event.message ?? text),
    );
  });
  return {
    /** @param {string} url @param {string} html */
    serve(url, html) {
      session.defaultSession.protocol.handle("http", (/** @type {any} */ request) =>
        request.url.startsWith(url) ? new Response(html, { headers: { "content-type": "text/html" } }) : new Response("", { status: 404 }),
      );
    },
  };
}

module.exports = { adapt };
