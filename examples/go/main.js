const path = require("node:path");
const { app, BrowserWindow, ipcMain, dialog, powerMonitor, autoUpdater } = require("electron");
const { attachSidecar, preloadPath } = require("electron-backend-sidecar/main");

// In development the program that `go build` put into backend/out; packaged, the same program in the resources.
const name = process.platform === "win32" ? "backend.exe" : "backend";
const folder = app.isPackaged ? path.join(process.resourcesPath ?? "", "backend") : path.join(__dirname, "backend", "out");
const settings = {
  backend: { command: [path.join(folder, name), "--port", "{port}"], live_path: "/health" },
};

const attaching = attachSidecar({ app, ipcMain, BrowserWindow, dialog, powerMonitor, autoUpdater, settings });
app.on("window-all-closed", () => app.quit());
app.whenReady().then(async () => {
  await attaching;
  const window = new BrowserWindow({ webPreferences: { preload: preloadPath() } });
  await window.loadFile(path.join(__dirname, "index.html"));
});
