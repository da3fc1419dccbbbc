import opentelemetry from "./opentelemetry.js";

export const { openTelemetry } = opentelemetry;
