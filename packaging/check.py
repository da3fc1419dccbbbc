"""Installs the parts of a release in isolation, and runs the README's embedding example with nothing else.

``packaging/check`` builds sdist, wheel and npm package into a temporary folder; ``packaging/check --dist FOLDER`` uses
existing ones. If dist/sidecar is built, the example runs with that folder too. Needs Node.js and npm.
Standard library only.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
WINDOWS = sys.platform == "win32"
PIP = ("-m", "pip", "-qq", "--disable-pip-version-check")
BACKEND = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
TWELVE_LINES = """\
const { connect } = require("electron-backend-sidecar");

async function main() {
  const command = [process.execPath, `${__dirname}/backend.js`, "{port}"];
  const sidecar = await connect({ settings: { profile: "generic", backend: { command, live_path: "/" }, paths: { data: "data" } } });
  const { url } = await sidecar.invoke("backend:waitForReady");
  const answer = await (await fetch(url)).text();
  console.log(url, answer, (await sidecar.invoke("backend:status")).state);
  await sidecar.close();
}

main();
"""
NODE_BACKEND = (
    'require("node:http").createServer((_, answer) => answer.end("hello")).listen(+process.argv[2], "127.0.0.1");\n'
)
# Variables that let a program find the checkout, or that configure a sidecar.
DROPPED = re.compile(r"PYTHON|SIDECAR_|NODE_PATH|AURA_|ASPNETCORE_|npm_", re.IGNORECASE)


def main() -> int:
    """Checks everything; stops at the first failure."""
    parser = argparse.ArgumentParser(prog="packaging/check", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--dist", type=lambda text: Path(text).resolve(), help="the folder with wheel, sdist and npm package"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sidecar-check-") as name:
        folder = Path(name)
        dist: Path = options.dist or build(folder)
        wheel, sdist, package = (one(dist, pattern) for pattern in ("*.whl", "*.tar.gz", "*.tgz"))
        check_contents(wheel, sdist)
        sidecar = install_wheel(wheel, folder)
        example = install_package(package, folder)
        run_example(example, sidecar)
        packed = CHECKOUT / "dist" / "sidecar" / ("sidecar.exe" if WINDOWS else "sidecar")
        if packed.exists():
            run_example(example, packed)
            run_without_python(package, packed.parent, folder)
    return 0


def build(folder: Path) -> Path:
    """Builds the wheel (from the sdist, to check that this is complete) and the npm package with their usual tools."""
    dist, tools = folder / "dist", folder / "tools"
    run([sys.executable, "-m", "venv", str(tools)])
    run([str(program(tools, "python")), *PIP, "install", "build==1.3.0"])
    run([str(program(tools, "python")), "-m", "build", "--outdir", str(dist), str(CHECKOUT)], quiet=True)
    run([npm(), "pack", "--silent", str(CHECKOUT / "electron-shim"), "--pack-destination", str(dist)], quiet=True)
    return dist


def check_contents(wheel: Path, sdist: Path) -> None:
    """Checks that both contain every file of the package, and the wheel nothing else."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    wanted = set()
    for path, _, names in os.walk(CHECKOUT / "sidecar"):
        kept = set(names) - ignored(path, names)
        wanted |= {Path(path, name).relative_to(CHECKOUT).as_posix() for name in kept if "__pycache__" not in path}
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    with tarfile.open(sdist) as archive:
        source = {name.partition("/")[2] for name in archive.getnames()}
    for what, names in (("wheel", wanted - inside), ("sdist", wanted - source), ("checkout", inside - wanted)):
        if names:
            sys.exit(f"packaging: not in the {what}: {', '.join(sorted(names)[:5])}")
    say(f"{wheel.name}, {sdist.name}: all {len(wanted)} files of the package, and no others")


def install_wheel(wheel: Path, folder: Path) -> Path:
    """Installs into an empty environment; returns its console script."""
    environment = folder / "environment"
    run([sys.executable, "-m", "venv", str(environment)])
    run([str(program(environment, "python")), *PIP, "install", str(wheel)])
    sidecar = program(environment, "sidecar")
    said = run([str(sidecar), "demo", "--seconds", "30"], folder=folder)
    if "Recovered" not in said:
        sys.exit(f"packaging: the demo of the installed wheel saw no recovery:\n{said}")
    say("pip install in an empty environment: the demo recovered")
    return sidecar


def install_package(package: Path, folder: Path) -> Path:
    """Installs into an empty folder, with the README's example and a backend next to it."""
    example = folder / "an empty folder"
    example.mkdir()
    (example / "package.json").write_text('{"name": "example", "version": "1.0.0", "private": true}\n')
    run(
        [npm(), "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock", str(package)],
        folder=example,
        quiet=True,
    )
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    code = re.search(r"<!-- run: embed\.js -->\n```js\n(.*?)```", readme, re.DOTALL)
    if code is None:
        sys.exit("packaging: the README has no example embed.js any more")
    (example / "embed.js").write_text(code[1], encoding="utf-8")
    (example / "backend.py").write_text(BACKEND, encoding="utf-8")
    return example


def run_example(example: Path, sidecar: Path) -> None:
    """Runs the README's example with nothing but what was installed."""
    command = [shutil.which("node") or "node", "embed.js", sys.executable, "-I", str(example / "backend.py"), "{port}"]
    said = run(command, folder=example, ELECTRON_SIDECAR_FOLDER=str(sidecar))
    if not re.search(r"^RUNNING ready$.*^http://127\.0\.0\.1:\d+ 200$", said, re.MULTILINE | re.DOTALL):
        sys.exit(f"packaging: the README's example with {sidecar} said:\n{said}")
    say(
        f"npm install in an empty folder, the README's example with {sidecar.name} of {sidecar.parent.name}: its backend answered"
    )


def run_without_python(package: Path, packed: Path, folder: Path) -> None:
    """Installs both tarballs into an empty folder, without Python on the PATH: twelve lines supervise a backend, also after another install."""
    sys.path.insert(0, str(CHECKOUT / "packaging"))
    import npm_package

    empty = folder / "without python"
    empty.mkdir()
    shutil.copy(package, empty)
    tarball = npm_package.pack(packed, npm_package.this_platform(), empty)
    (empty / "twelve.js").write_text(TWELVE_LINES, encoding="utf-8")
    (empty / "backend.js").write_text(NODE_BACKEND, encoding="utf-8")
    node = shutil.which("node") or sys.exit("packaging: node is not there")
    programs = folder / "programs"
    programs.mkdir()
    if WINDOWS:
        path = os.pathsep.join((str(Path(node).parent), str(Path(os.environ["SYSTEMROOT"], "System32"))))
    else:
        (programs / "node").symlink_to(node)
        path = str(programs)
    install = [npm(), "install", "--silent", "--no-audit", "--no-fund"]
    for words in ([*install, f"./{package.name}", f"./{tarball.name}"], install):
        run(words, folder=empty, quiet=True)
        said = run([node, "twelve.js"], folder=empty, PATH=path)
        if not re.search(r"^http://127\.0\.0\.1:\d+ hello RUNNING$", said, re.MULTILINE):
            sys.exit(f"packaging: twelve lines with {tarball.name} said:\n{said}")
    size = tarball.stat().st_size / 1e6
    say(f"npm install of {tarball.name} ({size:.1f} MB) without Python, twice: twelve lines supervised a backend")


def one(folder: Path, pattern: str) -> Path:
    """Returns the only file that matches, not counting this platform's package."""
    ours = r"(electron-backend-)?sidecar-(linux|win32|darwin)"
    found = [path for path in folder.rglob(pattern) if not re.match(ours, path.name)]
    if len(found) != 1:
        sys.exit(f"packaging: there should be one {pattern} in {folder}, and there are {len(found)}")
    return found[0]


def program(environment: Path, name: str) -> Path:
    """Returns a program of a virtual environment."""
    return environment / ("Scripts" if WINDOWS else "bin") / (f"{name}.exe" if WINDOWS else name)


def npm() -> str:
    """Returns npm's program."""
    found = shutil.which("npm")
    if found is None:
        sys.exit("packaging: npm is not there; it comes with Node.js")
    return found


def run(command: list[str], *, folder: Path | None = None, quiet: bool = False, **more: str) -> str:
    """Runs one step that cannot find the checkout; returns its output."""
    environment = {name: value for name, value in os.environ.items() if not DROPPED.match(name)} | more
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if quiet else None,
        encoding="utf-8",
        errors="replace",
        timeout=300,
    )
    if done.returncode:
        sys.exit(f"packaging: status {done.returncode} of {' '.join(command[:5])}\n{done.stdout}")
    return done.stdout


def say(text: str) -> None:
    """Prints progress to stdout."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
