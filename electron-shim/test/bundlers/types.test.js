// The types together with those of Electron and its updater, in each of TypeScript's module resolutions; and the package under
// its checkers. `npm run bundlers` first installs them next to this file.
"use strict";

const assert = require("node:assert/strict");
const { execFileSync, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { SHIM, makeProject } = require("./app.js");

const TOOLS = path.join(__dirname, "node_modules");
const skip = fs.existsSync(path.join(TOOLS, "publint")) ? false : "the tools are not installed: npm run bundlers";

const MAIN = `
import { app, autoUpdater, BrowserWindow, dialog, ipcMain, powerMonitor } from "electron";
import { autoUpdater as other } from "electron-updater";
import { attachSidecar, preloadPath, type AttachedSidecar } from "electron-backend-sidecar/main";
import { connect } from "electron-backend-sidecar";
import { openTelemetry } from "electron-backend-sidecar/opentelemetry";
import { sentry } from "electron-backend-sidecar/sentry";

export async function main(): Promise<string | null> {
  const settings = { profile: "generic" as const, backend: { command: ["a"] } };
  const attached: AttachedSidecar = await attachSidecar({ app, ipcMain, BrowserWindow, dialog, powerMonitor, autoUpdater, settings });
  const observers = [openTelemetry({ healthInterval: 0 }), sentry({ sdk: { captureEvent: (event) => event.message } })];
  await attachSidecar({ app, ipcMain, BrowserWindow, autoUpdater: other, observers });
  app.on("backend-crash", ({ message, cause, remedy, logs }) => console.log(message.length, cause?.length, remedy?.length, logs.length));
  app.once("sidecar-restarted", (hello) => console.log(hello.pid + 1));
  app.on("before-quit", (event) => event.preventDefault());
  new BrowserWindow({ webPreferences: { preload: preloadPath() } });
  await attached.waitForReady({ timeout: 5 });
  await attached.detach();
  const port: number | null = attached.backend.getPort();
  console.log(port, attached.backend.pid, attached.backend.isRunning());
  await (await connect({ settings })).close();
  return attached.backend.getUrl();
}
`;
const PAGE = `
import type { SidecarWindow } from "electron-backend-sidecar/window";
interface Own { menu: { name(): string } }
declare global { interface Window { electron: Own & SidecarWindow["electron"]; api: number } }
export const name: string = window.electron.menu.name();
export const state: Promise<string> = window.electron.backend.status().then((status) => status.state);
export const address: string | null = window.desktopBridge.getBackendBaseUrl();
export const mode: string = window.desktopBridge.getAppEnvironment();
`;
const TYPOS = `
import { app } from "electron";
import type { AttachedSidecar, AttachOptions } from "electron-backend-sidecar/main";
import { openTelemetry } from "electron-backend-sidecar/opentelemetry";
export function typos(attached: AttachedSidecar, options: AttachOptions): void {
  // @ts-expect-error no such profile
  options.settings = { profile: "generik" };
  // @ts-expect-error no such channel
  void attached.sidecar.invoke("backend:statsu");
  // @ts-expect-error no such channel
  void attached.sidecar.call("backend:statsu");
  // @ts-expect-error no such event
  attached.sidecar.on("backend:stateChange", () => {});
  // @ts-expect-error no such option
  openTelemetry({ interval: 5 });
  // @ts-expect-error no such event
  app.on("backend-crashed", () => {});
}
`;

for (const [name, flags] of /** @type {Array<[string, string[]]>} */ ([
  ["node10", ["--module", "commonjs", "--moduleResolution", "node10", "--esModuleInterop"]],
  ["node16", ["--module", "node16", "--moduleResolution", "node16"]],
  ["a bundler's rules", ["--module", "esnext", "--moduleResolution", "bundler"]],
])) {
  test(
    `types by ${name}: Electron's modules fit, crashes are typed, an app's own window is merged, and typos do not compile`,
    { skip },
    (t) => {
      const { project } = makeProject(t);
      for (const module of fs.readdirSync(TOOLS)) {
        if (!fs.existsSync(path.join(project, "node_modules", module)))
          fs.symlinkSync(path.join(TOOLS, module), path.join(project, "node_modules", module), "junction");
      }
      for (const [file, text] of Object.entries({ "main.ts": MAIN, "page.ts": PAGE, "typos.ts": TYPOS }))
        fs.writeFileSync(path.join(project, file), text);
      const tsc = require.resolve("typescript/bin/tsc");
      const { stdout } = spawnSync(
        process.execPath,
        [
          tsc,
          "--noEmit",
          "--strict",
          "--skipLibCheck",
          "--target",
          "es2022",
          "--types",
          "node",
          ...flags,
          "main.ts",
          "page.ts",
          "typos.ts",
        ],
        { cwd: project, encoding: "utf8" },
      );
      assert.equal(stdout, "");
    },
  );
}

test("publint and @arethetypeswrong/cli find nothing in the package", { skip }, (t) => {
  const { root } = makeProject(t);
  const tarball = fs.readdirSync(root).find((name) => name.endsWith(".tgz")) ?? "";
  const run = (/** @type {string} */ file, /** @type {string[]} */ ...args) =>
    execFileSync(process.execPath, [path.join(TOOLS, file), ...args], { cwd: root, encoding: "utf8" });
  assert.match(run("publint/src/cli.js", "run", "--strict", tarball), /All good!/);
  const { problems } = JSON.parse(run("@arethetypeswrong/cli/dist/index.js", tarball, "--format", "json"));
  assert.deepEqual(problems, {});
});

test("npm's page of the package links back to the project", { skip }, () => {
  const manifest = JSON.parse(fs.readFileSync(path.join(SHIM, "package.json"), "utf8"));
  for (const key of ["description", "keywords", "repository", "bugs", "homepage", "license", "author", "engines"])
    assert.ok(manifest[key], key);
});
