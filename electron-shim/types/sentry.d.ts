import type { Observer } from "./client";

/** The event of one crash, as Sentry's `captureEvent` takes it. */
export interface SentryCrashEvent {
  message: string;
  level: "error" | "fatal";
  logger: string;
  timestamp: number;
  /** Groups equal crashes from all machines. */
  fingerprint?: string[];
  tags: { "backend_sidecar.cause": string; "backend_sidecar.final": string };
  contexts: { backend: { [key: string]: string | number | null } };
}

export interface SentryAttachment {
  filename: string;
  data: string;
  contentType: string;
}

/** Any of Sentry's SDKs, or `@sentry/core` itself. */
export interface SentryLike {
  captureEvent(event: SentryCrashEvent, hint: { attachments?: SentryAttachment[] }): string;
}

export interface SentryOptions {
  /** The SDK that your app has initialised, e.g. `require("@sentry/electron/main")`; another copy would send nothing. */
  sdk: SentryLike;
  /** Whether to attach the crash report, with secrets masked (true). */
  attachReport?: boolean;
}

/** An observer that sends each crash of the backend to Sentry: `attachSidecar({ …, observers: [sentry({ sdk: Sentry })] })`. */
export function sentry(options: SentryOptions): Observer;
