import type { Channels, ErrorCode, Events, Hello, Json, Settings } from "./protocol";

/** What an argument may consist of. Anything else is refused with an error that names it and its place. */
export type Sendable = null | undefined | boolean | number | string | Date | Uint8Array | readonly Sendable[] | { readonly [key: string]: Sendable };

/** Error codes of this package; the sidecar sends `ErrorCode`. */
export type ShimErrorCode =
  | "SIDECAR_NOT_STARTED"
  | "SIDECAR_HELLO_TIMEOUT"
  | "SIDECAR_PROTOCOL"
  | "SIDECAR_EXITED"
  | "SIDECAR_HUNG"
  | "TIMEOUT"
  | "CLOSED";

/** A failed call, or the failure of the sidecar. `message` names the cause, `hint` the remedy. */
export class SidecarError extends Error {
  constructor(
    code: ErrorCode | ShimErrorCode | (string & {}),
    message: string,
    more?: { hint?: string | undefined; data?: { [key: string]: Json } | null | undefined; cause?: unknown; channel?: string | undefined },
  );
  readonly code: ErrorCode | ShimErrorCode | (string & {});
  hint: string | null;
  /** Details for programs; the protocol page describes them for each code. */
  data: { [key: string]: Json } | null;
  channel: string | null;
}

/** All in milliseconds, except `pingMisses` and `restartAttempts`. */
export interface Limits {
  /** How long to wait for a started sidecar's first message, then for its first answer to a ping (60 000): a virus scanner may hold up both. */
  helloTimeout?: number;
  /** How long `close` and a quit wait before they kill the sidecar (30 000; its own stop may take up to 27 000). */
  closeTimeout?: number;
  /** How often the sidecar is pinged (5 000). After `pingMisses` (3) unanswered pings it is killed. */
  pingInterval?: number;
  pingMisses?: number;
  /** How often a dead sidecar is restarted (3) within `restartWindow` (600 000). Each restart except the first waits `restartDelay` (1 000). */
  restartAttempts?: number;
  restartWindow?: number;
  restartDelay?: number;
}

export interface ConnectOptions {
  /**
   * The sidecar's program and its first arguments, e.g. `["python3", "-m", "sidecar"]`; `serve` is added. Default: the packed
   * sidecar, found as `attachSidecar` finds it.
   */
  command?: readonly string[];
  /** As in the settings file. They are passed to the sidecar in its environment. */
  settings?: Settings;
  /** Added to the environment that the sidecar inherits from this process; undefined removes a variable. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  limits?: Limits;
  /** Called with the sidecar before it is started; see `electron-backend-sidecar/opentelemetry` and `/sentry`. */
  observers?: readonly Observer[];
  /** The `hint` of the error if the program cannot be started. */
  startHint?: string;
}

/** Listens to a sidecar; may return a function that stops it. */
export type Observer = (sidecar: Sidecar) => (() => void) | void;

export interface CallOptions {
  /** Cancels the call: it rejects with `CANCELLED` at once, and the sidecar is notified. */
  signal?: AbortSignal;
  /** Milliseconds after which the call rejects with `TIMEOUT`. Default: no limit. */
  timeout?: number;
}

export interface CloseResult {
  /** The sidecar's exit status; null if it was killed or not running. */
  code: number | null;
  /** Why the shutdown was not clean, e.g. part of the backend's tree could not be stopped (exit status 75). */
  error: SidecarError | null;
}

/** The events of `on` in addition to those of the protocol. */
export interface SidecarEvents {
  /** The sidecar exited unexpectedly; a new one is being started. */
  "sidecar:exited": SidecarError;
  /** The new sidecar is ready. */
  "sidecar:restarted": Hello;
  /** The sidecar failed for good: it exited too often, or a restart would fail in the same way. */
  "sidecar:failed": SidecarError;
  /** What the sidecar writes to stderr. */
  "sidecar:stderr": string;
}

/** Every event that `on` takes. */
export type EventName = keyof Events | keyof SidecarEvents;
type Payload<Name extends EventName> = Name extends keyof Events ? Events[Name] : Name extends keyof SidecarEvents ? SidecarEvents[Name] : never;

/** A connection to a sidecar, which continues when the sidecar's process is replaced. */
export class Sidecar {
  /** Starts a sidecar without waiting for it; `connect` waits. */
  constructor(options: ConnectOptions);
  /** The current process's hello message; null while none is running. */
  readonly hello: Hello | null;
  /** Resolves when the sidecar has sent hello; rejects if it failed for good. */
  whenReady(): Promise<void>;
  /** Resolves when the sidecar answers calls; rejects if it failed for good, e.g. because the settings are wrong. */
  whenServing(): Promise<void>;
  /** Rejects with a `SidecarError`. */
  invoke<Name extends keyof Channels>(channel: Name, ...args: Channels[Name]["args"]): Promise<Channels[Name]["result"]>;
  /** Like `invoke`, with a timeout and cancellation. */
  call<Name extends keyof Channels>(channel: Name, args?: Channels[Name]["args"], options?: CallOptions): Promise<Channels[Name]["result"]>;
  /** Listens to an event; returns a function that stops it. Listening subscribes to opt-in events (`backend:log`, `backend:resourceUpdate`). */
  on<Name extends EventName>(channel: Name, callback: (payload: Payload<Name>) => void): () => void;
  /** Reports that the machine is about to sleep, or has woken up. */
  power(what: "suspend" | "resume"): void;
  /** Stops the backend, then the sidecar. Never rejects; repeated calls return the same result. */
  close(options?: { timeout?: number }): Promise<CloseResult>;
  /** Ends sidecar and backend within 2 s, if you have no time to wait. */
  abandon(): void;
  /** Starts a sidecar again after `close` or `abandon`, once that has finished. */
  reopen(): Promise<void>;
}

/** Starts a sidecar and waits until it answers calls. Rejects with a `SidecarError`. */
export function connect(options: ConnectOptions): Promise<Sidecar>;
