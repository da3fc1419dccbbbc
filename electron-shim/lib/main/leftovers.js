"use strict";

const { pageUrl } = require("../docs.js");
const { PAGE_CHANNELS } = require("../names.js");

const SYNC_CHANNEL = "runtime:getBootstrap";

/** @typedef {import("../../types/electron").IpcMainLike} IpcMainLike */

/**
 * The error for a handler that an app kept from its own backend service. If two listeners answered the synchronous channel, the page
 * would get the first answer, and Electron's own error for a second handler does not say which one to remove.
 *
 * @param {"on" | "handle"} method
 * @param {string} channel
 */
function leftover(method, channel) {
  return new Error(
    `Attempted to register a second handler for '${channel}'. attachSidecar answers this channel: remove your own ` +
      `ipcMain.${method}("${channel}", …), and all other code that starts, stops or queries the backend (see ${pageUrl("migration")})`,
  );
}

/** @param {IpcMainLike} ipcMain */
function refuseEarlierListeners(ipcMain) {
  if (ipcMain.listenerCount(SYNC_CHANNEL) > 0) throw leftover("on", SYNC_CHANNEL);
}

/**
 * Refuses handlers and listeners that the app registers from now on.
 *
 * @param {IpcMainLike} ipcMain
 * @param {import("./subscriptions.js").Subscriptions} subscriptions
 */
function refuseLaterListeners(ipcMain, subscriptions) {
  // Thrown here, the error reaches the caller of `on`, and the listener is not added.
  subscriptions.on(ipcMain, "newListener", (/** @type {string} */ channel) => {
    if (channel === SYNC_CHANNEL) throw leftover("on", SYNC_CHANNEL);
  });
  for (const method of /** @type {const} */ (["handle", "handleOnce"])) {
    const original = ipcMain[method];
    if (!original) continue;
    const own = Object.hasOwn(ipcMain, method);
    /** @type {IpcMainLike["handle"]} */
    const guarded = (channel, listener) => {
      if (PAGE_CHANNELS.includes(channel)) throw leftover("handle", channel);
      return original.call(ipcMain, channel, listener);
    };
    ipcMain[method] = guarded;
    subscriptions.add(() => {
      if (ipcMain[method] !== guarded) return; // the app has replaced it
      if (own) ipcMain[method] = original;
      else delete ipcMain[method];
    });
  }
}

module.exports = { leftover, refuseEarlierListeners, refuseLaterListeners, SYNC_CHANNEL };
