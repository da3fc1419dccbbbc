"use strict";

const { SidecarError } = require("../client/errors.js");
const { EVENTS, PAGE_CHANNELS } = require("../names.js");
const { pageError } = require("./answers.js");
const { leftover, refuseEarlierListeners, refuseLaterListeners, SYNC_CHANNEL } = require("./leftovers.js");

const CREATE_RULE = "backend:createFirewallRule";
const MAX_DECLINED = 3;
const SILENCE_MS = 60_000;

/**
 * @typedef {import("../../types/electron").BrowserWindowLike} BrowserWindowLike
 * @typedef {import("../../types/electron").DialogLike} DialogLike
 * @typedef {import("../../types/electron").SenderEvent} SenderEvent
 */

/**
 * Registers everything that a page can call; no `sidecar:` channel. All or nothing: if a channel already has a handler, the caller removes
 * the ones registered so far by ending the subscriptions.
 *
 * @param {object} parts
 * @param {import("../../types/electron").IpcMainLike} parts.ipcMain
 * @param {BrowserWindowLike} parts.BrowserWindow
 * @param {DialogLike | undefined} parts.dialog
 * @param {ReturnType<typeof import("./senders.js").createSenderCheck>} parts.senders
 * @param {import("./answers.js").Answers} parts.answers
 * @param {import("./fanout.js").FanOut} parts.fanOut
 * @param {() => import("../../types/protocol").Bootstrap} parts.bootstrap
 * @param {import("./subscriptions.js").Subscriptions} parts.subscriptions
 */
function registerHandlers({ ipcMain, BrowserWindow, dialog, senders, answers, fanOut, bootstrap, subscriptions }) {
  const consent = new Consent(dialog, BrowserWindow);
  /** @type {Array<[string, (event: SenderEvent, ...args: unknown[]) => unknown]>} */
  const handlers = PAGE_CHANNELS.map((channel) => [channel, (event, ...args) => answers.answer(event.sender, channel, args)]);
  handlers.push(
    ["electron-backend-sidecar:lastError", (event) => answers.lastError(event.sender)],
    ["electron-backend-sidecar:listen", (event, name) => fanOut.listen(event.sender, isEvent(name) ? name : refuseName())],
  );
  refuseEarlierListeners(ipcMain);
  for (const [channel, handler] of handlers) {
    try {
      ipcMain.handle(channel, async (event, ...args) => {
        const refusal = senders.refusal(event);
        if (refusal) throw pageError(channel, `${channel} was refused: ${refusal}`);
        if (channel !== CREATE_RULE) return handler(event, ...args);
        const possible = await handler(event, ...asPreview(args)); // throws if there is no rule to create, as on other systems
        if (isPreview(args)) return possible;
        await askFirst(event);
        return handler(event, ...args);
      });
    } catch {
      throw leftover("handle", channel); // the only reason for which Electron throws
    }
    subscriptions.add(() => ipcMain.removeHandler(channel));
  }
  // An exception in a listener of `on` ends the app, or shows the user an error.
  subscriptions.on(ipcMain, "electron-backend-sidecar:unlisten", (event, name) => {
    if (isEvent(name) && !senders.refusal(event)) fanOut.unlisten(event.sender, name);
  });
  subscriptions.on(ipcMain, SYNC_CHANNEL, (event) => {
    if (isMainFrame(event.senderFrame)) fanOut.forget(event.sender); // a new page: drop the subscriptions of the previous one
    event.returnValue = senders.refusal(event) ? null : bootstrap(); // without an answer the page would hang
  });
  refuseLaterListeners(ipcMain, subscriptions);

  /** @param {SenderEvent} event */
  async function askFirst({ sender }) {
    const why = await consent.refusal(sender);
    if (!why) return;
    const refused = new SidecarError("ELEVATION_REFUSED", `The firewall rule was not created: ${why}`);
    answers.remember(sender, CREATE_RULE, refused);
    throw pageError(CREATE_RULE, refused.message);
  }
}

/** @param {any[]} args as a page sent them */
function isPreview([options]) {
  return options?.preview === true;
}

/** @param {any[]} args as a page sent them @returns {any[]} wrong ones stay as they are: the sidecar refuses them */
function asPreview([options = {}, ...more]) {
  return [typeof options === "object" && options !== null && !Array.isArray(options) ? { ...options, preview: true } : options, ...more];
}

/** @param {unknown} name as a page sent it @returns {name is string} */
function isEvent(name) {
  return typeof name === "string" && EVENTS.includes(name);
}

/** @returns {never} */
function refuseName() {
  throw pageError("electron-backend-sidecar:listen", "This is not an event of the backend");
}

/** @param {import("../../types/electron").FrameLike | null} frame null or disposed: it may have been a subframe, and a new page asks again */
function isMainFrame(frame) {
  try {
    return frame !== null && !frame.parent;
  } catch {
    return false;
  }
}

/**
 * Asks the user for consent to a firewall rule: one question at a time, and none for a minute after several refusals, so that a page
 * that asks in a loop cannot block the screen.
 */
class Consent {
  #dialog;
  #BrowserWindow;
  #isAsking = false;
  #declined = 0;
  #silentUntil = 0;

  /**
   * @param {DialogLike | undefined} dialog
   * @param {BrowserWindowLike} BrowserWindow
   */
  constructor(dialog, BrowserWindow) {
    this.#dialog = dialog;
    this.#BrowserWindow = BrowserWindow;
  }

  /**
   * @param {import("../../types/electron").ContentsLike} sender
   * @returns {Promise<string | null>} why not
   */
  async refusal(sender) {
    if (!this.#dialog) return "the app passed no dialog to attachSidecar";
    if (this.#isAsking) return "a prompt is already open";
    if (performance.now() < this.#silentUntil) return `the user declined ${MAX_DECLINED} times; no prompt for a minute`;
    this.#isAsking = true;
    try {
      const agreed = await agrees(this.#dialog, this.#BrowserWindow.fromWebContents(sender));
      this.#declined = agreed ? 0 : this.#declined + 1;
      if (this.#declined % MAX_DECLINED === 0 && !agreed) this.#silentUntil = performance.now() + SILENCE_MS;
      return agreed ? null : "the user declined";
    } finally {
      this.#isAsking = false;
    }
  }
}

/**
 * @param {DialogLike} dialog
 * @param {object | null} window
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
    defaultId: 1, // an accidental key press must not count as consent
    cancelId: 1,
    noLink: true,
  };
  const { response } = await (window ? dialog.showMessageBox(window, question) : dialog.showMessageBox(question));
  return response === 0;
}

module.exports = { registerHandlers };
