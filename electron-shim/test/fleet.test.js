// The observers for OpenTelemetry and Sentry, with both SDKs and a real sidecar whose backend crashes.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { connect } = require("../lib/client.js");
const { until } = require("./support/app.js");
const { httpBackend, noSidecar, sidecarCommand, sidecarEnv } = require("./support/sidecar.js");

const [major = 0] = process.versions.node.split(".").map(Number);
const skip = noSidecar || (major < 20 && "the SDKs need Node 20");

/** Returns numbers by metric and attributes, as the app's exporter would send them. @param {any} reader */
async function collect(reader) {
  const { resourceMetrics, errors } = await reader.collect();
  assert.deepEqual(errors, []);
  const points = resourceMetrics.scopeMetrics
    .flatMap((/** @type {any} */ scope) => scope.metrics)
    .flatMap((/** @type {any} */ metric) =>
      metric.dataPoints.map((/** @type {any} */ point) => [
        [metric.descriptor.name, ...Object.values(point.attributes)].join(" "),
        point.value,
      ]),
    );
  return Object.fromEntries(points);
}

/** Returns an app's providers, and access to what they recorded. */
function openTelemetrySdk() {
  const { MeterProvider, MetricReader } = require("@opentelemetry/sdk-metrics");
  const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");
  class Reader extends MetricReader {
    async onForceFlush() {}
    async onShutdown() {}
  }
  const reader = new Reader();
  const spans = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  return { meterProvider: new MeterProvider({ readers: [reader] }), tracerProvider, reader, spans };
}

/** Returns Sentry's own client, and the envelopes that it would send. */
function sentrySdk() {
  const { createTransport, Scope } = require("@sentry/core");
  const { ServerRuntimeClient } = require("@sentry/core/server");
  /** @type {string[]} */
  const sent = [];
  const client = new ServerRuntimeClient({
    dsn: "http://key@127.0.0.1:9/1",
    integrations: [],
    stackParser: () => [],
    transport: (options) =>
      createTransport(options, async ({ body }) => {
        sent.push(Buffer.from(body).toString());
        return { statusCode: 200 };
      }),
  });
  client.init();
  const scope = new Scope();
  scope.setClient(client);
  return { sdk: scope, sent };
}

/** @param {import("node:test").TestContext} t @param {object} more @param {object} [settings] */
async function start(t, more, settings = {}) {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), "shim-fleet-"));
  const base = { profile: /** @type {const} */ ("generic"), paths: { data }, timeouts: { restart_delay: 0.1, graceful_shutdown: 0.3 } };
  const sidecar = await connect({ command: sidecarCommand, env: sidecarEnv, settings: { ...base, ...settings }, ...more });
  t.after(async () => {
    await sidecar.close();
    fs.rmSync(data, { recursive: true, force: true });
  });
  return sidecar;
}

test("OpenTelemetry: starts, crashes by cause, restarts, forced stops, durations, and a span for each start", { skip }, async (t) => {
  const { openTelemetry } = require("electron-backend-sidecar/opentelemetry");
  const { reader, spans, ...providers } = openTelemetrySdk();
  const command = httpBackend("--ignore-sigterm");
  const sidecar = await start(
    t,
    { observers: [openTelemetry({ ...providers, healthInterval: 20 })] },
    { backend: { command, live_path: "/health/live" } },
  );
  const { url } = await sidecar.invoke("backend:waitForReady");
  http
    .request(`${url}/trouble/crash?kind=3`, { method: "POST" })
    .on("error", () => {})
    .end();
  await until(async () => (await collect(reader))["backend_sidecar.restarts"] === 1, "the restart");
  await sidecar.invoke("backend:waitForReady");
  await until(async () => (await collect(reader))["backend_sidecar.health"]?.count > 1, "health is measured");
  await sidecar.invoke("backend:restart");
  await sidecar.invoke("backend:stop");
  const metrics = await collect(reader);
  assert.equal(metrics["backend_sidecar.starts"], 3);
  assert.equal(metrics["backend_sidecar.restarts"], 2);
  assert.equal(metrics["backend_sidecar.crashes exit_3 false"], 1);
  assert.equal(metrics["backend_sidecar.forced_stops"], 2);
  assert.equal(metrics["backend_sidecar.ready"].count, 3);
  assert.ok(metrics["backend_sidecar.ready"].sum > 0.03 && metrics["backend_sidecar.ready"].sum < 60);
  assert.equal(metrics["backend_sidecar.stop"].count, 2);
  assert.ok(metrics["backend_sidecar.stop"].sum >= 0.5, "seconds, of two stops of 0.3 s");
  const found = spans.getFinishedSpans();
  assert.deepEqual(
    found.map((span) => [span.name, span.attributes["backend_sidecar.reason"], span.status.code]),
    [
      ["backend start", "autostart", 1],
      ["backend start", "crashed", 1],
      ["backend start", "requested", 1],
    ],
  );
});

test("OpenTelemetry: a start that fails is a span with its cause, and stopping the observer ends everything", { skip }, async (t) => {
  const { openTelemetry } = require("electron-backend-sidecar/opentelemetry");
  const { reader, spans, ...providers } = openTelemetrySdk();
  const command = httpBackend("--say", "the database is locked", "--exit-before-listening", "64");
  const sidecar = await start(t, {}, { backend: { command, autostart: false }, restart: { attempts: 0 } });
  const off = openTelemetry(providers)(sidecar);
  await assert.rejects(sidecar.invoke("backend:start"), { code: "BACKEND_EXITED" });
  const span = await until(() => spans.getFinishedSpans()[0], "the span");
  assert.equal(span.status.code, 2);
  const attributes = span.attributes;
  assert.deepEqual([attributes["backend_sidecar.outcome"], attributes["backend_sidecar.cause"]], ["restarts_exhausted", "database_locked"]);
  assert.match(String(attributes["backend_sidecar.fingerprint"]), /^[0-9a-f]{16}$/);
  assert.equal((await collect(reader))["backend_sidecar.crashes database_locked true"], 1);
  if (off) off();
  await assert.rejects(sidecar.invoke("backend:start"), { code: "BACKEND_EXITED" });
  assert.equal((await collect(reader))["backend_sidecar.starts"], 1);
});

test("Sentry: each crash is an event with its fingerprint, and the masked report attached", { skip }, async (t) => {
  const { sentry } = require("electron-backend-sidecar/sentry");
  const { sdk, sent } = sentrySdk();
  const settings = {
    backend: { command: httpBackend("--crash-after", "0.1", "--say", "password=hunter2-and-more"), env: { API_TOKEN: "tok-4711-secret" } },
    restart: { attempts: 1 },
  };
  /** @type {any[]} */
  const crashes = [];
  /** The first crash may arrive together with hello if this process is slow to run. @param {any} sidecar */
  const collecting = (sidecar) => void sidecar.on("backend:crash", (/** @type {any} */ crash) => crashes.push(crash));
  await start(t, { observers: [sentry({ sdk }), collecting] }, settings);
  await until(() => sent.length === 2, "two events");
  // Each event is sent once its report has been read, which may happen for the second crash first.
  const found = sent.map((envelope) => crashes.find(({ name }) => envelope.includes(`"filename":"${name}.log"`)));
  assert.deepEqual(new Set(found), new Set(crashes), "the report of each is attached");
  for (const [index, envelope] of sent.entries()) {
    const event = JSON.parse(envelope.split("\n")[2] ?? "");
    const crash = found[index];
    assert.deepEqual(event.fingerprint, [crash.fingerprint]);
    assert.equal(event.level, crash === crashes[1] ? "fatal" : "error");
    assert.equal(event.tags["backend_sidecar.cause"], crash.kind);
    assert.ok(envelope.includes(`Crash report ${crash.name}`));
    assert.doesNotMatch(envelope, /hunter2|tok-4711/);
  }
  assert.equal(crashes[0].fingerprint, crashes[1].fingerprint);
});

test("Sentry: a missing SDK is an error at once, and attachReport: false attaches no report", { skip }, async (t) => {
  const { sentry } = require("electron-backend-sidecar/sentry");
  assert.throws(() => sentry(/** @type {any} */ (undefined)), /sdk must be the Sentry SDK/);
  assert.throws(() => sentry({ sdk: /** @type {any} */ ({}) }), TypeError);
  /** @type {any[]} */
  const captured = [];
  const sdk = { captureEvent: (/** @type {any} */ ...args) => String(captured.push(args)) };
  await start(
    t,
    { observers: [sentry({ sdk, attachReport: false })] },
    { backend: { command: httpBackend("--exit-before-listening", "5") }, restart: { attempts: 0 } },
  );
  await until(() => captured.length === 1, "the event");
  assert.deepEqual(captured[0][1], {});
});

test("neither library is loaded without an observer", () => {
  const { execFileSync } = require("node:child_process");
  const script = `for (const entry of ["client", "main", "preload"]) require("electron-backend-sidecar/" + entry); console.log(Object.keys(require.cache).filter((name) => /opentelemetry|sentry/.test(name)).length)`;
  assert.equal(execFileSync(process.execPath, ["-e", script], { cwd: path.join(__dirname, ".."), encoding: "utf8" }), "0\n");
});
