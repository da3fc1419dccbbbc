// The parts of Electron's modules that this package uses. Electron's own types (`electron.d.ts`) are assignable to them, and so
// are test doubles; test/types/electron.ts checks it. An app need not install Electron's types.
import type { Bootstrap, Crash, Hello } from "./protocol";
import type { FatalReport } from "./main";

/** An event whose default can be prevented; `defaultPrevented` shows whether another listener did. */
export interface PreventableEvent {
  preventDefault(): void;
  readonly defaultPrevented: boolean;
}

/** A frame of a page: `WebFrameMain`. */
export interface FrameLike {
  readonly url: string;
  /** Electron 17 and later. */
  readonly origin?: string;
  /** Null for the page's main frame. */
  readonly parent?: object | null;
}

/** `webContents`. */
export interface ContentsLike {
  readonly mainFrame: FrameLike;
  /** `window`, `browserView`, `webview`, … */
  getType?(): string;
  getURL(): string;
  isDestroyed(): boolean;
  isCrashed(): boolean;
  send(channel: string, payload: object): void;
  once(event: "destroyed", listener: () => void): unknown;
  on(event: "will-prevent-unload", listener: (event: PreventableEvent) => void): unknown;
}

/** A `BrowserWindow`. */
export interface WindowLike {
  readonly webContents: ContentsLike;
  isDestroyed(): boolean;
  on(event: "close" | "query-session-end" | "session-end", listener: (event: PreventableEvent) => void): unknown;
  /** These three exist only on Windows. */
  hookWindowMessage?(message: number, callback: (wParam: Uint8Array) => void): void;
  unhookWindowMessage?(message: number): void;
  isWindowMessageHooked?(message: number): boolean;
}

/** The class `BrowserWindow`. */
export interface BrowserWindowLike {
  getAllWindows(): WindowLike[];
  fromWebContents(contents: ContentsLike): WindowLike | null;
}

/** `app`. */
export interface AppLike {
  readonly isPackaged: boolean;
  getVersion(): string;
  getAppPath?(): string;
  getPath(name: "userData" | "temp" | "logs"): string;
  whenReady(): Promise<void>;
  quit(): void;
  on(event: "before-quit" | "will-quit", listener: (event: PreventableEvent) => void): unknown;
  on(event: "browser-window-created", listener: (event: object, window: WindowLike) => void): unknown;
  emit(event: "backend-crash", report: Crash | FatalReport): boolean;
  emit(event: "sidecar-restarted", hello: Hello): boolean;
}

/** An event of `ipcMain`. */
export interface SenderEvent {
  readonly sender: ContentsLike;
  /** Null once the frame has navigated or is gone (Electron 35 and later). */
  readonly senderFrame: FrameLike | null;
}

/** `ipcMain`. */
export interface IpcMainLike {
  handle(channel: string, listener: (event: SenderEvent, ...args: unknown[]) => Promise<unknown>): void;
  handleOnce?(channel: string, listener: (event: SenderEvent, ...args: unknown[]) => Promise<unknown>): void;
  removeHandler(channel: string): void;
  listenerCount(channel: string): number;
  on(channel: string, listener: (event: SenderEvent & { returnValue: Bootstrap | null }, ...args: unknown[]) => void): unknown;
}

export interface MessageBox {
  type: "error" | "question";
  title: string;
  message: string;
  detail: string;
  buttons: string[];
  defaultId?: number;
  cancelId?: number;
  noLink: boolean;
}

/** `dialog`. */
export interface DialogLike {
  showMessageBox(window: object, options: MessageBox): Promise<{ response: number }>;
  showMessageBox(options: MessageBox): Promise<{ response: number }>;
}

/** `powerMonitor`. */
export interface PowerMonitorLike {
  on(event: "suspend" | "resume", listener: () => void): unknown;
}

/** Electron's `autoUpdater`, or that of `electron-updater`, which calls `app.quit()`, so the usual delay of a quit applies. */
export type AutoUpdaterLike =
  | { on(event: "before-quit-for-update", listener: () => void): unknown }
  | { quitAndInstall(isSilent?: boolean, isForceRunAfter?: boolean): void };
