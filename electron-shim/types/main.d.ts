import { SidecarError, type Limits, type Observer, type Sidecar } from "./client";
import type { AppLike, AutoUpdaterLike, BrowserWindowLike, DialogLike, IpcMainLike, PowerMonitorLike } from "./electron";
import type { Bootstrap, Channels, Crash, Hello, Settings, StateChanged } from "./protocol";

/** Why the backend, or the sidecar, failed for good. */
export interface FatalReport {
  code: string;
  message: string;
  cause: string | null;
  remedy: string | null;
  /** The logs folder. */
  logs: string;
  /** The backend's last crash; null if no crash is the reason. */
  crash: Crash | null;
}

/** The argument of `backend-crash`: both kinds have `message`, `cause`, `remedy` and `logs`. */
export type BackendCrash = FatalReport | (Crash & Pick<FatalReport, "message" | "logs">);

/** What to run: the executable in a packaged app, the project during development. */
export interface BackendLaunch {
  /** The path of the executable. Default: the one that the sidecar's profile finds. */
  executable?: string;
  args?: readonly string[];
  /** An ASP.NET Core project, run with `dotnet run` if the app is not packaged (or has `--dev`) and no executable exists. */
  project?: string;
}

/** Electron's modules, and what to run. */
export interface AttachOptions {
  app: AppLike;
  ipcMain: IpcMainLike;
  BrowserWindow: BrowserWindowLike;
  /** Shows the question before elevation and the error box. Without it no page can request elevation; then set `onFatal`. */
  dialog?: DialogLike;
  /** Reports suspend and resume. Without it they are guessed from late timers. */
  powerMonitor?: PowerMonitorLike;
  /** With it, the backend is stopped before an update is installed. */
  autoUpdater?: AutoUpdaterLike;
  /** The sidecar's program and first arguments (not the backend's). Overrides `sidecarFolder`. */
  command?: readonly string[];
  /**
   * The folder of the packed sidecar, or its program. Default: the folder in the variable `ELECTRON_SIDECAR_FOLDER` (not in a packaged app), else
   * `sidecar` in the app's resources, each with `sidecar[.exe]` directly inside or in a folder `PLATFORM-ARCH` (`win32-x64`, `darwin-arm64`,
   * …, as `process.platform` and `process.arch`), else the package `electron-backend-sidecar-PLATFORM-ARCH`, which npm
   * installs with this one. If none of these exists and the app is not packaged: the Python package, as `python -m sidecar`.
   */
  sidecarFolder?: string;
  backend?: BackendLaunch;
  settings?: Settings;
  env?: Record<string, string | undefined>;
  limits?: Limits;
  /**
   * Origins whose pages may use the sidecar, e.g. `["app://main"]`. Default: `file://`, the backend's own pages, and any
   * loopback origin while the app is not packaged.
   */
  allowedOrigins?: readonly string[];
  /** Replaces the error box and the quit, as a listener of `backend-crash` on `app` does. */
  onFatal?: (report: FatalReport) => void;
  /** Called with the sidecar before it is started; see `electron-backend-sidecar/opentelemetry` and `/sentry`. */
  observers?: readonly Observer[];
  /** Gets what the sidecar writes to stderr. Default: the app's stderr. */
  onLog?: (text: string) => void;
}

/** The backend's state as last reported by the sidecar, without waiting. */
export interface BackendView {
  readonly state: StateChanged["state"];
  /** Null if not available. */
  readonly pid: number | null;
  /** The address, also while the backend starts or is down; null until one is chosen. */
  getUrl(): string | null;
  getPort(): number | null;
  /** Whether it accepts requests. */
  isRunning(): boolean;
  /** Resolves when the run is ready. */
  start(): Promise<Channels["backend:start"]["result"]>;
  /** Resolves when the whole process tree is gone. */
  stop(): Promise<Channels["backend:stop"]["result"]>;
  /** Resolves when the new run is ready. */
  restart(): Promise<Channels["backend:restart"]["result"]>;
}

export interface AttachedSidecar {
  /** For calls from the main process: `await attached.sidecar.invoke("backend:status")`. Errors have `code` and `hint`. */
  readonly sidecar: Sidecar;
  readonly backend: BackendView;
  /** What a page created now would read. */
  bootstrap(): Bootstrap;
  /** Resolves when the backend is ready; rejects as soon as its start has failed, with its last output. `timeout` is in seconds. */
  waitForReady(options?: { timeout?: number }): Promise<Channels["backend:waitForReady"]["result"]>;
  /** Stops the backend and the sidecar, as a quit does. May be called repeatedly. */
  close(): Promise<void>;
  /** `close()`, then removes everything that `attachSidecar` registered with Electron. You may then call it again. */
  detach(): Promise<void>;
}

/**
 * Registers all handlers, starts the sidecar, and resolves when the backend's address is known; windows created after that can
 * read it. Call it at the top of `main.js`, before the app is ready: sidecar and backend then start while Electron does. Repeated
 * calls return the same promise; after a failure, `close` or `detach`, the next call starts again. Rejects with a `SidecarError` if
 * the sidecar cannot be started or refuses the settings, and with a `TypeError` if an option is wrong or differs from the first call's.
 *
 * `app` emits `backend-crash` (a crash summary with `message` and `logs`, or a `FatalReport` if no crash is the reason) when the backend will not be
 * restarted automatically, and `sidecar-restarted` when a dead or hung sidecar was replaced.
 */
export function attachSidecar(options: AttachOptions): Promise<AttachedSidecar>;

/** The path for `webPreferences.preload` of an app without its own preload. If the file is missing, throws an error that says what to copy. */
export function preloadPath(): string;
export { SidecarError };

type CrashListener = (report: BackendCrash) => void;
type RestartListener = (hello: Hello) => void;

// `app.on("backend-crash", …)` in an app with Electron's types: each method has one overload per event.
declare global {
  namespace Electron {
    interface App {
      on(event: "backend-crash", listener: CrashListener): this;
      on(event: "sidecar-restarted", listener: RestartListener): this;
      once(event: "backend-crash", listener: CrashListener): this;
      once(event: "sidecar-restarted", listener: RestartListener): this;
      addListener(event: "backend-crash", listener: CrashListener): this;
      addListener(event: "sidecar-restarted", listener: RestartListener): this;
      off(event: "backend-crash", listener: CrashListener): this;
      off(event: "sidecar-restarted", listener: RestartListener): this;
      removeListener(event: "backend-crash", listener: CrashListener): this;
      removeListener(event: "sidecar-restarted", listener: RestartListener): this;
    }
  }
}
