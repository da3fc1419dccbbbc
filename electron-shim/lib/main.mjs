import main from "./main.js";

export const { attachSidecar, SidecarError } = main;
