import { SidecarError, type Limits, type Sidecar } from "./client";
import type { AppLike, AutoUpdaterLike, BrowserWindowLike, DialogLike, IpcMainLike, PowerMonitorLike } from "./electron";
import type { Bootstrap, Crash, Settings } from "./protocol";

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
  /** An ASP.NET project, run with `dotnet run` where the app is not packaged (or has `--dev`) and there is no executable. */
  project?: string;
}

/** Modules of Electron and what to run. */
export interface AttachOptions {
  app: AppLike;
  ipcMain: IpcMainLike;
  BrowserWindow: BrowserWindowLike;
  /** Asks before elevation, and tells of the end; without it no page can ask for elevation, and `onFatal` should be there. */
  dialog?: DialogLike;
  /** Suspend and resume; without it the sidecar guesses them from late ticks. */
  powerMonitor?: PowerMonitorLike;
  /** Its `before-quit-for-update` stops the backend first. */
  autoUpdater?: AutoUpdaterLike;
  /** The sidecar's program and first arguments; outranks every other way to name it. */
  command?: readonly string[];
  /**
   * The folder of the packed sidecar, or its program. Default: what the variable `ELECTRON_SIDECAR_FOLDER` names, else `sidecar`
   * in the app's resources, each with `sidecar[.exe]` directly inside or in a folder `PLATFORM-ARCH` (`win32-x64`, `darwin-arm64`,
   * …, as `process.platform` and `process.arch`). Where there is none and the app is not packaged: `python -m sidecar`.
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
  /** Replaces the error box and the quit. */
  onFatal?: (report: FatalReport) => void;
  /** What the sidecar writes to its stderr. */
  onLog?: (text: string) => void;
}

export interface AttachedSidecar {
  /** For the main process itself: `await attached.sidecar.invoke("backend:status")`; its errors bear their codes. */
  sidecar: Sidecar;
  /** As a page that is made now would read it. */
  bootstrap(): Bootstrap;
  /** Stops the backend and the sidecar, as a quit does; harmless when repeated. */
  close(): Promise<void>;
}

/**
 * Registers every handler at once, starts the sidecar, and resolves when the backend's address is known, so that windows
 * made after it have one. Call it before you make windows. Rejects with a `SidecarError` when the sidecar itself cannot
 * be started, after the error box (or `onFatal`).
 *
 * `app` emits `backend-crash` (a crash summary) when the backend is given up and `sidecar-restarted` when a dead or hung
 * sidecar was replaced.
 */
export function attachSidecar(options: AttachOptions): Promise<AttachedSidecar>;
export { SidecarError };
