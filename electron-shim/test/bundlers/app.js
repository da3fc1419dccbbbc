// An app that bundles this package: its source, its folder, and the result of a start.
"use strict";

const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const SHIM = path.join(__dirname, "..", "..");
const FAKE = path.join(SHIM, "test", "support", "fake-sidecar.js");
const KIND = `${process.platform}-${process.arch}`;

// What an app does at startup, with the parts of Electron that it needs: Electron itself cannot be installed everywhere.
const MAIN = `
import { EventEmitter } from "node:events";
import { attachSidecar, preloadPath } from "electron-backend-sidecar/main";
import { createBackendApi } from "electron-backend-sidecar/preload";

const app = Object.assign(new EventEmitter(), {
  isPackaged: process.env.PACKAGED === "1",
  getVersion: () => "1.0.0",
  getAppPath: () => process.env.APP_PATH,
  getPath: () => process.env.APP_PATH,
  whenReady: async () => {},
  quit() {},
});
const ipcMain = Object.assign(new EventEmitter(), { handle() {}, removeHandler() {} });
const BrowserWindow = { getAllWindows: () => [], fromWebContents: () => null };
attachSidecar({ app, ipcMain, BrowserWindow, onFatal() {} }).then(async (attached) => {
  console.log(JSON.stringify({ sidecar: attached.sidecar.hello.sidecar, url: attached.backend.getUrl(), preload: preloadPath(), api: typeof createBackendApi }));
  await attached.detach();
}, (error) => console.log(JSON.stringify({ error: String(error), hint: error.hint })));
`;

/**
 * Creates a project with the packed package in its node_modules, and the platform's package with a stand-in for the sidecar.
 *
 * @param {import("node:test").TestContext} t
 */
function makeProject(t) {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "bundled größe ")));
  t.after(() => fs.rmSync(root, { recursive: true, force: true }));
  const project = path.join(root, "project");
  const modules = path.join(project, "node_modules");
  fs.mkdirSync(path.join(project, "src"), { recursive: true });
  fs.mkdirSync(modules);
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const [{ filename }] = JSON.parse(
    execFileSync(npm, ["pack", "--json", "--silent", SHIM, "--pack-destination", root], {
      encoding: "utf8",
      shell: process.platform === "win32",
    }),
  );
  execFileSync("tar", ["-xzf", path.join(root, filename), "-C", root]);
  fs.renameSync(path.join(root, "package"), path.join(modules, "electron-backend-sidecar"));
  fs.cpSync(path.join(SHIM, "node_modules", "msgpackr"), path.join(modules, "msgpackr"), { recursive: true });
  const folder = path.join(modules, `electron-backend-sidecar-${KIND}`, "sidecar");
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, "sidecar"), `#!/bin/sh\nexec "${process.execPath}" "${FAKE}" echo "$@"\n`, { mode: 0o755 });
  fs.writeFileSync(
    path.join(project, "package.json"),
    JSON.stringify({
      name: "app",
      version: "1.0.0",
      private: true,
      main: "dist/main.js",
      dependencies: { "electron-backend-sidecar": "*" },
    }),
  );
  fs.writeFileSync(path.join(project, "src", "main.js"), MAIN);
  return { root, project };
}

/**
 * Runs a bundled main process and returns what it printed.
 *
 * @param {string} file
 * @param {string} appPath
 * @param {boolean} packaged
 */
function start(file, appPath, packaged) {
  const text = execFileSync(process.execPath, [file], {
    cwd: os.tmpdir(),
    encoding: "utf8",
    env: { ...process.env, APP_PATH: appPath, PACKAGED: packaged ? "1" : "0" },
    timeout: 180_000,
  });
  return JSON.parse(text.trim().split("\n").at(-1) ?? "");
}

/**
 * Creates the app as it is shipped: the bundle, the preload copied next to it, and the platform's package. Removes the project,
 * so that nothing can be found where it was built.
 *
 * @param {{root: string, project: string}} made
 * @param {string} dist the folder of the bundle
 */
function ship({ root, project }, dist) {
  const shipped = path.join(root, "resources", "app");
  fs.cpSync(dist, path.join(shipped, "dist"), { recursive: true });
  fs.copyFileSync(
    path.join(project, "node_modules", "electron-backend-sidecar", "preload.standalone.js"),
    path.join(shipped, "dist", "preload.standalone.js"),
  );
  const name = path.join("node_modules", `electron-backend-sidecar-${KIND}`);
  fs.cpSync(path.join(project, name), path.join(shipped, name), { recursive: true });
  fs.copyFileSync(path.join(project, "package.json"), path.join(shipped, "package.json"));
  fs.rmSync(project, { recursive: true });
  return shipped;
}

module.exports = { KIND, SHIM, makeProject, ship, start };
