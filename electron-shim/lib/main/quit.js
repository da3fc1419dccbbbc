"use strict";

const { Subscriptions } = require("./subscriptions.js");

// Windows sends it after every query: wParam 1, the session ends (Electron's "session-end"); wParam 0, another program refused
// and it goes on, of which Electron has no event (learn.microsoft.com/windows/win32/shutdown/wm-endsession).
const WM_ENDSESSION = 0x0016;
// An app that still lives so long after the query was not logged off, whatever became of that message.
const SESSION_WAIT_MS = 60_000;

/**
 * @typedef {import("../../types/electron").PreventableEvent} PreventableEvent
 * @typedef {import("../../types/electron").WindowLike} WindowLike
 */

/**
 * Lets the app leave only when the backend is gone: the first `before-quit` is held up, and `app.quit()` called again once
 * it may pass. Never `app.exit()`: it would skip what the updater does after the last window. Where the app stays after
 * all (a listener or a window refused, the session goes on), the sidecar is started again.
 *
 * @param {object} options
 * @param {import("../../types/electron").AppLike} options.app
 * @param {import("../../types/electron").BrowserWindowLike} options.BrowserWindow
 * @param {import("../../types/electron").AutoUpdaterLike | undefined} options.autoUpdater
 * @param {Pick<import("../client.js").Sidecar, "close" | "abandon" | "reopen">} options.sidecar
 * @param {Subscriptions} [options.subscriptions]
 * @param {number} [options.sessionWait] milliseconds
 */
function holdQuit({ app, BrowserWindow, autoUpdater, sidecar, subscriptions = new Subscriptions(), sessionWait = SESSION_WAIT_MS }) {
  /** The sidecar is gone: quits pass. */
  let gone = false;
  /** A quit waits for it. */
  let asked = false;
  /** The app leaves; a listener or a window that refuses cancels the quit (Electron: a cancelled close ends the quitting). */
  let leaving = false;
  /** @type {Promise<void> | null} */
  let closing = null;
  /** @type {NodeJS.Timeout | undefined} */
  let sessionTimer;
  subscriptions.add(() => clearTimeout(sessionTimer));

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

  // Listeners of the app that come after ours have their say: what they did is known when all have run.
  const whenAllowed = (/** @type {PreventableEvent} */ event, /** @type {(allowed: boolean) => void} */ then) =>
    queueMicrotask(() => then(!event.defaultPrevented));
  const stayIfRefused = (/** @type {PreventableEvent} */ event) => whenAllowed(event, (allowed) => !allowed && leaving && stay());

  subscriptions.on(app, "before-quit", (/** @type {PreventableEvent} */ event) => {
    if (gone) {
      leaving = true;
      stayIfRefused(event);
      return;
    }
    if (event.defaultPrevented) return; // another listener holds it: if the app is to quit after that, it says so again
    event.preventDefault();
    if (asked) return;
    asked = true;
    const mine = close();
    void mine.then(() => {
      if (closing === mine) app.quit();
    });
  });
  subscriptions.on(app, "will-quit", stayIfRefused);
  if (autoUpdater && "on" in autoUpdater) {
    subscriptions.on(autoUpdater, "before-quit-for-update", () => {
      leaving = true;
      void close();
    });
  }

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

  /** @type {Set<Subscriptions>} those of each window, dropped with it */
  const windows = new Set();
  subscriptions.add(() => windows.forEach((one) => one.end()));

  /** @param {WindowLike} window */
  function watch(window) {
    const own = new Subscriptions();
    windows.add(own);
    own.on(window, "closed", () => windows.delete(own));
    own.on(window, "query-session-end", (event) => whenAllowed(event, (allowed) => allowed && endSession()));
    own.on(window, "session-end", () => endSession());
    own.on(window, "close", stayIfRefused);
    // Not prevented, the page's request to stay is granted.
    own.on(window.webContents, "will-prevent-unload", (event) => whenAllowed(event, (allowed) => allowed && leaving && stay()));
    if (window.hookWindowMessage && !window.isWindowMessageHooked?.(WM_ENDSESSION)) {
      window.hookWindowMessage(WM_ENDSESSION, (wParam) => {
        if (wParam.every((byte) => byte === 0)) sessionGoesOn();
      });
      own.add(() => window.unhookWindowMessage?.(WM_ENDSESSION));
    }
  }
  BrowserWindow.getAllWindows().forEach(watch);
  subscriptions.on(app, "browser-window-created", (_event, window) => watch(window));
  return { close };
}

module.exports = { holdQuit };
