export * from "./preload.js";
