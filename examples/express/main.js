const path = require("node:path");
const { app, BrowserWindow, ipcMain, dialog, powerMonitor, autoUpdater } = require("electron");
const { attachSidecar, preloadPath } = require("electron-backend-sidecar/main");

// Electron's own program runs the backend as Node: users need no Node.
const settings = {
  backend: {
    command: [process.execPath, path.join(__dirname, "backend.js")],
    cwd: app.isPackaged ? process.resourcesPath : __dirname,
    env: { ELECTRON_RUN_AS_NODE: "1" },
    live_path: "/health",
    stdin: "open", // on Windows Electron's program has no console for Ctrl+C: the end of stdin asks the backend to exit
  },
};

const attaching = attachSidecar({ app, ipcMain, BrowserWindow, dialog, powerMonitor, autoUpdater, settings });
app.on("window-all-closed", () => app.quit());
app.whenReady().then(async () => {
  await attaching;
  const window = new BrowserWindow({ webPreferences: { preload: preloadPath() } });
  await window.loadFile(path.join(__dirname, "index.html"));
});
