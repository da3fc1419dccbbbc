// An app's main process, bundled by each of the tools that Electron apps use, finds preload and sidecar, both in the
// project and as shipped. Heavy: `npm run bundlers` first installs the tools next to this file.
"use strict";

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { KIND, makeProject, ship, start } = require("./app.js");

const there = fs.existsSync(path.join(__dirname, "node_modules", "esbuild"));
const skip = !there
  ? "the bundlers are not installed: npm run bundlers"
  : process.platform === "win32"
    ? "the stand-in for the sidecar is a shell script"
    : false;

/** @typedef {{root: string, project: string}} Project */
/** @type {Array<[string, string, (made: Project) => Promise<void>]>} name, the file that it makes, and how */
const BUNDLERS = [
  ["esbuild, CommonJS", "main.js", async ({ project }) => esbuild(project, "cjs", "main.js")],
  ["esbuild, ECMAScript modules", "main.mjs", async ({ project }) => esbuild(project, "esm", "main.mjs")],
  ["Vite, CommonJS", "main.cjs", async ({ project }) => vite(project, "cjs", "main.cjs")],
  ["Vite, ECMAScript modules", "main.mjs", async ({ project }) => vite(project, "es", "main.mjs")],
  ["electron-vite", "main.js", async ({ project }) => electronVite(project)],
  ["webpack", "main.js", async ({ project }) => webpack(project)],
  ["electron-forge with Vite", "main.js", async ({ project }) => forgeVite(project)],
  ["electron-forge with webpack", "main.js", async ({ project }) => forgeWebpack(project)],
];

for (const [name, file, bundle] of BUNDLERS) {
  test(`${name}: the bundled main process finds preload and sidecar, in the project and shipped`, { skip }, async (t) => {
    const made = makeProject(t);
    await bundle(made);
    const dist = path.join(made.project, "dist");
    assert.doesNotMatch(
      fs.readFileSync(path.join(dist, file), "utf8"),
      /from "electron-backend-sidecar|require\("electron-backend-sidecar/,
      "it was not bundled",
    );
    const developed = start(path.join(dist, file), made.project, false);
    assert.equal(developed.sidecar, "0.0.0-fake", developed.hint);
    assert.equal(developed.url, "http://127.0.0.1:5005");
    assert.equal(developed.preload, path.join(made.project, "node_modules", "electron-backend-sidecar", "preload.standalone.js"));
    const shipped = ship(made, dist);
    const packaged = start(path.join(shipped, "dist", file), shipped, true);
    assert.equal(packaged.sidecar, "0.0.0-fake", packaged.hint);
    assert.equal(packaged.preload, path.join(shipped, "dist", "preload.standalone.js"));
    assert.equal(packaged.api, "function");
  });
}

/** @param {string} project @param {"cjs" | "esm"} format @param {string} file */
async function esbuild(project, format, file) {
  const options = {
    entryPoints: [path.join(project, "src", "main.js")],
    bundle: true,
    platform: "node",
    external: ["electron"],
    format,
    outfile: path.join(project, "dist", file),
  };
  const { warnings } = await require("esbuild").build({ ...options, logLevel: "silent" });
  assert.deepEqual(warnings, []);
}

/** @param {string} project @param {"cjs" | "es"} format @param {string} file */
async function vite(project, format, file) {
  const { build } = await import("vite");
  await build({
    root: project,
    configFile: false,
    logLevel: "error",
    ssr: { noExternal: true },
    build: {
      ssr: path.join(project, "src", "main.js"),
      outDir: path.join(project, "dist"),
      rollupOptions: { output: { format, entryFileNames: file } },
    },
  });
}

/** Bundles as the tool's templates do, but with the package in the bundle. @param {string} project */
async function electronVite(project) {
  const config = `export default { main: { build: { externalizeDeps: false, outDir: "dist", rollupOptions: { input: "src/main.js" } } } };`;
  fs.writeFileSync(path.join(project, "electron.vite.config.mjs"), config);
  execFileSync(process.execPath, [path.join(__dirname, "node_modules", "electron-vite", "bin", "electron-vite.js"), "build"], {
    cwd: project,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** @param {any} config */
async function runWebpack(config) {
  const stats = await new Promise((resolve, reject) =>
    require("webpack")(config, (/** @type {any} */ error, /** @type {any} */ result) => (error ? reject(error) : resolve(result))),
  );
  assert.deepEqual(stats.toJson({ errors: true, warnings: true }).errors, []);
}

/** @param {string} project */
function webpack(project) {
  const entry = path.join(project, "src", "main.js");
  return runWebpack({
    mode: "production",
    target: "electron-main",
    context: project,
    entry,
    output: { path: path.join(project, "dist"), filename: "main.js" },
  });
}

/** Bundles with the settings that forge's plugin gives to Vite. @param {string} project */
async function forgeVite(project) {
  const { default: Generator } = require("@electron-forge/plugin-vite/dist/ViteConfig");
  const { build } = await import("vite");
  fs.writeFileSync(path.join(project, "vite.main.config.mjs"), 'export default { logLevel: "error" };');
  const generator = new Generator(
    {
      build: [{ entry: path.join(project, "src", "main.js"), config: path.join(project, "vite.main.config.mjs"), target: "main" }],
      renderer: [],
    },
    project,
    true,
  );
  for (const config of await generator.getBuildConfigs()) {
    await build({ configFile: false, ...config, build: { ...config.build, outDir: path.join(project, "dist"), watch: null } });
  }
}

/** Bundles with the settings that forge's plugin gives to webpack. @param {string} project */
async function forgeWebpack(project) {
  const { default: Generator } = require("@electron-forge/plugin-webpack/dist/WebpackConfig");
  const mainConfig = { entry: path.join(project, "src", "main.js"), output: { path: path.join(project, "dist"), filename: "main.js" } };
  const generator = new Generator({ mainConfig, renderer: { config: {}, entryPoints: [] } }, project, true, 0);
  const config = await generator.getMainConfig();
  await runWebpack({ ...config, output: { ...config.output, path: path.join(project, "dist"), filename: "main.js" } });
}

test("if the preload is missing, the error says what to copy", { skip }, async (t) => {
  const made = makeProject(t);
  await esbuild(made.project, "cjs", "main.js");
  const shipped = ship(made, path.join(made.project, "dist"));
  fs.rmSync(path.join(shipped, "dist", "preload.standalone.js"));
  assert.throws(
    () => start(path.join(shipped, "dist", "main.js"), shipped, true),
    /preload\.standalone\.js was not found.*copies it next to the main process/s,
  );
});

for (const [tool, patterns] of /** @type {Array<[string, {unpack?: string, unpackDir?: string}]>} */ ([
  ["electron-builder's asarUnpack", { unpack: "**/node_modules/electron-backend-sidecar-*/**" }],
  ["electron-forge's packagerConfig.asar", { unpackDir: "**/node_modules/electron-backend-sidecar-*" }],
])) {
  test(`in an asar, unpacked with the documented setting of ${tool}, the sidecar is a file that can be started`, { skip }, async (t) => {
    const made = makeProject(t);
    const { createPackageWithOptions, listPackage } = await import("@electron/asar");
    const resources = path.join(made.root, "resources");
    fs.mkdirSync(resources);
    const asar = path.join(resources, "app.asar");
    await createPackageWithOptions(made.project, asar, patterns);
    const own = path.join("node_modules", `electron-backend-sidecar-${KIND}`, "sidecar", "sidecar");
    const unpacked = path.join(resources, "app.asar.unpacked", own);
    assert.ok(fs.statSync(unpacked).mode & 0o100, "it may be run");
    assert.ok(
      listPackage(asar, { isPack: false }).includes(path.join(path.sep, "node_modules", "electron-backend-sidecar", "package.json")),
    );
    assert.ok(
      !fs.existsSync(path.join(resources, "app.asar.unpacked", "node_modules", "electron-backend-sidecar")),
      "no more than that is unpacked",
    );
    // Only Electron reads inside an asar; the shim searches in the same way, from a file in there.
    const { locateSidecar } = require("../../lib/client/locate.js");
    const from = path.join(asar, "node_modules", "electron-backend-sidecar", "lib", "client");
    assert.deepEqual(locateSidecar(undefined, { packaged: true, from, env: {} }), { command: [unpacked] });
    const page = fs.readFileSync(path.join(__dirname, "..", "..", "..", "docs", "packaging.md"), "utf8");
    assert.ok(page.includes(`"${patterns.unpack ?? patterns.unpackDir}"`), "the page has another setting");
  });
}
