"use strict";

const { metrics, SpanStatusCode, trace } = require("@opentelemetry/api");

const NAME = "electron-backend-sidecar";
const BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]; // seconds
const HEALTH_INTERVAL_MS = 60_000;
const REPLACED = new Set(["STOPPING", "BACKOFF", "RUNNING"]); // the states before a restart
const WANTED = new Set(["requested", "shutdown"]);

/**
 * @typedef {import("../types/protocol").StateChanged} StateChanged
 * @typedef {import("@opentelemetry/api").Span} Span
 */

/**
 * An observer for `attachSidecar` and `connect` that records metrics, and a span for each start.
 *
 * @param {import("../types/opentelemetry").OpenTelemetryOptions} [options]
 * @returns {import("../types/client").Observer}
 */
function openTelemetry(options = {}) {
  return (sidecar) => {
    const recording = new Recording(options, sidecar);
    const off = [
      sidecar.on("backend:stateChanged", (change) => recording.changed(change)),
      sidecar.on("backend:crash", (crash) => recording.crashed(crash)),
      sidecar.on("sidecar:exited", () => recording.lost("the sidecar died")),
      sidecar.on("sidecar:failed", () => recording.lost("the sidecar died")),
    ];
    return () => {
      for (const end of off) end();
      recording.lost("no longer observed");
    };
  };
}

class Recording {
  #sidecar;
  #tracer;
  #instruments;
  #healthInterval;
  #since = 0;
  /** @type {Span | null} of the start in progress */
  #start = null;
  /** @type {{span: Span, at: Date} | null} of a start that failed, until its cause is known */
  #failed = null;
  /** @type {NodeJS.Timeout | undefined} */
  #healthTimer;

  /**
   * @param {import("../types/opentelemetry").OpenTelemetryOptions} options
   * @param {import("../types/client").Sidecar} sidecar
   */
  constructor({ meterProvider, tracerProvider, healthInterval = HEALTH_INTERVAL_MS }, sidecar) {
    this.#sidecar = sidecar;
    this.#healthInterval = healthInterval;
    this.#tracer = (tracerProvider ?? trace).getTracer(NAME);
    const meter = (meterProvider ?? metrics).getMeter(NAME);
    const counter = (/** @type {string} */ name, /** @type {string} */ description) =>
      meter.createCounter(`backend_sidecar.${name}`, { description });
    const seconds = (/** @type {string} */ name, /** @type {string} */ description) =>
      meter.createHistogram(`backend_sidecar.${name}`, { description, unit: "s", advice: { explicitBucketBoundaries: BUCKETS } });
    this.#instruments = {
      starts: counter("starts", "Runs that were started"),
      restarts: counter("restarts", "Runs that replaced another run"),
      crashes: counter("crashes", "Runs that failed, by cause"),
      forcedStops: counter("forced_stops", "Stops that had to kill a process"),
      ready: seconds("ready", "From the start to readiness"),
      stop: seconds("stop", "From the stop request to the exit"),
      health: seconds("health", "Response time of the live endpoint"),
    };
  }

  /** @param {StateChanged} change */
  changed(change) {
    this.#endFailed();
    const { state, previous, reason } = change;
    const elapsed = this.#since ? (performance.now() - this.#since) / 1000 : null;
    if (previous === "STOPPING") {
      if (elapsed !== null) this.#instruments.stop.record(elapsed);
      if (change.forced?.length) this.#instruments.forcedStops.add(1);
    }
    if (state === "STARTING" && reason !== "port_changed") this.#started(change);
    else if (state === "RUNNING") {
      if (elapsed !== null) this.#instruments.ready.record(elapsed);
      this.#start?.setStatus({ code: SpanStatusCode.OK }).end();
      this.#start = null;
    } else if (this.#start && state !== "STARTING") this.#startEnded(change);
    if (state !== previous) this.#since = performance.now();
    this.#watchHealth(state === "RUNNING");
  }

  /** @param {StateChanged} change */
  #started({ previous, reason }) {
    this.#instruments.starts.add(1);
    if (REPLACED.has(previous)) this.#instruments.restarts.add(1);
    // A change of the port is part of the same start.
    if (previous === "STARTING" && this.#start) this.#start.addEvent(reason);
    else this.#start = this.#tracer.startSpan("backend start", { attributes: { "backend_sidecar.reason": reason } });
  }

  /** @param {StateChanged} change */
  #startEnded({ reason }) {
    const span = /** @type {Span} */ (this.#start);
    this.#start = null;
    span.setAttribute("backend_sidecar.outcome", reason);
    if (WANTED.has(reason)) span.end();
    else {
      span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
      this.#failed = { span, at: new Date() };
    }
  }

  /** @param {import("../types/protocol").Crash} crash */
  crashed({ kind = "unknown", fingerprint = "", final }) {
    this.#instruments.crashes.add(1, { "backend_sidecar.cause": kind, "backend_sidecar.final": final });
    this.#failed?.span.setAttributes({ "backend_sidecar.cause": kind, "backend_sidecar.fingerprint": fingerprint });
    this.#endFailed();
  }

  #endFailed() {
    this.#failed?.span.end(this.#failed.at);
    this.#failed = null;
  }

  /** The sidecar is gone: the run sends no more events. @param {string} message */
  lost(message) {
    this.#endFailed();
    this.#start?.setStatus({ code: SpanStatusCode.ERROR, message }).end();
    this.#start = null;
    this.#since = 0;
    this.#watchHealth(false);
  }

  /** @param {boolean} running */
  #watchHealth(running) {
    clearInterval(this.#healthTimer);
    if (!running || this.#healthInterval <= 0) return;
    this.#healthTimer = setInterval(() => void this.#ping(), this.#healthInterval);
    this.#healthTimer.unref();
  }

  async #ping() {
    const answer = await this.#sidecar.call("backend:ping", []).catch(() => null); // the sidecar's end is reported elsewhere
    if (answer?.success && answer.responseTime !== undefined) this.#instruments.health.record(answer.responseTime / 1000);
  }
}

module.exports = { openTelemetry };
