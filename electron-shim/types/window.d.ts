import type { DesktopBridge, ElectronApi } from "./preload";

/** What this package's preload adds to a page's `window`. */
export interface SidecarWindow {
  readonly electron: ElectronApi;
  readonly desktopBridge: DesktopBridge;
}

declare global {
  // Inherited, not declared: an app that declares its own `electron` in `Window` overrides this one, and its type has to
  // have what the backend's has, e.g. `electron: MyApi & SidecarWindow["electron"]`.
  interface Window extends SidecarWindow {}
}
