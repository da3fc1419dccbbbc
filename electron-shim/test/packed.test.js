// The real packed sidecar under the shim: found in an app's resources, and damaged in the ways that installers damage it.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { after, test } = require("node:test");
const { connect } = require("../lib/client.js");
const { sidecarCommand } = require("../lib/main/command.js");
const { ROOT } = require("./support/sidecar.js");

const BUILT = process.env.SIDECAR_FROZEN || path.join(ROOT, "dist", "sidecar");
const NAME = process.platform === "win32" ? "sidecar.exe" : "sidecar";
const there = fs.existsSync(path.join(BUILT, "_internal", "contents.json"));
const skip = there ? false : "no packed sidecar found: run packaging/build, or name its folder by SIDECAR_FROZEN";
const settings = { backend: { autostart: false } };

/** @type {string[]} */
const folders = [];
after(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

/** Resources of an app, with a copy of the packed sidecar in them. */
function resources() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "app größe "));
  folders.push(folder);
  fs.cpSync(BUILT, path.join(folder, "sidecar"), { recursive: true });
  return folder;
}

/** @param {string} folder */
function start(folder) {
  const host = { resourcesPath: folder, platform: process.platform, arch: process.arch, env: {} };
  const { command, startHint } = sidecarCommand(/** @type {any} */ ({ app: { isPackaged: true } }), host);
  return connect({ command, ...(startHint ? { startHint } : {}), settings, limits: { restartAttempts: 0 } });
}

test("the packed sidecar in an app's resources is found, answers and exits", { skip }, async () => {
  const sidecar = await start(resources());
  assert.deepEqual(await sidecar.call("sidecar:ping", [7]), 7);
  assert.deepEqual(await sidecar.close(), { code: 0, error: null });
});

/** @type {Array<[string, (file: string) => void]>} */
const damages = [
  ["is missing", (file) => fs.rmSync(file)],
  ["was cut off", (file) => fs.truncateSync(file, 5000)],
];
for (const [how, damage] of damages) {
  for (const pattern of [/^(libpython.*|python3\d+\.dll)$/, /^_core\..*(so|pyd)$/, /^base_library\.zip$/]) {
    test(`if ${pattern} of a packed sidecar ${how}, the error names it, with the remedy`, { skip }, async () => {
      const folder = resources();
      const files = fs.readdirSync(path.join(folder, "sidecar"), { recursive: true, encoding: "utf8" });
      const file = files.find((one) => pattern.test(path.basename(one))) ?? assert.fail(`no ${pattern} inside`);
      damage(path.join(folder, "sidecar", file));
      await assert.rejects(
        start(folder).then((sidecar) => sidecar.call("sidecar:info")),
        (/** @type {any} */ error) => {
          assert.ok(["SIDECAR_NOT_STARTED", "SIDECAR_EXITED"].includes(error.code), error.code);
          assert.ok(
            `${error.hint}`.includes(`missing or incomplete: ${file.replaceAll("\\", "/")}. Reinstall the app`),
            `${error.message} ${error.hint}`,
          );
          return true;
        },
      );
    });
  }
}

test("if a packed sidecar's program is missing, the error lists the places", { skip }, async () => {
  const folder = resources();
  fs.rmSync(path.join(folder, "sidecar", NAME));
  await assert.rejects(start(folder), (/** @type {any} */ error) => {
    assert.equal(error.code, "SIDECAR_NOT_STARTED");
    assert.ok(error.hint.includes(path.join(folder, "sidecar", NAME)));
    return true;
  });
});
