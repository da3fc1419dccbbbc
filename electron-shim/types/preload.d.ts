import type { Body, Bootstrap, BootstrapEnvironment, BootstrapOs, BootstrapPaths, BootstrapBackend, Channels, Events, HealthResult, Json } from "./protocol";
import type { BackendMethods, PageChannel, PageEvent, Unsubscribe } from "./renderer";

/** This page's last failed call. Electron passes only an error's text to a page; this has the rest. */
export interface LastError {
  channel: string;
  code: string;
  message: string;
  hint: string | null;
  data: { [key: string]: Json } | null;
}

/** `window.electron.backend`. */
export interface BackendApi extends Omit<BackendMethods, "getUrl"> {
  /** The address from the bootstrap; if it is not there, from the sidecar. Null while it is unknown. */
  getBaseUrl(): Promise<string | null>;
  getUrl(): Promise<string | null>;
  lastError(): Promise<LastError | null>;
}

/** `window.electron.runtime`. */
export interface RuntimeApi {
  getDiagnostics(): Promise<Bootstrap>;
  refresh(): Promise<Bootstrap>;
  getCachedDiagnostics(): Bootstrap;
  onBackendHealthUpdate(callback: (payload: HealthResult) => void): Unsubscribe;
  onBackendProviderUpdate(callback: (payload: Body<"providerStatus">) => void): Unsubscribe;
}

/** `window.desktopBridge`. */
export interface DesktopBridge {
  getBackendBaseUrl(): string | null;
  /** `production` or `development`, unless the app set another `settings.app.mode`. */
  getAppEnvironment(): string;
  getCachedDiagnostics(): Bootstrap;
  getDiagnosticInfo(): Promise<Bootstrap>;
  /** The values when the page was created; `getUrl()` returns the current address. */
  backend: BootstrapBackend & { getUrl(): string | null };
  environment: BootstrapEnvironment;
  os: BootstrapOs;
  paths: BootstrapPaths;
  onBackendHealthUpdate(callback: (payload: HealthResult) => void): Unsubscribe;
  onBackendProviderUpdate(callback: (payload: Body<"providerStatus">) => void): Unsubscribe;
}

/** `window.electron` in an app without its own preload; an app with one merges this into its own object. */
export interface ElectronApi {
  backend: BackendApi;
  runtime: RuntimeApi;
  /** Only the listed channels. */
  invoke<Name extends PageChannel>(channel: Name, ...args: Channels[Name]["args"]): Promise<Channels[Name]["result"]>;
  /** Only the listed events; the callback gets the payload. */
  on<Name extends PageEvent>(channel: Name, callback: (payload: Events[Name]) => void): Unsubscribe;
  once<Name extends PageEvent>(channel: Name, callback: (payload: Events[Name]) => void): Unsubscribe;
}

/** The part of Electron's `ipcRenderer` that is used. */
export interface IpcRendererLike {
  invoke(channel: string, ...args: unknown[]): Promise<unknown>;
  sendSync(channel: string): unknown;
  send(channel: string, name: string): void;
  on(channel: string, listener: (event: object, payload: unknown) => void): unknown;
}

/** The part of Electron's `contextBridge` that is used. */
export interface ContextBridgeLike {
  exposeInMainWorld(key: string, api: object): void;
}

/** Creates the objects without exposing them; merge them into what your own preload exposes. */
export function createBackendApi(ipcRenderer: IpcRendererLike): ElectronApi & { desktopBridge: DesktopBridge };

/**
 * Exposes `electron` and `desktopBridge`, for a preload that exposes nothing else. `aliases` are additional names for `electron`,
 * e.g. `["acme"]`. Default: those of `webPreferences.additionalArguments`, e.g. `--electron-backend-sidecar-alias=acme`.
 */
export function expose(contextBridge: ContextBridgeLike, ipcRenderer: IpcRendererLike, options?: { aliases?: readonly string[] }): void;
