"use strict";

const path = require("node:path");
const { app, BrowserWindow, ipcMain, dialog, powerMonitor, autoUpdater } = require("electron");
const { attachSidecar } = require("electron-backend-sidecar/main");
const { openDashboard } = require("./dashboard.js");

// The backend is a script: in development next to this file, packaged in the resources. An executable would be given as
// `backend: { executable }`, or found by the profile.
const folder = app.isPackaged ? path.join(/** @type {{resourcesPath?: string}} */ (process).resourcesPath ?? "", "backend") : __dirname;
/** @type {import("../types/index").Settings} */
const settings = {
  backend: {
    command: [process.env.PYTHON ?? "python3", path.join(folder, "backend.py"), "{port}"],
    version_path: "/version",
    live_path: "/live",
  },
};

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
  const { sidecar } = await attachSidecar({ app, ipcMain, BrowserWindow, dialog, powerMonitor, autoUpdater, settings });
  console.log("sidecar", sidecar.hello?.sidecar);
  await createWindow();
  if (process.argv.includes("--dashboard")) await openDashboard();
});
