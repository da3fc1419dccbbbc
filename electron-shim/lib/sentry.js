"use strict";

const REPORT_TIMEOUT_MS = 5_000;

/**
 * An observer for `attachSidecar` and `connect`: each crash of the backend becomes an event, grouped by its fingerprint.
 *
 * @param {import("../types/sentry").SentryOptions} options
 * @returns {import("../types/client").Observer}
 */
function sentry(options) {
  const { sdk, attachReport = true } = options ?? {};
  if (typeof sdk?.captureEvent !== "function") {
    throw new TypeError("sentry({ sdk }): sdk must be the Sentry SDK that the app has set up, such as @sentry/electron/main");
  }
  return (sidecar) => sidecar.on("backend:crash", (crash) => void capture(sdk, sidecar, crash, attachReport));
}

/**
 * @param {import("../types/sentry").SentryLike} sdk
 * @param {import("../types/client").Sidecar} sidecar
 * @param {import("../types/protocol").Crash} crash
 * @param {boolean} attachReport
 */
async function capture(sdk, sidecar, crash, attachReport) {
  const { name, kind = "unknown", fingerprint, text, cause, remedy, run, code, signal, attempt, attempts, final } = crash;
  /** @type {string | null} */
  let report = null;
  if (attachReport) {
    // If it cannot be read because the sidecar ends, still send the event.
    report = await sidecar.call("backend:crashReport", [{ name }], { timeout: REPORT_TIMEOUT_MS }).then(
      (found) => found.report,
      () => null,
    );
  }
  sdk.captureEvent(
    {
      message: `The backend failed: ${cause ?? text}`,
      level: final ? "fatal" : "error",
      logger: "electron-backend-sidecar",
      timestamp: Date.parse(crash.time) / 1000,
      ...(fingerprint ? { fingerprint: [fingerprint] } : {}),
      tags: { "backend_sidecar.cause": kind, "backend_sidecar.final": String(final) },
      contexts: { backend: { text, remedy, run, code, signal, attempt, attempts } },
    },
    report === null ? {} : { attachments: [{ filename: `${name}.log`, data: report, contentType: "text/plain" }] },
  );
}

module.exports = { sentry };
