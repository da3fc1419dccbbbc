import type { Body, Bootstrap, BootstrapEnvironment, BootstrapOs, BootstrapPaths, BootstrapBackend, Channels, Events, HealthResult, Json } from "./protocol";
import type { BackendMethods, PageChannel, PageEvent, Unsubscribe } from "./renderer";

/** The last call of this page that failed: Electron itself carries only the text of an error. */
export interface LastError {
  channel: string;
  code: string;
  message: string;
  hint: string | null;
  data: { [key: string]: Json } | null;
}

/** `window.electron.backend`. */
export interface BackendApi extends Omit<BackendMethods, "getUrl"> {
  /** The address from the bootstrap, else asked for; null while it is not known. */
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
  /** As it was when the page was made; the methods give what is now. */
  backend: BootstrapBackend & { getUrl(): string | null };
  environment: BootstrapEnvironment;
  os: BootstrapOs;
  paths: BootstrapPaths;
  onBackendHealthUpdate(callback: (payload: HealthResult) => void): Unsubscribe;
  onBackendProviderUpdate(callback: (payload: Body<"providerStatus">) => void): Unsubscribe;
}

/** `window.electron` of an app without its own preload; one with a preload merges this into its own object. */
export interface ElectronApi {
  backend: BackendApi;
  runtime: RuntimeApi;
  /** Listed channels only. */
  invoke<Name extends PageChannel>(channel: Name, ...args: Channels[Name]["args"]): Promise<Channels[Name]["result"]>;
  /** Listed events only; the callback gets the payload alone. */
  on<Name extends PageEvent>(channel: Name, callback: (payload: Events[Name]) => void): Unsubscribe;
  once<Name extends PageEvent>(channel: Name, callback: (payload: Events[Name]) => void): Unsubscribe;
}

/** What this needs of Electron's `ipcRenderer`. */
export interface IpcRendererLike {
  invoke(channel: string, ...args: unknown[]): Promise<unknown>;
  sendSync(channel: string): unknown;
  send(channel: string, name: string): void;
  on(channel: string, listener: (event: object, payload: unknown) => void): unknown;
}

/** What this needs of Electron's `contextBridge`. */
export interface ContextBridgeLike {
  exposeInMainWorld(key: string, api: object): void;
}

/** Makes the objects and exposes nothing: put them into the objects that your own preload exposes. */
export function createBackendApi(ipcRenderer: IpcRendererLike): ElectronApi & { desktopBridge: DesktopBridge };

/**
 * Exposes `electron` and `desktopBridge`; for preloads that expose nothing else. `aliases` are further names of `electron`,
 * e.g. `["acme"]`. Default: those of `webPreferences.additionalArguments`, e.g. `--electron-backend-sidecar-alias=acme`.
 */
export function expose(contextBridge: ContextBridgeLike, ipcRenderer: IpcRendererLike, options?: { aliases?: readonly string[] }): void;
