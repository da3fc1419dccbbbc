"use strict";

const { SidecarError } = require("../client/errors.js");
const { PAGE_CHANNELS } = require("../names.js");
const { pageError } = require("./answers.js");

/**
 * @typedef {import("../../types/electron").BrowserWindowLike} BrowserWindowLike
 * @typedef {import("../../types/electron").DialogLike} DialogLike
 * @typedef {import("../../types/electron").SenderEvent} SenderEvent
 * @typedef {import("../../types/electron").WindowLike} WindowLike
 */

/**
 * Everything that a page can reach, and nothing of the sidecar's own channels. All or nothing: where a channel has a
 * handler already, those registered before it are taken back.
 *
 * @param {object} parts
 * @param {import("../../types/electron").IpcMainLike} parts.ipcMain
 * @param {BrowserWindowLike} parts.BrowserWindow
 * @param {DialogLike | undefined} parts.dialog
 * @param {ReturnType<typeof import("./senders.js").createSenderCheck>} parts.senders
 * @param {import("./answers.js").Answers} parts.answers
 * @param {import("./fanout.js").FanOut} parts.fanOut
 * @param {() => import("../../types/protocol").Bootstrap} parts.bootstrap
 */
function registerHandlers({ ipcMain, BrowserWindow, dialog, senders, answers, fanOut, bootstrap }) {
  /** @type {Array<[string, (event: SenderEvent, ...args: unknown[]) => unknown]>} */
  const handlers = PAGE_CHANNELS.map((channel) => [channel, (event, ...args) => answers.answer(event.sender, channel, args)]);
  handlers.push(
    ["electron-backend-sidecar:lastError", (event) => answers.lastError(event.sender)],
    ["electron-backend-sidecar:listen", (event, name) => fanOut.listen(event.sender, String(name))],
  );
  /** @type {string[]} */
  const registered = [];
  try {
    for (const [channel, handler] of handlers) {
      ipcMain.handle(channel, async (event, ...args) => {
        const refusal = senders.refusal(event);
        if (refusal) throw pageError(channel, `${channel} was refused: ${refusal}`);
        if (channel === "backend:createFirewallRule") await askFirst(event);
        return handler(event, ...args);
      });
      registered.push(channel);
    }
  } catch (error) {
    for (const channel of registered) ipcMain.removeHandler(channel);
    throw error;
  }
  ipcMain.on("electron-backend-sidecar:unlisten", (event, name) => fanOut.unlisten(event.sender, String(name)));
  ipcMain.on("runtime:getBootstrap", (event) => {
    fanOut.forget(event.sender); // a new page: what the one before it listened to is over
    event.returnValue = senders.refusal(event) ? null : bootstrap(); // unanswered, the page would hang
  });

  /** @param {SenderEvent} event */
  async function askFirst({ sender }) {
    const channel = "backend:createFirewallRule";
    const why = dialog ? "the user declined" : "the app gave attachSidecar no dialog to ask the user with";
    if (dialog && (await agrees(dialog, BrowserWindow.fromWebContents(sender)))) return;
    const refused = new SidecarError("ELEVATION_REFUSED", `The firewall rule was not created: ${why}`);
    answers.remember(sender, channel, refused);
    throw pageError(channel, refused.message);
  }
}

/**
 * @param {DialogLike} dialog
 * @param {WindowLike | null} window
 * @returns {Promise<boolean>}
 */
async function agrees(dialog, window) {
  /** @type {import("../../types/electron").MessageBox} */
  const question = {
    type: "question",
    title: "Create firewall rule",
    message: "Allow the app's backend through the Windows firewall?",
    detail: "Windows will ask for administrator rights.",
    buttons: ["Create Rule", "Cancel"],
    defaultId: 0,
    cancelId: 1,
    noLink: true,
  };
  const { response } = await (window ? dialog.showMessageBox(window, question) : dialog.showMessageBox(question));
  return response === 0;
}

module.exports = { registerHandlers };
