import type { DesktopBridge, ElectronApi } from "./preload";

/** What this package's preload adds to a page's `window`. */
export interface SidecarWindow {
  readonly electron: ElectronApi;
  readonly desktopBridge: DesktopBridge;
}

declare global {
  // Inherited: an app that declares its own `electron` in `Window` overrides this one. Its type must then include it, as in
  // `electron: MyApi & SidecarWindow["electron"]`.
  interface Window extends SidecarWindow {}
}
