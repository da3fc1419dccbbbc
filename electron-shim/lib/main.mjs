import main from "./main.js";

export const { attachSidecar, preloadPath, SidecarError } = main;
