"use strict";

const { EVENTS, OPT_IN_EVENTS } = require("../names.js");

/** @typedef {import("../../types/electron").ContentsLike} ContentsLike */

/** Sends events to all pages of the app, in windows and views, and keeps the last event of each name for pages opened later. */
class FanOut {
  #BrowserWindow;
  #sidecar;
  #mayHear;
  /** @type {Map<string, {payload: any}>} */
  #last = new Map();
  /** @type {Map<string, {pages: Set<ContentsLike>, off: () => void}>} the pages that listen to an opt-in event */
  #optedIn = new Map();
  /** @type {Set<ContentsLike>} pages that listen to any event: a list of windows lacks the pages in views */
  #listening = new Set();

  /**
   * @param {object} options
   * @param {import("../../types/electron").BrowserWindowLike} options.BrowserWindow
   * @param {import("../client.js").Sidecar} options.sidecar
   * @param {(contents: ContentsLike) => boolean} options.mayHear
   */
  constructor({ BrowserWindow, sidecar, mayHear }) {
    this.#BrowserWindow = BrowserWindow;
    this.#sidecar = sidecar;
    this.#mayHear = mayHear;
    for (const name of EVENTS) if (!OPT_IN_EVENTS.includes(name)) sidecar.on(name, (payload) => this.toAll(name, payload));
  }

  /**
   * @param {string} name
   * @param {any} payload
   */
  toAll(name, payload) {
    this.#last.set(name, { payload });
    const windows = this.#BrowserWindow.getAllWindows().filter((window) => !window.isDestroyed());
    for (const contents of new Set([...windows.map((window) => window.webContents), ...this.#listening]))
      this.#send(contents, name, payload);
  }

  /**
   * @param {string} name
   * @returns {any} the payload of the last event of that name; undefined if there was none
   */
  lastOf(name) {
    return this.#last.get(name)?.payload;
  }

  /**
   * @param {ContentsLike} contents
   * @param {string} name
   * @param {any} payload
   */
  #send(contents, name, payload) {
    try {
      // A window that is being destroyed no longer has contents.
      if (!contents || contents.isDestroyed() || contents.isCrashed() || !this.#mayHear(contents)) return;
      contents.send(name, payload);
    } catch {
      // Destroyed, or its frame disposed, between the check and the send, e.g. by a reload: the new page requests the last event.
    }
  }

  /**
   * @param {ContentsLike} contents the page that starts listening
   * @param {string} name
   * @returns {{payload: any} | null} the last event of that name
   */
  listen(contents, name) {
    if (!this.#listening.has(contents)) {
      this.#listening.add(contents);
      contents.once("destroyed", () => {
        this.#listening.delete(contents);
        this.forget(contents);
      });
    }
    if (OPT_IN_EVENTS.includes(name)) this.#optIn(contents, name);
    return this.#last.get(name) ?? null;
  }

  /**
   * @param {ContentsLike} contents
   * @param {string} name
   */
  #optIn(contents, name) {
    let entry = this.#optedIn.get(name);
    if (!entry) {
      /** @type {Set<ContentsLike>} */
      const pages = new Set();
      const off = this.#sidecar.on(name, (payload) => {
        for (const page of pages) this.#send(page, name, payload);
      });
      this.#optedIn.set(name, (entry = { pages, off }));
    }
    entry.pages.add(contents);
  }

  /**
   * @param {ContentsLike} contents
   * @param {string} name
   */
  unlisten(contents, name) {
    const entry = this.#optedIn.get(name);
    if (!entry?.pages.delete(contents) || entry.pages.size > 0) return;
    entry.off();
    this.#optedIn.delete(name);
  }

  /** @param {ContentsLike} contents whose page is gone or was replaced */
  forget(contents) {
    for (const name of [...this.#optedIn.keys()]) this.unlisten(contents, name);
  }
}

module.exports = { FanOut };
