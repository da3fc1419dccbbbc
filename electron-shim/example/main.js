"use strict";

const path = require("node:path");
const { app, BrowserWindow, ipcMain, dialog, powerMonitor, autoUpdater } = require("electron");
const { attachSidecar } = require("electron-backend-sidecar/main");

// While developing, the sidecar is the Python package and the backend a script; packaged, both are in the resources.
const development = app.isPackaged
  ? {}
  : { settings: { profile: "generic", backend: { command: [process.env.PYTHON ?? "python3", path.join(__dirname, "backend.py"), "{port}"], version_path: "/version", live_path: "/live" } } };

function createWindow() {
  const window = new BrowserWindow({
    width: 900,
    height: 720,
    // The page may be sandboxed: this preload is one file and requires nothing but Electron.
    webPreferences: { preload: require.resolve("electron-backend-sidecar/preload.standalone.js"), contextIsolation: true, sandbox: true },
  });
  return window.loadFile(path.join(__dirname, "index.html"));
}

app.on("window-all-closed", () => app.quit());
app.on("sidecar-restarted", () => console.log("the sidecar was replaced"));

app.whenReady().then(async () => {
  const { sidecar } = await attachSidecar({ app, ipcMain, BrowserWindow, dialog, powerMonitor, autoUpdater, ...development });
  console.log("sidecar", sidecar.hello?.sidecar);
  await createWindow();
});
