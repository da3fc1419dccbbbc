// An app with OpenTelemetry's SDK: node otlp_app.js SHIM RECEIVER ORDER, where ORDER is the options of `connect` as JSON. Its
// backend crashes once; then the app ends.
"use strict";

const path = require("node:path");
const { OTLPMetricExporter } = require("@opentelemetry/exporter-metrics-otlp-proto");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");
const { BasicTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");

const [shim, receiver, order] = process.argv.slice(2);
const { connect } = require(path.join(shim, "lib", "client.js"));
const { openTelemetry } = require(path.join(shim, "lib", "opentelemetry.js"));

async function main() {
  const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter({ url: `${receiver}/v1/metrics` }) });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${receiver}/v1/traces` }))] });
  const sidecar = await connect({ ...JSON.parse(order), observers: [openTelemetry({ meterProvider, tracerProvider, healthInterval: 20 })] });
  const crashed = new Promise((resolve) => sidecar.on("backend:crash", resolve));
  const { url } = await sidecar.invoke("backend:waitForReady");
  await fetch(`${url}/trouble/crash?kind=3`, { method: "POST" }).catch(() => {});
  const { fingerprint } = await crashed;
  await sidecar.invoke("backend:waitForReady");
  await new Promise((resolve) => setTimeout(resolve, 300)); // some measurements of its health
  await sidecar.close();
  await meterProvider.shutdown();
  await tracerProvider.shutdown();
  console.log(JSON.stringify({ fingerprint }));
}

main();
