// An app's own unsandboxed preload that merges the sidecar's objects into its own: three lines are the sidecar's.
"use strict";

const { contextBridge, ipcRenderer } = require("electron");
const { createBackendApi } = require("electron-backend-sidecar/preload");

const { desktopBridge, ...backendApi } = createBackendApi(ipcRenderer);
const electron = { ...backendApi, menu: { name: () => "the app's own" } };
contextBridge.exposeInMainWorld("electron", electron);
contextBridge.exposeInMainWorld("acme", electron); // an app's own second name
contextBridge.exposeInMainWorld("desktopBridge", desktopBridge);
