import preload from "./preload.js";

export const { createBackendApi, expose } = preload;
