import { SidecarError, type Limits, type Observer, type Sidecar } from "./client";
import type { AppLike, AutoUpdaterLike, BrowserWindowLike, DialogLike, IpcMainLike, PowerMonitorLike } from "./electron";
import type { Bootstrap, Channels, Crash, Hello, Settings, StateChanged } from "./protocol";

/** Why the app cannot go on. */
export interface FatalReport {
  code: string;
  message: string;
  cause: string | null;
  remedy: string | null;
  /** Where the logs are. */
  logs: string;
  /** The last crash of the backend, where one is the reason. */
  crash: Crash | null;
}

/** How the backend is run: while developing from its project, in the packaged app from its executable. */
export interface BackendLaunch {
  /** The executable; without one the sidecar's profile looks for it. */
  executable?: string;
  args?: readonly string[];
  /** A project of ASP.NET Core, run with `dotnet run` where the app is not packaged (or has `--dev`) and no executable exists. */
  project?: string;
}

/** Modules of Electron and what to run. */
export interface AttachOptions {
  app: AppLike;
  ipcMain: IpcMainLike;
  BrowserWindow: BrowserWindowLike;
  /** Asks before elevation, and reports the end; without it no page can ask for elevation, and `onFatal` should be there. */
  dialog?: DialogLike;
  /** Suspend and resume; without it the sidecar guesses them from late ticks. */
  powerMonitor?: PowerMonitorLike;
  /** Its `before-quit-for-update` stops the backend first. */
  autoUpdater?: AutoUpdaterLike;
  /** The sidecar's program and first arguments; outranks every other way to name it. */
  command?: readonly string[];
  /**
   * The folder of the packed sidecar, or its program. Default: what the variable `ELECTRON_SIDECAR_FOLDER` names (not in a packaged app), else
   * `sidecar` in the app's resources, each with `sidecar[.exe]` directly inside or in a folder `PLATFORM-ARCH` (`win32-x64`, `darwin-arm64`,
   * …, as `process.platform` and `process.arch`), else the package `electron-backend-sidecar-PLATFORM-ARCH`, which npm
   * installs with this one. If none of these exists and the app is not packaged: `python -P -m sidecar`.
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
  /** What the sidecar writes to its stderr. */
  onLog?: (text: string) => void;
}

/** The backend as code knows it that had a service object: answered at once, from what the sidecar reported last. */
export interface BackendView {
  readonly state: StateChanged["state"];
  /** Null if not available. */
  readonly pid: number | null;
  /** The address, also while the backend starts or is away; null until it is chosen. */
  getUrl(): string | null;
  getPort(): number | null;
  /** Whether it is ready for requests. */
  isRunning(): boolean;
  /** Resolves when the run is ready. */
  start(): Promise<Channels["backend:start"]["result"]>;
  /** Resolves when the whole process tree is gone. */
  stop(): Promise<Channels["backend:stop"]["result"]>;
  /** Resolves when the new run is ready. */
  restart(): Promise<Channels["backend:restart"]["result"]>;
}

export interface AttachedSidecar {
  /** For the main process itself: `await attached.sidecar.invoke("backend:status")`; its errors have codes and hints. */
  readonly sidecar: Sidecar;
  readonly backend: BackendView;
  /** As a page that is made now would read it. */
  bootstrap(): Bootstrap;
  /** Resolves when the backend is ready; rejects as soon as its start has failed, with its last output. */
  waitForReady(options?: { timeout?: number }): Promise<Channels["backend:waitForReady"]["result"]>;
  /** Stops the backend and the sidecar, as a quit does; harmless when repeated. */
  close(): Promise<void>;
  /** `close`, and everything that `attachSidecar` registered with Electron is removed. It may be called again then. */
  detach(): Promise<void>;
}

/**
 * Registers every handler at once, starts the sidecar, and resolves when the backend's address is known, so that windows
 * made after it have one. Call it as early as you like, also before the app is ready: both start while Electron does.
 * Repeated calls give the same promise; after a failure, `close` or `detach` the next call starts again. Rejects with a
 * `SidecarError` when the sidecar cannot be started or refuses the settings, after the error box (or `onFatal`).
 *
 * `app` emits `backend-crash` (a crash summary, or a `FatalReport` where no crash is the reason) when the backend will not
 * come back by itself, and `sidecar-restarted` when a dead or hung sidecar was replaced.
 */
export function attachSidecar(options: AttachOptions): Promise<AttachedSidecar>;

/** The file for `webPreferences.preload` of an app without its own preload. Throws, with what to copy, when it is not there. */
export function preloadPath(): string;
export { SidecarError };

type CrashListener = (report: Crash | FatalReport) => void;
type RestartListener = (hello: Hello) => void;

// `app.on("backend-crash", …)` in an app that has Electron's types: each method once for each of the two events.
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
