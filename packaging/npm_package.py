"""Makes a platform's npm package, electron-backend-sidecar-PLATFORM-ARCH, from a packed folder. The shim's package depends on it.

    python packaging/npm_package.py dist/sidecar-win32-x64 --as win32-arm64    the x64 build, for Windows on arm64

The same folder gives the same bytes. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import platform
import sys
import tarfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
SHIM = "electron-backend-sidecar"
# As in process.platform and process.arch; the shim's package lists the same.
PLATFORMS = ("linux-x64", "linux-arm64", "win32-x64", "win32-arm64", "darwin-x64", "darwin-arm64")
_ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}
_TIME = 499162500  # npm's time for every file; zip tools do not accept a year before 1980
_README = """# {name}

The packed sidecar of `{shim}` for {system}: a program that supervises the local backend of an Electron app, and needs no
Python. Install `{shim}`; it brings the package of your platform and finds the program in it.

The licences of everything inside are in `sidecar/LICENSES.txt`.
"""


def this_platform() -> str:
    """Returns this machine's platform, as npm names it."""
    machine = platform.machine().lower()
    return f"{sys.platform}-{_ARCHITECTURES.get(machine, machine)}"


def manifest(kind: str) -> dict[str, object]:
    """Returns package.json, which npm installs on one system and processor only."""
    shim = json.loads((CHECKOUT / "electron-shim" / "package.json").read_text(encoding="utf-8"))
    system, processor = kind.split("-")
    return {
        "name": f"{SHIM}-{kind}",
        "version": shim["version"],
        "description": f"The packed sidecar of {SHIM} for {kind}.",
        "license": shim["license"],
        "repository": {**shim["repository"], "directory": "packaging"},
        "os": [system],
        "cpu": [processor],
        "preferUnplugged": True,  # a program inside a zip cannot be started
        "files": ["sidecar"],
    }


def pack(folder: Path, kind: str, out: Path) -> Path:
    """Writes the tarball into ``out``.

    npm drops symbolic links, which PyInstaller creates on macOS, so each link is written as its target. npm takes the
    executable bit from the archive.
    """
    if kind not in PLATFORMS:
        sys.exit(f"packaging: the shim's package asks for none of {kind}; it knows {', '.join(PLATFORMS)}")
    package = manifest(kind)
    texts = {
        "package.json": json.dumps(package, indent=2) + "\n",
        "README.md": _README.format(name=package["name"], shim=SHIM, system=kind),
        "LICENSE": (CHECKOUT / "LICENSE").read_text(encoding="utf-8"),
    }
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{package['name']}-{package['version']}.tgz"
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, text in texts.items():
            _add(archive, f"package/{name}", text.encode(), runs=False)
        for path in files:
            runs = bool(path.stat().st_mode & 0o100)
            _add(archive, f"package/sidecar/{path.relative_to(folder).as_posix()}", path.read_bytes(), runs=runs)
    return target


def _add(archive: tarfile.TarFile, name: str, content: bytes, *, runs: bool) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mtime = _TIME
    entry.mode = 0o755 if runs else 0o644
    archive.addfile(entry, io.BytesIO(content))


def main() -> int:
    """Runs the command; ``packaging/build --npm`` calls ``pack``."""
    parser = argparse.ArgumentParser(prog="packaging/npm_package.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="a packed folder, as packaging/build makes it")
    parser.add_argument(
        "--as", dest="kind", choices=PLATFORMS, default=this_platform(), help="the platform that it is for"
    )
    parser.add_argument("--out", type=Path, default=CHECKOUT / "dist", help="where to write the tarball")
    options = parser.parse_args()
    if not (options.folder / "_internal" / "contents.json").is_file():
        sys.exit(f"packaging: {options.folder} is not a packed sidecar: make one with packaging/build")
    target = pack(options.folder, options.kind, options.out)
    sys.stdout.write(f"{target}: {target.stat().st_size / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
