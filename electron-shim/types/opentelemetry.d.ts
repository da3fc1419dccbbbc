import type { MeterProvider, TracerProvider } from "@opentelemetry/api";
import type { Observer } from "./client";

export interface OpenTelemetryOptions {
  /** Default: the global one, which must be set before the sidecar starts. */
  meterProvider?: MeterProvider;
  /** Default: the global one. */
  tracerProvider?: TracerProvider;
  /** Milliseconds between measurements of the live endpoint while the backend runs (60 000); 0 turns them off. */
  healthInterval?: number;
}

/**
 * An observer that records the backend's starts, crashes and durations with OpenTelemetry:
 * `attachSidecar({ …, observers: [openTelemetry()] })`. Your app's OpenTelemetry set-up decides what is sent where.
 */
export function openTelemetry(options?: OpenTelemetryOptions): Observer;
