"use strict";

const LOOPBACK = /^https?:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;
// Contents that show foreign pages, or that the app did not create.
const FOREIGN_TYPES = new Set(["webview", "remote", "backgroundPage"]);

/**
 * Decides whether a frame belongs to the app, by its origin, in windows and views alike.
 *
 * @param {object} options
 * @param {boolean} options.development
 * @param {readonly string[] | undefined} options.allowedOrigins
 * @param {() => string | null} options.backendOrigin
 * @param {(text: string) => void} options.warn
 */
function createSenderCheck({ development, allowedOrigins, backendOrigin, warn }) {
  /** @type {Set<string>} origins already warned about */
  const warned = new Set();

  /** @param {string} origin */
  function allowed(origin) {
    if (allowedOrigins) return allowedOrigins.includes(origin);
    return origin === "file://" || origin === backendOrigin() || (development && LOOPBACK.test(origin));
  }

  /**
   * @param {string} origin
   * @param {string} url
   */
  function warnOnce(origin, url) {
    if (origin === "null" && !url) return; // a disposed frame: to allow its origin would let in sandboxed and data: pages
    if (warned.has(origin) || warned.size >= 10) return; // a page can invent origins
    warned.add(origin);
    const { protocol } = parsed(url) ?? { protocol: "" };
    const opaque = origin === "null" && !/^(https?|file|data|blob|about|):?$/.test(protocol);
    const remedy = opaque
      ? `register the scheme before the app is ready: protocol.registerSchemesAsPrivileged([{ scheme: "${protocol.slice(0, -1)}", privileges: { standard: true, secure: true } }]), and allow its origin with the option allowedOrigins`
      : `if it is yours, call attachSidecar with allowedOrigins: ${JSON.stringify([...(allowedOrigins ?? []), origin])}`;
    warn(`electron-backend-sidecar: a page of origin ${origin} was refused; ${remedy}`);
  }

  return {
    /**
     * @param {import("../../types/electron").SenderEvent} event
     * @returns {string | null} why it is refused
     */
    refusal(event) {
      const frame = event.senderFrame;
      if (!frame) return "its frame is gone";
      const type = event.sender.getType?.();
      if (type && FOREIGN_TYPES.has(type)) return `it comes from a ${type}`;
      const origin = originOf(frame);
      if (allowed(origin)) return null;
      warnOnce(origin, urlOf(frame));
      return `its origin ${origin} is not allowed (option allowedOrigins)`;
    },

    /** @param {import("../../types/electron").ContentsLike} contents whether events may be sent to the page that its main frame shows now */
    mayHear(contents) {
      return allowed(originOf(contents.mainFrame));
    },
  };
}

/**
 * @param {import("../../types/electron").FrameLike} frame older Electrons have only its `url`
 * @returns {string}
 */
function originOf(frame) {
  try {
    if (frame.origin) return frame.origin;
    const url = new URL(frame.url);
    return url.protocol === "file:" ? "file://" : url.origin === "null" ? `${url.protocol}//${url.host}` : url.origin;
  } catch {
    return "null"; // no address, or a disposed frame: Electron throws when its properties are read
  }
}

/** @param {import("../../types/electron").FrameLike} frame */
function urlOf(frame) {
  try {
    return frame.url;
  } catch {
    return ""; // disposed
  }
}

/** @param {string} url */
function parsed(url) {
  try {
    return new URL(url);
  } catch {
    return null;
  }
}

module.exports = { createSenderCheck, originOf };
