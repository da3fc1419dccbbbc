"""Builds the folder that an app ships: ``sidecar`` (``sidecar.exe``) and everything it needs, without a Python.

``packaging/build`` packs for the platform and processor that it runs on, into dist/sidecar. ``packaging/build --windows``
packs for Windows on Linux, with the Windows CPython that tests/windows installs under Wine, into dist/sidecar-win32-x64.
``--npm`` also puts the folder into its platform's npm package, a tarball next to it.

The packages inside (requirements.txt) and PyInstaller (packer.txt) are pinned by hash, and installed into an environment below
.cache/packaging (or the folder that SIDECAR_PACKAGING_CACHE names). Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
CACHE = Path(os.environ.get("SIDECAR_PACKAGING_CACHE") or CHECKOUT / ".cache" / "packaging").resolve()
INSIDE, PACKER = HERE / "requirements.txt", HERE / "packer.txt"
WINDOWS_CACHE = Path(os.environ.get("SIDECAR_WINDOWS_CACHE") or CHECKOUT / ".cache" / "windows").resolve()
CONTENTS = "contents.json"  # read by sidecar/frozen.py and by the shim if the sidecar does not start


def main() -> int:
    """Builds, and prints the result."""
    options = parse()
    began = time.monotonic()
    out: Path = options.out or CHECKOUT / "dist" / ("sidecar-win32-x64" if options.windows else "sidecar")
    work = CACHE / f"{'work-windows' if options.windows else 'work'}-{os.getpid()}"  # two may build at once
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    site, licence = pack_for_windows(work) if options.windows else pack(Path(options.python), work)
    made = work / "dist" / "sidecar"
    sys.path.insert(0, str(HERE))
    import licences

    inside = json.loads((work / "build" / "sidecar" / "inside.json").read_text(encoding="utf-8"))
    text = licences.collect(inside, site, licence, made, CACHE)
    (made / "LICENSES.txt").write_text(text, encoding="utf-8", newline="\n")
    write_contents(made)
    replace(made, out)
    shutil.rmtree(work, ignore_errors=True)
    files = [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    say(f"{out}: {size / 1e6:.1f} MB in {len(files)} files, made in {time.monotonic() - began:.0f} s")
    if options.npm:
        import npm_package

        kind = "win32-x64" if options.windows else npm_package.this_platform()
        tarball = npm_package.pack(out, kind, out.parent)
        say(f"{tarball}: {tarball.stat().st_size / 1e6:.1f} MB")
    return 0


def parse() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog="packaging/build", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--out", type=lambda text: Path(text).resolve(), help="the folder to make")
    parser.add_argument("--windows", action="store_true", help="make the Windows folder on Linux, under Wine")
    parser.add_argument("--npm", action="store_true", help="also make the npm package of the folder's platform")
    parser.add_argument(
        "--python", default=sys.executable, help="the interpreter to pack; by default the one that runs this"
    )
    return parser.parse_args()


def pack(python: Path, work: Path) -> tuple[Path, Path]:
    """Packs for this platform; returns the folder of the packages and the text of CPython's licence."""
    environment = CACHE / f"python-{digest(python)}"
    program = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not (environment / "complete").exists():
        shutil.rmtree(environment, ignore_errors=True)
        run([str(python), "-m", "venv", str(environment)])
        run([str(program), "-m", "pip", *QUIET, "install", *PINNED, "-r", str(INSIDE), "-r", str(PACKER)])
        (environment / "complete").touch()
    run([str(program), "-m", "PyInstaller", *arguments(str(work), str(HERE / "sidecar.spec"), os.sep)])
    ask = "import sysconfig; print(sysconfig.get_path('purelib')); print(sysconfig.get_path('stdlib')); import sys; print(sys.base_prefix)"
    done = subprocess.run([str(program), "-c", ask], check=True, capture_output=True, text=True)
    purelib, stdlib, prefix = map(Path, done.stdout.splitlines())
    places = (stdlib / "LICENSE.txt", prefix / "LICENSE.txt", Path("/usr/share/doc") / stdlib.name / "copyright")
    licence = next((place for place in places if place.is_file()), None)
    if licence is None:
        sys.exit(f"packaging: CPython's licence is in none of {', '.join(map(str, places))}")
    return purelib, licence


def pack_for_windows(work: Path) -> tuple[Path, Path]:
    """Packs with Windows' CPython under Wine, and the packages that the Windows suite runs with."""
    tools = CACHE / f"windows-{digest(None)}"
    if not (tools / "complete").exists():
        shutil.rmtree(tools, ignore_errors=True)
        tools.mkdir(parents=True)
        requirement = tools / "tools.txt"
        requirement.write_text(for_windows(PACKER.read_text(encoding="utf-8")), encoding="utf-8")
        target = ("--platform", "win_amd64", "--python-version", "3.11", *PINNED)
        run(
            [
                sys.executable,
                "-m",
                "pip",
                *QUIET,
                "download",
                *target,
                "-r",
                str(requirement),
                "-d",
                str(tools / "wheels"),
            ]
        )
        for wheel in (tools / "wheels").glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(tools / "site")
        (tools / "complete").touch()
    words = arguments(windows_path(work), windows_path(HERE / "sidecar.spec"), "\\")
    code = f"import sys; sys.path.insert(0, {windows_path(tools / 'site')!r}); from PyInstaller.__main__ import run; run({words!r})"
    environment = {**os.environ, "PYTHON": sys.executable}
    run([str(CHECKOUT / "tests" / "windows" / "python"), "-c", code], environment)
    return WINDOWS_CACHE / "python" / "Lib" / "site-packages", WINDOWS_CACHE / "python" / "LICENSE.txt"


QUIET = ("-qq", "--disable-pip-version-check")
PINNED = ("--require-hashes", "--no-deps", "--only-binary=:all:")


def arguments(work: str, spec: str, separator: str) -> list[str]:
    """Returns PyInstaller's arguments."""
    folders = ["--distpath", f"{work}{separator}dist", "--workpath", f"{work}{separator}build"]
    return ["--noconfirm", "--clean", "--log-level", "WARN", *folders, spec]


def digest(python: Path | None) -> str:
    """Names an environment by its contents; a virtual environment's interpreter is the one it was created from."""
    ask = "import sys; print(sys.version, sys.base_prefix)"
    asked = [str(python or sys.executable), "-c", ask]
    version = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    return hashlib.sha256(f"{version} {INSIDE.read_text()} {PACKER.read_text()}".encode()).hexdigest()[:12]


def for_windows(requirements: str) -> str:
    """Returns Windows' requirements without markers, which pip would evaluate for the system that it runs on."""
    entries = re.findall(r"^[^#\s].*(?:\n\s.*)*", requirements, re.MULTILINE)
    ours = [entry for entry in entries if "'darwin'" not in entry]
    return "".join(re.sub(r" ; .*?(?= \\\n)", "", entry) + "\n" for entry in ours)


def windows_path(path: Path) -> str:
    """Returns a path under Wine, whose drive Z is the Unix root."""
    return "Z:" + str(path).replace("/", "\\")


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Runs one step; if it fails, so does the build."""
    # Column positions are a tenth of the code that a start loads, and tracebacks show them only if the source exists.
    environment = {**(environment or os.environ), "PYTHONNODEBUGRANGES": "1"}
    done = subprocess.run(command, check=False, env=environment, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"packaging: this failed with status {done.returncode}: {' '.join(command[:4])} …")


def write_contents(folder: Path) -> None:
    """Lists every file with its size, so that a damaged folder can be reported file by file."""
    hello = (CHECKOUT / "sidecar" / "wire" / "hello.py").read_text(encoding="utf-8")
    protocol = re.search(r"(?m)^PROTOCOL\D*= (\d+)", hello)
    version = re.search(
        r'(?m)^__version__ = "(.+)"', (CHECKOUT / "sidecar" / "__init__.py").read_text(encoding="utf-8")
    )
    assert protocol is not None
    assert version is not None
    files = {
        path.relative_to(folder).as_posix(): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()
    }
    contents = {"version": version[1], "protocol": int(protocol[1]), "files": files}
    (folder / "_internal" / CONTENTS).write_text(json.dumps(contents, indent=0), encoding="utf-8", newline="\n")


def say(text: str) -> None:
    """Prints to stdout."""
    sys.stdout.write(f"{text}\n")


def replace(made: Path, out: Path) -> None:
    """Replaces the old folder with the new one, but never something that is not ours."""
    if out.exists() and not (out / "_internal" / CONTENTS).exists() and any(out.iterdir()):
        sys.exit(f"packaging: {out} already exists and is not a packed sidecar: remove it, or choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(made, out)


if __name__ == "__main__":
    sys.exit(main())
