"use strict";

const LOOPBACK = /^https?:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/**
 * Whether a frame's page is one of the app's own.
 *
 * @param {object} options
 * @param {import("../../types/electron").BrowserWindowLike} options.BrowserWindow
 * @param {boolean} options.development
 * @param {readonly string[] | undefined} options.allowedOrigins
 * @param {() => string | null} options.backendOrigin
 */
function createSenderCheck({ BrowserWindow, development, allowedOrigins, backendOrigin }) {
  /** @param {string} origin */
  function allowed(origin) {
    if (allowedOrigins) return allowedOrigins.includes(origin);
    return origin === "file://" || origin === backendOrigin() || (development && LOOPBACK.test(origin));
  }

  return {
    /**
     * @param {import("../../types/electron").SenderEvent} event
     * @returns {string | null} why it is refused
     */
    refusal(event) {
      const frame = event.senderFrame;
      if (!frame) return "its frame is gone";
      if (!BrowserWindow.fromWebContents(event.sender)) return "it comes from no window of this app";
      const origin = originOf(frame);
      return allowed(origin) ? null : `its origin ${origin} is not allowed`;
    },

    /** @param {import("../../types/electron").ContentsLike} contents whether events may be sent to what its main frame shows now */
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
    return "null"; // no address, or a frame that was disposed meanwhile: Electron throws where one asks it anything
  }
}

module.exports = { createSenderCheck, originOf };
