const path = require("node:path");
const { app, BrowserWindow, ipcMain, dialog, powerMonitor, autoUpdater } = require("electron");
const { attachSidecar, preloadPath } = require("electron-backend-sidecar/main");

// In development this folder's virtual environment; packaged, the program that PyInstaller built.
const windows = process.platform === "win32";
const python = path.join(__dirname, ".venv", ...(windows ? ["Scripts", "python.exe"] : ["bin", "python"]));
const packed = path.join(process.resourcesPath ?? "", "backend", windows ? "backend.exe" : "backend");
const settings = {
  backend: {
    command: [...(app.isPackaged ? [packed] : [python, path.join(__dirname, "backend.py")]), "--port", "{port}"],
    live_path: "/health",
  },
};

const attaching = attachSidecar({ app, ipcMain, BrowserWindow, dialog, powerMonitor, autoUpdater, settings });
app.on("window-all-closed", () => app.quit());
app.whenReady().then(async () => {
  await attaching;
  const window = new BrowserWindow({ webPreferences: { preload: preloadPath() } });
  await window.loadFile(path.join(__dirname, "index.html"));
});
