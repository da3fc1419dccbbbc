"use strict";

// Windows sends it after every query: wParam 1, the session ends (Electron's "session-end"); wParam 0, somebody refused
// and it goes on, of which Electron has no event (learn.microsoft.com/windows/win32/shutdown/wm-endsession).
const WM_ENDSESSION = 0x0016;
// Whoever still lives so long after the query was not logged off, whatever became of that message.
const SESSION_WAIT_MS = 60_000;

/**
 * @typedef {import("../../types/electron").PreventableEvent} PreventableEvent
 * @typedef {import("../../types/electron").WindowLike} WindowLike
 */

/**
 * Lets the app leave only when the backend is gone: the first `before-quit` is held up, and `app.quit()` called again once
 * it may pass. Never `app.exit()`: it would skip what the updater does after the last window. Where the app stays after
 * all (a window refused to close, the session goes on), the sidecar is started again.
 *
 * @param {object} options
 * @param {import("../../types/electron").AppLike} options.app
 * @param {import("../../types/electron").BrowserWindowLike} options.BrowserWindow
 * @param {import("../../types/electron").AutoUpdaterLike | undefined} options.autoUpdater
 * @param {Pick<import("../client.js").Sidecar, "close" | "abandon" | "reopen">} options.sidecar
 * @param {number} [options.sessionWait] milliseconds
 */
function holdQuit({ app, BrowserWindow, autoUpdater, sidecar, sessionWait = SESSION_WAIT_MS }) {
  /** The sidecar is gone: quits pass. */
  let gone = false;
  /** A quit waits for it. */
  let asked = false;
  /** Windows are closing for good; one that refuses cancels the quit (Electron: a cancelled close ends the quitting). */
  let leaving = false;
  /** @type {Promise<void> | null} */
  let closing = null;
  /** @type {NodeJS.Timeout | undefined} */
  let sessionTimer;

  function close() {
    if (closing) return closing;
    const mine = sidecar.close().then(() => {
      if (closing === mine) gone = true;
    });
    return (closing = mine);
  }

  function stay() {
    gone = asked = leaving = false;
    closing = null;
    void sidecar.reopen();
  }

  app.on("before-quit", (event) => {
    if (gone) {
      leaving = true;
      return;
    }
    if (event.defaultPrevented) return; // somebody else holds it: if the app is to quit after that, it says so again
    event.preventDefault();
    if (asked) return;
    asked = true;
    const mine = close();
    void mine.then(() => {
      if (closing === mine) app.quit();
    });
  });
  autoUpdater?.on("before-quit-for-update", () => {
    leaving = true;
    void close();
  });

  // A logoff gives seconds at most, and Electron ends with the handlers of "session-end", its children with it: whatever is
  // to end in order must begin with the query. The end of stdin is the short ladder (1.5 s).
  function endSession() {
    sidecar.abandon();
    if (closing) return; // it was ending anyway
    clearTimeout(sessionTimer);
    sessionTimer = setTimeout(sessionGoesOn, sessionWait).unref();
  }

  function sessionGoesOn() {
    clearTimeout(sessionTimer);
    if (!closing) void sidecar.reopen();
  }

  /** @param {WindowLike} window */
  function watch(window) {
    // Listeners of the app that come after ours have their say: what they did is known when all have run.
    const whenAllowed = (/** @type {PreventableEvent} */ event, /** @type {(allowed: boolean) => void} */ then) =>
      queueMicrotask(() => then(!event.defaultPrevented));
    window.on("query-session-end", (event) => whenAllowed(event, (allowed) => allowed && endSession()));
    window.on("session-end", () => endSession());
    if (window.hookWindowMessage && !window.isWindowMessageHooked?.(WM_ENDSESSION)) {
      window.hookWindowMessage(WM_ENDSESSION, (wParam) => {
        if (wParam.every((byte) => byte === 0)) sessionGoesOn();
      });
    }
    window.on("close", (event) => whenAllowed(event, (allowed) => !allowed && leaving && stay()));
    // Not prevented, the page's wish to stay is granted.
    window.webContents.on("will-prevent-unload", (event) => whenAllowed(event, (allowed) => allowed && leaving && stay()));
  }
  BrowserWindow.getAllWindows().forEach(watch);
  app.on("browser-window-created", (_event, window) => watch(window));
  return { close };
}

module.exports = { holdQuit };
