import type { Channels, ErrorCode, Events, Hello, Json, Settings } from "./protocol";

/** What an argument may be made of; everything else is refused by name and place. */
export type Sendable = null | undefined | boolean | number | string | Date | Uint8Array | readonly Sendable[] | { readonly [key: string]: Sendable };

/** Codes of the shim's own; the sidecar itself sends `ErrorCode`. */
export type ShimErrorCode =
  | "SIDECAR_NOT_STARTED"
  | "SIDECAR_HELLO_TIMEOUT"
  | "SIDECAR_PROTOCOL"
  | "SIDECAR_EXITED"
  | "SIDECAR_HUNG"
  | "TIMEOUT"
  | "CLOSED";

/** A failed call, or the end of the sidecar. `message` names the cause, `hint` the remedy. */
export class SidecarError extends Error {
  constructor(
    code: ErrorCode | ShimErrorCode | (string & {}),
    message: string,
    more?: { hint?: string | undefined; data?: { [key: string]: Json } | null | undefined; cause?: unknown; channel?: string | undefined },
  );
  readonly code: ErrorCode | ShimErrorCode | (string & {});
  hint: string | null;
  /** Facts for programs, of the shape that the protocol page gives for the code. */
  data: { [key: string]: Json } | null;
  channel: string | null;
}

/** Milliseconds, but for the counts. */
export interface Limits {
  /** How long a started sidecar may be silent (10 000). */
  helloTimeout?: number;
  /** How long `close`, and with it a quit, waits for the end before it kills (30 000; the sidecar's own ladder may take 27 000). */
  closeTimeout?: number;
  /** A sign of life is asked for this often (5 000); after `pingMisses` (3) without one the sidecar is ended. */
  pingInterval?: number;
  pingMisses?: number;
  /** A dead sidecar is started again so often (3) within `restartWindow` (600 000); every start but the first waits `restartDelay` (1 000). */
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
  /** As in the settings file; they reach the sidecar through its environment. */
  settings?: Settings;
  /** Added to the sidecar's environment, which is otherwise this process's own. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  limits?: Limits;
  /** Called with the sidecar before it is started, so that they miss nothing; see `electron-backend-sidecar/opentelemetry` and `/sentry`. */
  observers?: readonly Observer[];
  /** The `hint` of the error when the program cannot be started; default: what is wrong with a packed sidecar's folder. */
  startHint?: string;
}

/** Listens to a sidecar; the function that it may give back ends that. */
export type Observer = (sidecar: Sidecar) => (() => void) | void;

export interface CallOptions {
  /** Cancels the call: it rejects with `CANCELLED` at once, and the sidecar is notified. */
  signal?: AbortSignal;
  /** Milliseconds, after which the call rejects with `TIMEOUT`; without it a call waits as long as the sidecar lives. */
  timeout?: number;
}

export interface CloseResult {
  /** The sidecar's exit status; null when it had to be killed or was not there. */
  code: number | null;
  /** Why the end was not clean, e.g. the backend's tree could not be stopped (exit status 75). */
  error: SidecarError | null;
}

/** What `on` takes beside the events of the protocol. */
export interface SidecarEvents {
  /** The sidecar died; another is being started. */
  "sidecar:exited": SidecarError;
  /** Another one is there, and answers. */
  "sidecar:restarted": Hello;
  /** It died too often, or in a way that another start would repeat: there will be none any more. */
  "sidecar:failed": SidecarError;
  /** What the sidecar writes to its stderr. */
  "sidecar:stderr": string;
}

/** Every event that `on` takes. */
export type EventName = keyof Events | keyof SidecarEvents;
type Payload<Name extends EventName> = Name extends keyof Events ? Events[Name] : Name extends keyof SidecarEvents ? SidecarEvents[Name] : never;

/** A sidecar, through all the processes that it is in the course of time. */
export class Sidecar {
  /** Starts it without waiting; `connect` also waits. */
  constructor(options: ConnectOptions);
  /** The hello of the current process; null while none runs. */
  readonly hello: Hello | null;
  /** Resolves when a sidecar has said hello; rejects when none will. */
  whenReady(): Promise<void>;
  /** Resolves when a sidecar answers calls; rejects when none will, as with settings that it refuses. */
  whenServing(): Promise<void>;
  /** Rejects with a `SidecarError`. */
  invoke<Name extends keyof Channels>(channel: Name, ...args: Channels[Name]["args"]): Promise<Channels[Name]["result"]>;
  /** As `invoke`, with limits. */
  call<Name extends keyof Channels>(channel: Name, args?: Channels[Name]["args"], options?: CallOptions): Promise<Channels[Name]["result"]>;
  /** Events that come only when asked for (`backend:log`, `backend:resourceUpdate`) are asked for by listening. */
  on<Name extends EventName>(channel: Name, callback: (payload: Payload<Name>) => void): () => void;
  /** The machine is about to sleep, or woke up. */
  power(what: "suspend" | "resume"): void;
  /** Stops the backend, then the sidecar. Never rejects; repeated calls share the outcome. */
  close(options?: { timeout?: number }): Promise<CloseResult>;
  /** The short path when you have no time to wait: the sidecar sees its owner leave and ends everything within 2 s. */
  abandon(): void;
  /** Takes a `close` or an `abandon` back: when that is done, a sidecar is started again. */
  reopen(): Promise<void>;
}

/** Starts a sidecar and waits until it answers calls. Rejects with a `SidecarError` that says what went wrong. */
export function connect(options: ConnectOptions): Promise<Sidecar>;
