// The page of `sidecar dashboard` as a window of this app; it uses the app's own sidecar.
"use strict";

const path = require("node:path");
const { app, BrowserWindow } = require("electron");

// Its files come with the Python package; electron-builder puts them into the resources (see package.json).
const PAGE = app.isPackaged
  ? path.join(/** @type {{resourcesPath?: string}} */ (process).resourcesPath ?? "", "dashboard")
  : path.join(__dirname, "..", "..", "sidecar", "dashboard", "page");

function openDashboard() {
  const window = new BrowserWindow({
    width: 1280,
    height: 900,
    // The page uses `window.electron` instead of a WebSocket if it is there.
    webPreferences: { preload: require.resolve("electron-backend-sidecar/preload.standalone.js"), contextIsolation: true, sandbox: true },
  });
  return window.loadFile(path.join(PAGE, "index.html"));
}

module.exports = { openDashboard };
