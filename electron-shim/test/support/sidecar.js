// The real sidecar and real backends, for tests that need them.
"use strict";

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

const ROOT = path.join(__dirname, "..", "..", "..");
const VENV = path.join(ROOT, ".venv", ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]));
const PYTHON = [process.env.PYTHON, fs.existsSync(VENV) ? VENV : undefined, "python3"].find(Boolean) ?? "python3";
const ASPNET_FOLDER = process.env.ASPNET_BACKEND ?? path.join(ROOT, "..", "shared", "aspnet-backend");
const ASPNET = path.join(ASPNET_FOLDER, ...(process.platform === "win32" ? ["win-x64", "TestBackend.exe"] : ["linux-x64", "TestBackend"]));
const FAKE = path.join(__dirname, "fake-sidecar.js");

const found = spawnSync(PYTHON, ["-c", "import sidecar, msgspec, aiohttp"], { cwd: ROOT, encoding: "utf8" });

module.exports = {
  ROOT,
  /** Why no sidecar is available for tests, or false; for `test(name, {skip})`. */
  noSidecar: found.status === 0 ? false : `${PYTHON} cannot import the sidecar: set PYTHON to one that has its dependencies`,
  noAspnet: fs.existsSync(ASPNET) ? false : `the ASP.NET Core test server is not at ${ASPNET}`,
  sidecarCommand: [PYTHON, "-m", "sidecar"],
  /** Profile aura unless a test names another: its endpoints are those of the test servers. */
  sidecarEnv: { PYTHONPATH: ROOT, SIDECAR_PROFILE: "aura" },
  aspnet: ASPNET,
  PYTHON,

  /**
   * The command of the Python backend that misbehaves on demand.
   *
   * @param {string[]} words
   */
  httpBackend: (...words) => [PYTHON, "-I", "-S", path.join(ROOT, "tests", "children", "http", "backend.py"), "--port", "{port}", ...words],

  /** @param {string} mode */
  fakeCommand: (mode) => [process.execPath, FAKE, mode],
};
