import type { DesktopBridge, ElectronApi } from "./preload";

declare global {
  interface Window {
    electron: ElectronApi;
    aura: ElectronApi;
    desktopBridge: DesktopBridge;
  }
}

export {};
