import type { MeterProvider, TracerProvider } from "@opentelemetry/api";
import type { Observer } from "./client";

export interface OpenTelemetryOptions {
  /** Default: the global one, which must be set before the sidecar is started. */
  meterProvider?: MeterProvider;
  /** Default: the global one. */
  tracerProvider?: TracerProvider;
  /** Milliseconds between two measurements of the live endpoint while the backend runs (60 000); 0: none. */
  healthInterval?: number;
}

/**
 * An observer that records what happens to the backend with OpenTelemetry:
 * `attachSidecar({ …, observers: [openTelemetry()] })`. What is sent where is the app's own set-up.
 */
export function openTelemetry(options?: OpenTelemetryOptions): Observer;
