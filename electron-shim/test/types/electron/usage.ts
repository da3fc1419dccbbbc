// Electron's own types fit what this package asks for. Compiled where Electron is installed: `tsc -p test/types/electron`.
import { app, autoUpdater, BrowserWindow, contextBridge, dialog, ipcMain, ipcRenderer, powerMonitor } from "electron";
import { attachSidecar } from "electron-backend-sidecar/main";
import { createBackendApi, expose } from "electron-backend-sidecar/preload";

export async function main(): Promise<string | null> {
  const attached = await attachSidecar({ app, ipcMain, BrowserWindow, dialog, powerMonitor, autoUpdater });
  return attached.bootstrap().backend.baseUrl;
}

export function preload(): void {
  const { desktopBridge, ...electron } = createBackendApi(ipcRenderer);
  contextBridge.exposeInMainWorld("electron", electron);
  contextBridge.exposeInMainWorld("desktopBridge", desktopBridge);
}

export function preloadAlone(): void {
  expose(contextBridge, ipcRenderer);
}
