"use strict";

const { Subscriptions } = require("./subscriptions.js");

// Windows sends it after every query. wParam 1: the session ends (Electron's "session-end"). wParam 0: another program refused and
// the session continues, for which Electron has no event (learn.microsoft.com/windows/win32/shutdown/wm-endsession).
const WM_ENDSESSION = 0x0016;
// If the app is still running after this time, the logoff was cancelled, even if the message never arrived.
const SESSION_WAIT_MS = 60_000;

/**
 * @typedef {import("../../types/electron").PreventableEvent} PreventableEvent
 * @typedef {import("../../types/electron").WindowLike} WindowLike
 */

/**
 * Delays a quit until the backend is gone: prevents the first `before-quit`, and calls `app.quit()` again when the sidecar has exited.
 * Never `app.exit()`, which would skip the updater's work after the last window. If the app stays open after all (a listener or
 * window refused, or the session continues), the sidecar is started again.
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
  /** The sidecar has exited: quits are no longer delayed. */
  let gone = false;
  /** A quit is waiting for the sidecar's exit. */
  let asked = false;
  /** The app is quitting; a listener or window can still cancel it (in Electron a cancelled close cancels the quit). */
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

  // The app's later listeners may still prevent the event; that is known after all of them have run.
  const whenAllowed = (/** @type {PreventableEvent} */ event, /** @type {(allowed: boolean) => void} */ then) =>
    queueMicrotask(() => then(!event.defaultPrevented));
  const stayIfRefused = (/** @type {PreventableEvent} */ event) => whenAllowed(event, (allowed) => !allowed && leaving && stay());

  subscriptions.on(app, "before-quit", (/** @type {PreventableEvent} */ event) => {
    if (gone) {
      leaving = true;
      stayIfRefused(event);
      return;
    }
    if (event.defaultPrevented) return; // another listener prevented it; a later quit is a new event
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

  // A logoff leaves a few seconds at most, and Electron exits with its children after the handlers of "session-end", so an orderly
  // shutdown must begin with the query. Closing stdin starts the short ladder (1.5 s).
  function endSession() {
    sidecar.abandon();
    if (closing) return; // already closing
    clearTimeout(sessionTimer);
    sessionTimer = setTimeout(sessionGoesOn, sessionWait).unref();
  }

  function sessionGoesOn() {
    clearTimeout(sessionTimer);
    if (!closing) void sidecar.reopen();
  }

  /** @type {Set<Subscriptions>} one per window, dropped with the window */
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
    // Unless a listener prevents this event, the page's request to stay is granted.
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
