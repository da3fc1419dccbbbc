// Where the packed sidecar is searched for, and the error when it is missing or damaged.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const Module = require("node:module");
const os = require("node:os");
const path = require("node:path");
const { afterEach, beforeEach, test } = require("node:test");
const { connect } = require("../lib/client.js");
const { ownFolder } = require("../lib/client/folders.js");
const { folderDamage } = require("../lib/client/folder.js");
const { sidecarCommand } = require("../lib/main/command.js");
const { PYTHON, fakeCommand, noSidecar, sidecarEnv } = require("./support/sidecar.js");

/** @type {string} */
let root;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "sidecar lücke "));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

/** @param {string} name @param {string} [text] */
function put(name, text = "x") {
  const file = path.join(root, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  return file;
}

/**
 * @param {{packaged?: boolean, command?: string[], sidecarFolder?: string}} options
 * @param {Partial<import("../lib/client/locate.js").Host>} [host]
 */
function command({ packaged = true, ...options }, host = {}) {
  const app = { isPackaged: packaged };
  const all = {
    resourcesPath: path.join(root, "resources"),
    from: path.join(root, "app"),
    platform: "linux",
    arch: "x64",
    env: {},
    ...host,
  };
  return sidecarCommand(/** @type {any} */ ({ app, ...options }), all);
}

test("of the platform's package, the resources, the variable, the option and the command, the later one wins", () => {
  const installed = put("node_modules/electron-backend-sidecar-linux-x64/sidecar/sidecar");
  assert.deepEqual(command({}), { command: [installed] });
  assert.deepEqual(command({ packaged: false }), { command: [installed] });
  const resources = put("resources/sidecar/sidecar");
  const variable = put("variable/sidecar");
  const option = put("option/sidecar");
  const env = { ELECTRON_SIDECAR_FOLDER: path.join(root, "variable") };
  assert.deepEqual(command({}), { command: [resources] });
  assert.deepEqual(command({ packaged: false }), { command: [resources] });
  assert.deepEqual(command({}, { env }), { command: [resources] });
  assert.deepEqual(command({ packaged: false }, { env }), { command: [variable] });
  assert.deepEqual(command({ sidecarFolder: path.join(root, "option") }, { env }), { command: [option] });
  assert.deepEqual(command({ sidecarFolder: option }, { env }), { command: [option] });
  assert.deepEqual(command({ sidecarFolder: path.join(root, "option"), command: ["x", "y"] }, { env }), { command: ["x", "y"] });
});

for (const [platform, arch, folder, name] of /** @type {const} */ ([
  ["linux", "x64", "linux-x64", "sidecar"],
  ["linux", "arm64", "linux-arm64", "sidecar"],
  ["win32", "x64", "win32-x64", "sidecar.exe"],
  ["win32", "arm64", "win32-x64", "sidecar.exe"],
  ["darwin", "arm64", "darwin-arm64", "sidecar"],
  ["darwin", "arm64", "darwin-x64", "sidecar"],
  ["darwin", "x64", "darwin-universal", "sidecar"],
])) {
  test(`${platform} on ${arch} takes a folder ${folder}`, () => {
    const program = put(`resources/sidecar/${folder}/${name}`);
    assert.deepEqual(command({}, { platform, arch }), { command: [program] });
  });
}

test("a folder for another system or processor is not taken", () => {
  put("resources/sidecar/linux-arm64/sidecar");
  put("resources/sidecar/win32-x64/sidecar.exe");
  assert.ok(command({}).startHint);
});

for (const [platform, arch, name, program] of /** @type {const} */ ([
  ["linux", "arm64", "linux-arm64", "sidecar"],
  ["win32", "x64", "win32-x64", "sidecar.exe"],
  ["win32", "arm64", "win32-arm64", "sidecar.exe"],
  ["win32", "arm64", "win32-x64", "sidecar.exe"],
  ["darwin", "x64", "darwin-x64", "sidecar"],
])) {
  test(`${platform} on ${arch} takes the package ${name}, also unpacked from an asar, and from where pnpm puts it`, () => {
    const own = `electron-backend-sidecar-${name}/sidecar/${program}`;
    const unpacked = put(`resources/app.asar.unpacked/node_modules/${own}`);
    const inAsar = path.join(root, "resources", "app.asar", "node_modules", "electron-backend-sidecar", "lib", "client");
    assert.deepEqual(command({}, { platform, arch, from: inAsar }), { command: [unpacked] });
    assert.deepEqual(command({}, { platform, arch, appPath: path.join(root, "resources", "app.asar") }), { command: [unpacked] });
    if (process.platform === "win32") return; // creating links needs a privilege there
    const store = put(`pnpm/node_modules/${own}`);
    put("pnpm/node_modules/electron-backend-sidecar/package.json", "{}");
    fs.mkdirSync(path.join(root, "bundled", "node_modules"), { recursive: true });
    fs.symlinkSync(
      path.join(root, "pnpm", "node_modules", "electron-backend-sidecar"),
      path.join(root, "bundled", "node_modules", "electron-backend-sidecar"),
    );
    assert.deepEqual(command({}, { platform, arch, from: path.join(root, "bundled", "dist") }), { command: [store] });
  });
}

test("a package that is packed inside the asar is not started, and the error says how to unpack it", () => {
  // Electron reads from an asar as from a folder; the system cannot.
  const file = put("resources/app.asar/node_modules/electron-backend-sidecar-linux-x64/sidecar/sidecar");
  const { command: words, startHint } = command({}, { appPath: path.join(root, "resources", "app.asar") });
  assert.notEqual(words[0], file);
  assert.match(startHint ?? "", /packed inside an asar.*asarUnpack.*electron-forge packagerConfig\.asar/s);
});

test("the running code knows its folder, whatever a bundler put into __dirname", () => {
  assert.equal(ownFolder(), path.join(__dirname, "..", "lib", "client"));
});

test("never Python in a packaged app, whatever its arguments say", () => {
  process.argv.push("--dev");
  try {
    assert.notEqual(command({ packaged: true }).command[0], "python3");
  } finally {
    process.argv.pop();
  }
});

test("in development Python is used, isolated from the working directory, and a named folder that does not exist is still an error", () => {
  const { command: words, startHint } = command({ packaged: false });
  assert.deepEqual(words.slice(0, 3), ["python3", "-P", "-c"]);
  assert.match(
    startHint ?? "",
    /package electron-backend-sidecar-linux-x64.*npm install --include=optional electron-backend-sidecar .*npmrc.*--os=linux --cpu=x64.*pip install/s,
  );
  const windows = command({ packaged: false }, { platform: "win32" });
  assert.equal(windows.command[0], "python");
  assert.match(windows.startHint ?? "", /with: python -m pip install/);
  put("resources/sidecar/sidecar");
  for (const slip of [
    command({ packaged: false, sidecarFolder: path.join(root, "nowhere") }),
    command({ packaged: false }, { env: { ELECTRON_SIDECAR_FOLDER: path.join(root, "nowhere") } }),
  ]) {
    assert.match(slip.startHint ?? "", /nowhere/);
  }
});

test("Python starts the sidecar, and a missing package is an error without a traceback", { skip: noSidecar }, async () => {
  const words = command({ packaged: false }).command.slice(1);
  const sidecar = await connect({ command: [PYTHON, ...words], env: sidecarEnv });
  await sidecar.close();
  const bare = connect({ command: [PYTHON, "-S", ...words], env: { PYTHONPATH: undefined } });
  await assert.rejects(bare, (/** @type {any} */ error) => {
    assert.match(error.message, /Its last output:\nModuleNotFoundError: No module named 'sidecar'$/);
    return true;
  });
});

test("if the sidecar is in none of the places, the error lists them, with the remedy", async () => {
  fs.mkdirSync(path.join(root, "resources", "sidecar", "sidecar"), { recursive: true }); // a folder is not a program
  const where = command({});
  await assert.rejects(connect({ command: [...where.command], startHint: where.startHint ?? "" }), (/** @type {any} */ error) => {
    assert.equal(error.code, "SIDECAR_NOT_STARTED");
    for (const place of ["sidecar", path.join("linux-x64", "sidecar")])
      assert.ok(error.hint.includes(path.join(root, "resources", "sidecar", place)));
    assert.match(error.hint, /npm install --include=optional electron-backend-sidecar .*sidecarFolder/s);
    return true;
  });
});

/** Creates a folder as packaging/build does, with three files. */
function packed() {
  const program = put("sidecar");
  for (const name of ["_internal/one.so", "_internal/two.so", "LICENSES.txt"]) put(name, "12345");
  put("_internal/contents.json", JSON.stringify({ files: { sidecar: 1, "_internal/one.so": 5, "_internal/two.so": 5 } }));
  return program;
}

test("the error for a folder with missing or truncated files names them", () => {
  const program = packed();
  assert.equal(folderDamage(program), null);
  put("_internal/two.so", "12345 and a signature");
  assert.equal(folderDamage(program), null);
  fs.rmSync(path.join(root, "_internal", "one.so"));
  put("_internal/two.so", "123");
  assert.match(folderDamage(program) ?? "", /missing or incomplete: _internal\/one\.so, _internal\/two\.so\. Reinstall the app/);
  fs.rmSync(path.join(root, "_internal"), { recursive: true });
  assert.match(folderDamage(program) ?? "", /_internal\/contents\.json/);
});

test("a program that is not a packed sidecar causes no warning", () => {
  assert.equal(folderDamage(put("bin/sidecar")), null);
  assert.equal(folderDamage("sidecar"), null);
  assert.equal(folderDamage(process.execPath), null);
});

test(
  "a damaged folder is named by the error of the start",
  { skip: process.platform === "win32" ? "the stand-in is a shell script" : false },
  async () => {
    const program = packed();
    fs.writeFileSync(program, "#!/bin/sh\nexit 255\n");
    fs.chmodSync(program, 0o755);
    fs.rmSync(path.join(root, "_internal", "one.so"));
    await assert.rejects(connect({ command: [program] }), (/** @type {any} */ error) => {
      assert.equal(error.code, "SIDECAR_NOT_STARTED");
      assert.match(error.hint, /damaged.*_internal\/one\.so/);
      return true;
    });
  },
);

test("a sidecar older than the package is refused, and the error names it", async () => {
  await assert.rejects(connect({ command: fakeCommand("old-protocol") }), (/** @type {any} */ error) => {
    assert.equal(error.code, "SIDECAR_PROTOCOL");
    assert.match(error.message, /speaks protocol 0, this package speaks 1/);
    assert.ok(error.hint.includes("of the same release"));
    assert.ok(error.hint.includes(process.execPath));
    return true;
  });
});

test("a program that lost its mode on the way is named as that", { skip: process.platform === "win32" }, async () => {
  const program = put("sidecar", "#!/bin/sh\n");
  await assert.rejects(connect({ command: [program] }), (/** @type {any} */ error) => {
    assert.equal(error.code, "SIDECAR_NOT_STARTED");
    assert.match(error.hint, /sidecar is not marked executable.*chmod \+x/);
    return true;
  });
});

test("under Plug'n'Play, Yarn names the place of the package", (t) => {
  const name = "electron-backend-sidecar-linux-x64";
  const program = put(`unplugged/${name}-1/sidecar/sidecar`);
  const own = path.join(root, "unplugged", "virtual", "package.json");
  const versions = /** @type {any} */ (process.versions);
  const loader = /** @type {any} */ (Module);
  const original = loader._resolveFilename;
  versions.pnp = "3"; // as Yarn does, like the next line
  loader._resolveFilename = (/** @type {string} */ request, /** @type {any} */ parent) => {
    if (request === "electron-backend-sidecar/package.json") return own;
    if (request === `${name}/package.json` && parent.filename === own) return path.join(root, "unplugged", `${name}-1`, "package.json");
    throw new Error(`${request} is not a dependency`);
  };
  t.after(() => {
    delete versions.pnp;
    loader._resolveFilename = original;
  });
  assert.deepEqual(command({ packaged: false }, { resourcesPath: undefined }), { command: [program] });
  assert.notEqual(command({}).command[0], program, "a packaged app asks nothing that its environment can load");
  fs.rmSync(program);
  assert.match(command({ packaged: false }).startHint ?? "", /package electron-backend-sidecar-linux-x64 is missing/);
});
