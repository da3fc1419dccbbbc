export * from "./sentry.js";
