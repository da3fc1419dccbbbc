"use strict";

/**
 * Lets the app leave only when the backend is gone: the first `before-quit` is held up, and `app.quit()` called again once
 * it may pass. Never `app.exit()`: it would skip what the updater does after the last window.
 *
 * @param {object} options
 * @param {any} options.app
 * @param {any} options.BrowserWindow
 * @param {any} options.autoUpdater
 * @param {import("../client.js").Sidecar} options.sidecar
 */
function holdQuit({ app, BrowserWindow, autoUpdater, sidecar }) {
  let gone = false;
  let quitting = false;
  /** @type {Promise<void> | null} */
  let closing = null;

  function close() {
    closing ??= sidecar.close().then(() => {
      gone = true;
    });
    return closing;
  }

  /** @param {any} event */
  const beforeQuit = (event) => {
    if (gone) return;
    event.preventDefault();
    if (quitting) return;
    quitting = true;
    void close().then(() => app.quit());
  };

  app.on("before-quit", beforeQuit);
  autoUpdater?.on?.("before-quit-for-update", () => void close());
  // Windows logs off: there are seconds at most and nothing may hold it up. The end of stdin is the short ladder (1.5 s).
  const sessionEnds = (/** @type {any} */ window) => {
    window.on("query-session-end", () => sidecar.abandon());
    window.on("session-end", () => sidecar.abandon());
  };
  BrowserWindow.getAllWindows().forEach(sessionEnds);
  app.on("browser-window-created", (/** @type {any} */ _event, /** @type {any} */ window) => sessionEnds(window));
  return { close };
}

module.exports = { holdQuit };
