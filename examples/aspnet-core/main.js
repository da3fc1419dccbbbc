const path = require("node:path");
const { app, BrowserWindow, ipcMain, dialog, powerMonitor, autoUpdater } = require("electron");
const { attachSidecar, preloadPath } = require("electron-backend-sidecar/main");

// In development `dotnet run`, unless the backend was published; packaged, the published program.
const name = process.platform === "win32" ? "Backend.exe" : "Backend";
const folder = app.isPackaged ? path.join(process.resourcesPath ?? "", "backend") : path.join(__dirname, "backend", "publish");
const backend = { executable: path.join(folder, name), project: path.join(__dirname, "backend", "Backend.csproj") };
const settings = { profile: "aspnet", backend: { shutdown_path: "/shutdown" } };

const attaching = attachSidecar({ app, ipcMain, BrowserWindow, dialog, powerMonitor, autoUpdater, backend, settings });
app.on("window-all-closed", () => app.quit());
app.whenReady().then(async () => {
  await attaching;
  const window = new BrowserWindow({ webPreferences: { preload: preloadPath() } });
  await window.loadFile(path.join(__dirname, "index.html"));
});
