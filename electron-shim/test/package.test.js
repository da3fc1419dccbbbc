// The package as npm would publish it has what users need and no more, and every entry loads from it.
"use strict";

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { isBuiltin } = require("node:module");

const ROOT = path.join(__dirname, "..");
const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, "package.json"), "utf8"));

/** @returns {string[]} */
function packed() {
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const text = execFileSync(npm, ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    shell: process.platform === "win32",
  });
  return JSON.parse(text)[0].files.map((/** @type {{path: string}} */ file) => file.path);
}

test("the package contains the library, its types and the preload, but no tests, benchmarks or tools", () => {
  const files = packed();
  for (const file of files) {
    assert.match(file, /^(esm\/.*\.mjs|lib\/.*\.m?js|types\/\w+\.d\.m?ts|preload\.standalone\.js|README\.md|LICENSE|package\.json)$/, file);
  }
  /** @type {(entry: any) => string[]} */
  const targets = (entry) => (typeof entry === "string" ? [entry] : Object.values(entry).flatMap(targets));
  for (const target of targets(manifest.exports))
    assert.ok(files.includes(target.slice(2)), `${target} is exported and not in the package`);
});

test("the package has one dependency besides each platform's sidecar in the same version, and requires nothing else", () => {
  assert.deepEqual(Object.keys(manifest.dependencies), ["msgpackr"]);
  const platforms = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64", "win32-arm64", "win32-x64"];
  assert.deepEqual(
    manifest.optionalDependencies,
    Object.fromEntries(platforms.map((one) => [`electron-backend-sidecar-${one}`, manifest.version])),
  );
  const { packages } = JSON.parse(fs.readFileSync(path.join(ROOT, "package-lock.json"), "utf8"));
  for (const one of platforms) {
    const [os_, cpu] = one.split("-");
    const { version, optional, ...kind } = packages[`node_modules/electron-backend-sidecar-${one}`];
    assert.deepEqual([version, optional, kind.os, kind.cpu], [manifest.version, true, [os_], [cpu]], "npm ci wants them in the lock");
  }
  for (const file of packed().filter((name) => name.startsWith("lib/"))) {
    const source = fs.readFileSync(path.join(ROOT, file), "utf8");
    for (const [, name = ""] of source.matchAll(/^(?:const .* = require\(|import .* from )"([^"]+)"/gm)) {
      assert.ok(
        name.startsWith(".") ||
          name.startsWith("node:") ||
          isBuiltin(name) ||
          name === "msgpackr" ||
          (file === "lib/opentelemetry.js" && name in manifest.peerDependencies),
        `${file} requires ${name}`,
      );
    }
  }
});

test("nothing runs when the package is installed, from the registry or from a tarball", () => {
  for (const event of ["preinstall", "install", "postinstall", "prepare"]) assert.equal(manifest.scripts[event], undefined, event);
});

test("a documentation page named in a message has an address that a user can open", () => {
  const { pageUrl } = require("../lib/docs.js");
  const repository = manifest.repository.url.replace(/^git\+|\.git$/g, "");
  const sources = packed()
    .filter((name) => /^lib\/.*\.js$/.test(name))
    .map((name) => fs.readFileSync(path.join(ROOT, name), "utf8").replace(/^\s*(\/\/|\*).*$/gm, ""));
  const named = sources.flatMap((source) => [...source.matchAll(/pageUrl\("(\w+)"\)/g)].map(([, name = ""]) => name));
  assert.deepEqual(named.sort(), ["embedding", "migration"]);
  for (const name of named) {
    const file = pageUrl(/** @type {any} */ (name)).replace(`${repository}/blob/main/`, "");
    assert.ok(fs.existsSync(path.join(ROOT, "..", file)), file);
  }
  for (const source of sources) assert.doesNotMatch(source, /\bdocs\/\w+\.md/);
});

test("the types never say any, and unknown only for values that are not read", () => {
  for (const file of fs.readdirSync(path.join(ROOT, "types"))) {
    const code = fs.readFileSync(path.join(ROOT, "types", file), "utf8").replace(/\/\*[^]*?\*\/|\/\/.*|"[^"\n]*"/g, "");
    assert.deepEqual(code.match(/\bany\b.*/g), null, file);
    for (const [line] of code.matchAll(/^.*\bunknown\b.*$/gm)) {
      assert.match(line, /: unknown( \})?;?$|Promise<unknown>|args: unknown\[\]|cause\?: unknown/, `${file}: ${line}`);
    }
  }
});

test("an app with the packed package in its node_modules can use CommonJS, ESM, and strict types by Node's and a bundler's rules", (t) => {
  const app = fs.mkdtempSync(path.join(os.tmpdir(), "shim-installed-"));
  t.after(() => fs.rmSync(app, { recursive: true, force: true }));
  const own = path.join(app, "node_modules", "electron-backend-sidecar");
  for (const file of packed()) fs.cpSync(path.join(ROOT, file), path.join(own, file));
  fs.cpSync(path.join(ROOT, "node_modules", "msgpackr"), path.join(app, "node_modules", "msgpackr"), { recursive: true });
  const write = (/** @type {string} */ name, /** @type {string} */ text) => fs.writeFileSync(path.join(app, name), text);
  const run = (/** @type {string[]} */ ...args) => execFileSync(process.execPath, args, { cwd: app, encoding: "utf8" });
  write("package.json", '{ "name": "app", "private": true }');
  write(
    "main.cjs",
    'console.log(typeof require("electron-backend-sidecar/main").attachSidecar, typeof require("electron-backend-sidecar").connect)',
  );
  write(
    "main.mjs",
    'import { attachSidecar } from "electron-backend-sidecar/main"; import { createBackendApi } from "electron-backend-sidecar/preload"; console.log(typeof attachSidecar, typeof createBackendApi)',
  );
  assert.equal(run("main.cjs"), "function function\n");
  assert.equal(run("main.mjs"), "function function\n");
  assert.ok(run("-p", 'require.resolve("electron-backend-sidecar/preload.standalone.js")').trim().endsWith("preload.standalone.js"));
  write(
    "page.ts",
    'import type {} from "electron-backend-sidecar/window";\nexport const state: Promise<string> = window.electron.backend.status().then((status) => status.state);\n',
  );
  write(
    "main.ts",
    'import { attachSidecar, type AttachOptions } from "electron-backend-sidecar/main";\nexport const attach = (options: AttachOptions) => attachSidecar(options).then(({ sidecar }) => sidecar.invoke("backend:status"));\n',
  );
  for (const rules of [
    ["node16", "node16"],
    ["esnext", "bundler"],
  ]) {
    const flags = ["--noEmit", "--strict", "--target", "es2022", "--module", String(rules[0]), "--moduleResolution", String(rules[1])];
    assert.equal(run(require.resolve("typescript/bin/tsc"), ...flags, "page.ts", "main.ts"), "");
  }
  // Without its types, the page imports nothing and needs no bundler.
  run(require.resolve("typescript/bin/tsc"), "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", "page.ts");
  assert.doesNotMatch(fs.readFileSync(path.join(app, "page.js"), "utf8"), /electron-backend-sidecar/);
});

test("the modules for bundlers match the library, and load", async () => {
  const { modules } = require("../scripts/esm.js");
  const files = packed().filter((file) => file.startsWith("esm/"));
  assert.deepEqual(files.map((file) => file.slice(4)).sort(), [...modules().keys()].map((name) => name.replaceAll("\\", "/")).sort());
  for (const [name, text] of modules())
    assert.equal(fs.readFileSync(path.join(ROOT, "esm", name), "utf8"), text, `${name} is old: npm run prepack`);
  for (const entry of ["client", "main", "opentelemetry", "preload", "sentry"]) {
    const bundled = await import(`../esm/${entry}.mjs`);
    assert.deepEqual(Object.keys(bundled).sort(), Object.keys(require(`electron-backend-sidecar/${entry}`)).sort());
  }
});

test("the README names no file that is not in the package", () => {
  const text = fs.readFileSync(path.join(ROOT, "README.md"), "utf8");
  const files = packed();
  for (const [, target = ""] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g))
    assert.ok(files.includes(target.replace(/#.*/, "")), `a link to ${target}`);
  for (const [, name = ""] of text.matchAll(/`((?:lib|types)\/[\w./]+)`/g)) assert.ok(files.includes(name), name);
});

test("the migration page counts the lines that it asks for", () => {
  const page = fs.readFileSync(path.join(ROOT, "..", "docs", "migration.md"), "utf8");
  const [main = "", preload = ""] = page.split("## 3. The preload");
  const lines = (/** @type {string} */ text) =>
    [...text.matchAll(/```js\n([^]*?)```/g)].flatMap(([, code = ""]) => code.trim().split("\n")).length;
  assert.ok(
    page.includes(`You add ${lines(main) + 1} lines to \`main.js\``),
    `${lines(main) + 1} lines, with the listener of backend-crash`,
  );
  assert.ok(page.includes(`add ${lines(preload)} lines to the preload`), `${lines(preload)} lines`);
});

test("the standalone preload requires Electron alone", () => {
  const source = fs.readFileSync(path.join(ROOT, "preload.standalone.js"), "utf8");
  assert.deepEqual(
    [...source.matchAll(/require\("([^"]+)"\)/g)].map(([, name]) => name),
    ["electron"],
  );
});

test("CommonJS and ESM export the same objects", async () => {
  for (const entry of ["client", "main", "opentelemetry", "preload", "sentry"]) {
    const common = require(`electron-backend-sidecar/${entry}`);
    const esm = await import(`electron-backend-sidecar/${entry}`);
    assert.deepEqual(Object.keys(esm).sort(), Object.keys(common).sort(), entry);
    for (const name of Object.keys(common)) assert.equal(esm[name], common[name]);
  }
});
