"use strict";

const { SidecarError } = require("../client/errors.js");

// Control sequences and operating system commands of ECMA-48.
const ESCAPES = /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?/g;
const MAX_LINE = 500; // characters: a dialog must fit on the screen

/**
 * @typedef {import("../../types/main").FatalReport} FatalReport
 * @typedef {import("../../types/protocol").Crash} Crash
 */

/**
 * Detects that the backend or the sidecar failed for good, and reports it once: `backend-crash` on `app`, then `onFatal`. If the app
 * handles neither, it shows an error box and quits the app. If the user starts the backend again, a later failure is reported again.
 */
class Fatal {
  #app;
  #dialog;
  #sidecar;
  #onFatal;
  #reported = false;
  #everRunning = false;

  /**
   * @param {object} options
   * @param {import("../../types/electron").AppLike} options.app
   * @param {import("../../types/electron").DialogLike | undefined} options.dialog
   * @param {import("../client.js").Sidecar} options.sidecar
   * @param {((report: FatalReport) => void) | undefined} options.onFatal
   */
  constructor({ app, dialog, sidecar, onFatal }) {
    this.#app = app;
    this.#dialog = dialog;
    this.#sidecar = sidecar;
    this.#onFatal = onFatal;
    sidecar.on("backend:crash", (crash) => {
      if (crash.final) this.#report(crashReport(crash, this.#logs()), crash);
    });
    sidecar.on("backend:stateChanged", (change) => {
      if (change.state === "RUNNING") {
        this.#everRunning = true;
        this.#reported = false;
      } else if (change.state === "FAILED" && !this.#everRunning) {
        void this.#firstStartFailed();
      }
    });
    sidecar.on("sidecar:failed", (error) => this.sidecarFailed(error));
  }

  /** @param {SidecarError} error */
  sidecarFailed(error) {
    this.#report(errorReport(error, this.#logs()), null);
  }

  /** Gets the reason from the sidecar: `waitForReady` of a failed backend rejects with the error of its start. */
  async #firstStartFailed() {
    const error = await this.#sidecar.call("backend:waitForReady", [], { timeout: 5000 }).then(
      () => null,
      (/** @type {unknown} */ reason) => reason,
    );
    if (!(error instanceof SidecarError) || error.code === "CLOSED" || error.code === "SHUTTING_DOWN") return;
    this.#report(errorReport(error, this.#logs()), null);
  }

  #logs() {
    return this.#app.getPath("logs");
  }

  /**
   * @param {FatalReport} report
   * @param {Crash | null} crash
   */
  #report(report, crash) {
    if (this.#reported || this.#sidecar.closing) return;
    this.#reported = true;
    const heard = this.#app.emit("backend-crash", crash ? { ...crash, message: report.message, logs: report.logs } : report);
    if (this.#onFatal) this.#onFatal(report);
    else if (!heard) void this.#box(report);
  }

  /** @param {FatalReport} report */
  async #box(report) {
    await this.#app.whenReady();
    const cause = report.message.includes(report.cause ?? "") ? null : report.cause;
    const detail = [cause, report.remedy, `Logs: ${report.logs}`].filter(Boolean).join("\n\n");
    await this.#dialog?.showMessageBox({
      type: "error",
      title: "Backend Service Error",
      message: report.message,
      detail,
      buttons: ["Close Application"],
      noLink: true,
    });
    this.#app.quit();
  }
}

/**
 * @param {Crash} crash
 * @param {string} logs
 * @returns {FatalReport}
 */
function crashReport(crash, logs) {
  const exhausted = crash.attempt >= crash.attempts;
  const message = exhausted
    ? `The backend service exited unexpectedly (${crash.text}) and could not be restarted after ${crash.attempts} attempts.`
    : `The backend service could not be started: ${crash.text}`;
  return { code: exhausted ? "RESTARTS_EXHAUSTED" : "BACKEND_FAILED", message, cause: crash.cause, remedy: crash.remedy, logs, crash };
}

/**
 * @param {SidecarError} error
 * @param {string} logs
 * @returns {FatalReport}
 */
function errorReport(error, logs) {
  const lines = error.data?.output ? plain(String(error.data.output)).trim().split("\n").slice(-12) : null;
  const output = lines?.map((line) => (line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line)).join("\n") ?? null;
  return { code: error.code, message: error.message, cause: output, remedy: error.hint, logs, crash: null };
}

/**
 * Makes a backend's output safe for a dialog or console: without terminal control sequences and bidirectional controls.
 *
 * @param {string} output
 */
function plain(output) {
  return output.replace(ESCAPES, "").replace(/(?![\n\t])\p{C}/gu, "");
}

module.exports = { Fatal };
