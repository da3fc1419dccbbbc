"""Collects the licences of everything in the packed folder in one text."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import Distribution, PathDistribution, distributions
from pathlib import Path, PurePath, PureWindowsPath

CHECKOUT = Path(__file__).resolve().parent.parent
RULE = "=" * 100
PYINSTALLER = (
    "The start-up code of the program (the bootloader) is PyInstaller's. It is under the GNU General Public License, version 2\n"
    "or later, with an exception that permits to distribute programs packed with it under any licence:\n\n"
)


def collect(inside: list[str], site: Path, cpython: Path, made: Path, cache: Path) -> str:
    """Returns the complete text.

    Args:
        inside: where each file of the folder came from, as PyInstaller reports it.
        site: the folder of the packages.
        cpython: the text of CPython's licence.
        made: the packed folder.
        cache: the folder below which PyInstaller is installed.
    """
    parts = [("electron-backend-sidecar", (CHECKOUT / "LICENSE").read_text(encoding="utf-8"))]
    parts.append(
        ("CPython, its standard library and what they include", cpython.read_text(encoding="utf-8", errors="replace"))
    )
    parts.append(("PyInstaller", PYINSTALLER + licence_text(packer(cache))))
    known = list(distributions(path=[str(site)]))
    parts += [(f"{name} {version}", text) for name, version, text in sorted(packages(inside, known))]
    parts += sorted(
        (f"{file.parent.name} (in the dashboard's page)", file.read_text(encoding="utf-8"))
        for file in (made / "_internal" / "sidecar").rglob("LICEN*")
    )
    if sys.platform.startswith("linux") and (made / "sidecar").exists():
        parts += sorted(system_libraries(inside))
    head = "What this folder contains, and under which licences:\n\n" + "".join(f"  {title}\n" for title, _ in parts)
    return head + "".join(f"\n{RULE}\n{title}\n{RULE}\n\n{text.strip()}\n" for title, text in parts)


def packages(inside: list[str], known: list[Distribution]) -> set[tuple[str, str, str]]:
    """Returns name, version and licence of every package that has a module inside."""
    folders = {part.lower() for name in inside for part in after_site_packages(name)}
    found = set()
    for one in known:
        tops = {file.parts[0].lower() for file in one.files or () if file.suffix in {".py", ".pyd", ".so"}}
        if tops & folders:
            found.add((one.name, one.version, licence_text(one)))
    return found


def after_site_packages(name: str) -> tuple[str, ...]:
    """Returns the top-level name of a module in site-packages; empty for any other file."""
    parts = (PureWindowsPath if "\\" in name else PurePath)(name).parts
    return parts[(place := parts.index("site-packages")) + 1 : place + 2] if "site-packages" in parts else ()


def packer(cache: Path) -> Distribution:
    """Returns PyInstaller, which is not among the packages when the Windows folder is built under Wine."""
    return PathDistribution(next(iter(sorted(cache.rglob("pyinstaller-[0-9]*.dist-info")))))


def licence_text(one: Distribution) -> str:
    """Returns the text of a wheel's licence files (PEP 639), or of files that look like a licence."""
    words = ("LICEN", "COPYING", "NOTICE", "AUTHORS")
    files = [file for file in one.files or () if ".dist-info" in str(file) and file.name.upper().startswith(words)]
    texts = [Path(str(one.locate_file(file))).read_text(encoding="utf-8", errors="replace") for file in files]
    if texts:
        return "\n\n".join(texts)
    classified = [
        line.rpartition(" :: ")[2] for line in one.metadata.get_all("Classifier") or () if line.startswith("License")
    ]
    stated = one.metadata.get("License-Expression") or one.metadata.get("License") or ", ".join(classified)
    if not stated:
        sys.exit(f"packaging: no licence of {one.name} was found, and none may be missing in LICENSES.txt")
    author = one.metadata.get("Author-email") or one.metadata.get("Author") or "its authors"
    return f"{one.name}, by {author}. The package carries no text of its licence; it states: {stated}\n"


def system_libraries(inside: list[str]) -> set[tuple[str, str]]:
    """Returns the distribution's shared libraries, with the licence texts in its packages."""
    found = set()
    for name in inside:
        path = Path(name)
        if not path.is_relative_to("/lib") and not path.is_relative_to("/usr/lib"):
            continue
        if "/python3" in name or path.name.startswith("libpython"):
            continue  # Debian's own CPython
        package = owner(path)
        copyright_file = Path("/usr/share/doc") / package / "copyright"
        if not package or not copyright_file.exists():
            sys.exit(f"packaging: no licence of {path} was found, and none may be missing in LICENSES.txt")
        found.add((f"{path.name} ({package})", copyright_file.read_text(encoding="utf-8", errors="replace")))
    return found


def owner(path: Path) -> str:
    """Returns the Debian package of a file; "" if not found or without dpkg."""
    dpkg = shutil.which("dpkg")
    if dpkg is None:
        return ""
    for spelling in dict.fromkeys([str(path), str(path.resolve()), str(path.resolve()).removeprefix("/usr")]):
        done = subprocess.run([dpkg, "-S", spelling], check=False, capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.partition(":")[0]
    return ""
