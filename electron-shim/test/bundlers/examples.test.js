// examples/: each app's own files, in the emulated Electron, with a backend of its kind.
"use strict";

const assert = require("node:assert/strict");
const { execFileSync, spawn, spawnSync } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { alive, killBackend, startApp, until } = require("../support/app.js");
const { PYTHON, ROOT, aspnet, noAspnet, noSidecar, sidecarEnv } = require("../support/sidecar.js");

const EXAMPLES = path.join(ROOT, "examples");
const MODULES = path.join(__dirname, "node_modules");
const env = { ...sidecarEnv, SIDECAR_PROFILE: "generic", PATH: `${path.dirname(PYTHON)}${path.delimiter}${process.env.PATH}` };
const has = (/** @type {string} */ program) => spawnSync(program, ["version"], { encoding: "utf8" }).error === undefined;

/** @type {Record<string, {skip: string | false, prepare: (folder: string) => void, hello: string}>} */
const KINDS = {
  express: {
    skip: fs.existsSync(path.join(MODULES, "express")) ? false : "Express is not installed: npm run bundlers",
    prepare: (folder) => fs.symlinkSync(MODULES, path.join(folder, "node_modules"), "junction"),
    hello: "Express",
  },
  fastapi: {
    skip: false,
    prepare: (folder) => {
      execFileSync(PYTHON, ["-m", "venv", path.join(folder, ".venv")]);
      const python = path.join(folder, ".venv", ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]));
      execFileSync(python, ["-m", "pip", "-qq", "--disable-pip-version-check", "install", "-r", path.join(folder, "requirements.txt")], {
        stdio: ["ignore", "inherit", "ignore"],
      });
    },
    hello: "FastAPI",
  },
  "aspnet-core": {
    skip: has("dotnet") ? false : noAspnet && `there is no .NET SDK here, and ${noAspnet}`,
    prepare: (folder) => {
      if (has("dotnet"))
        return void execFileSync("dotnet", ["publish", "backend", "-c", "Release", "-o", path.join("backend", "publish")], {
          cwd: folder,
          stdio: "ignore",
        });
      // Another Kestrel, whose answers a file:// page cannot read: the page asks the sidecar instead.
      fs.mkdirSync(path.join(folder, "backend", "publish"));
      fs.copyFileSync(aspnet, path.join(folder, "backend", "publish", process.platform === "win32" ? "Backend.exe" : "Backend"));
      const page = path.join(folder, "index.html");
      fs.writeFileSync(
        page,
        fs.readFileSync(page, "utf8").replace(/await \(await fetch\(.+\)\)\.text\(\)/, "JSON.stringify(await backend.health())"),
      );
    },
    hello: has("dotnet") ? "ASP.NET Core" : "healthy",
  },
  go: {
    skip: has("go") ? false : "there is no Go here",
    prepare: (folder) =>
      void execFileSync("go", ["build", "-o", path.join("out", process.platform === "win32" ? "backend.exe" : "backend"), "."], {
        cwd: path.join(folder, "backend"),
      }),
    hello: "Go",
  },
};

test("every example is listed, with its README, and ships the sidecar", () => {
  const folders = fs.readdirSync(EXAMPLES, { withFileTypes: true }).filter((one) => one.isDirectory());
  assert.deepEqual(folders.map((one) => one.name).sort(), Object.keys(KINDS).sort());
  const list = fs.readFileSync(path.join(EXAMPLES, "README.md"), "utf8");
  for (const { name } of folders) {
    assert.ok(list.includes(`(${name}/README.md)`), name);
    assert.ok(fs.existsSync(path.join(EXAMPLES, name, "README.md")), name);
    const { build } = JSON.parse(fs.readFileSync(path.join(EXAMPLES, name, "package.json"), "utf8"));
    assert.deepEqual(build.asarUnpack, ["**/node_modules/electron-backend-sidecar-*/**"]);
    // Not the backend's sources, its virtual environment, or a second copy of what extraResources takes.
    const own = fs.readdirSync(path.join(EXAMPLES, name)).filter((file) => /\.(js|html)$/.test(file));
    assert.deepEqual([...build.files].sort(), own);
  }
});

for (const asked of /** @type {const} */ (["SIGTERM", "SIGINT", "stdin"])) {
  test(
    `express: ${asked} ends the backend without an error`,
    { skip: process.platform === "win32" && asked !== "stdin" && "kill ends it at once" },
    async (t) => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), "example-signal-"));
      t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
      fs.copyFileSync(path.join(EXAMPLES, "express", "backend.js"), path.join(folder, "backend.js"));
      fs.mkdirSync(path.join(folder, "node_modules"));
      fs.writeFileSync(
        path.join(folder, "node_modules", "express.js"),
        `module.exports = () => ({ use() {}, get() {}, listen: (_port, host) => require("http").createServer().listen(0, host, () => console.log("up")) });`,
      );
      const electron = 'Object.defineProperty(process, "versions", { value: { ...process.versions, electron: "1" } })';
      fs.writeFileSync(path.join(folder, "electron.js"), asked === "stdin" ? electron : "");
      const backend = spawn(process.execPath, ["-r", "./electron.js", "backend.js"], { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
      await once(backend.stdout, "data");
      if (asked === "stdin") backend.stdin.end();
      else backend.kill(asked);
      assert.deepEqual(await once(backend, "exit"), [0, null]);
    },
  );
}

for (const [name, { skip, prepare, hello }] of Object.entries(KINDS)) {
  test(
    `${name}: the page shows its backend's answer, also after a crash, and nothing is left behind`,
    { skip: skip || noSidecar },
    async (t) => {
      const folder = path.join(fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), `example-${name}-`))), name);
      t.after(() => fs.rmSync(path.dirname(folder), { recursive: true, force: true }));
      fs.cpSync(path.join(EXAMPLES, name), folder, { recursive: true });
      prepare(folder);
      const app = await startApp(t, { main: path.join(folder, "main.js") }, env);
      const answer = () => app.page("document.getElementById('answer')?.value ?? ''").catch(() => "");
      await until(async () => String(await answer()).includes(`"${hello}"`), "the backend's answer on the page", 180_000);
      const after = await killBackend(app);
      void app.command("quit").catch(() => {});
      assert.equal(await app.exited, 0);
      assert.equal(alive(after.pid), false);
    },
  );
}
