"""``nox -s NAME``: the tasks of a contributor, all in one environment, ``.venv``, which is made where it is missing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "test"]
nox.options.default_venv_backend = "none"

ROOT = Path(__file__).resolve().parent
SHIM = ROOT / "electron-shim"
PYTHON = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
# The packages that the packed folder holds, and those that pack it: pyproject.toml and packer.in, with their lock files.
LOCKS = {"pyproject.toml": "packaging/requirements.txt", "packaging/packer.in": "packaging/packer.txt"}


def python(session: nox.Session, *words: str) -> None:
    """Runs the environment's Python; makes the environment first where it is missing."""
    if not PYTHON.exists():
        session.run(sys.executable, "-m", "venv", str(ROOT / ".venv"), external=True)
        session.run(str(PYTHON), "-m", "pip", "install", "-q", "-e", f"{ROOT}[dev]", external=True)
    session.run(str(PYTHON), *words, external=True, env={"PYTHON": str(PYTHON)})


def npm(session: nox.Session, *words: str) -> None:
    """Runs npm in the shim, whose packages are installed first where they are missing."""
    with session.chdir(SHIM):
        if not (SHIM / "node_modules").is_dir():
            session.run("npm", "ci", "--no-audit", "--no-fund", external=True)
        session.run("npm", *words, external=True)


@nox.session
def test(session: nox.Session) -> None:
    """The test suite. Words after -- go to pytest."""
    python(session, "-m", "pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style of Python and JavaScript, layers, documents, and whether generated files are up to date."""
    python(session, "-m", "ruff", "check", ".")
    python(session, "-m", "ruff", "format", "--check", ".")
    python(session, "-m", "tools.check")
    npm(session, "run", "--silent", "lint")


@nox.session
def types(session: nox.Session) -> None:
    """Types of Python on three systems, and of JavaScript."""
    for platform in ("linux", "darwin", "win32"):
        python(session, "-m", "mypy", "--platform", platform)
    npm(session, "run", "--silent", "types")


@nox.session
def generate(session: nox.Session) -> None:
    """Writes everything generated: schemas, types, pages, golden frames. Words after -- go to the command."""
    python(session, "-m", "tools.generate", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measures, quickly by default. Words after -- go to the benchmarks."""
    python(session, "-m", "tests.benchmarks", *(session.posargs or ["--quick"]))


@nox.session
def package(session: nox.Session) -> None:
    """Makes the packed folder. Words after -- go to packaging/build.py."""
    python(session, "packaging/build.py", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Writes the lock files again: the newest versions with --upgrade after --, else the hashes of the present ones."""
    python(session, "-m", "pip", "install", "-q", "uv")
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-annotate"]
    for source, target in LOCKS.items():
        header = (ROOT / target).read_text(encoding="utf-8").partition("\n")[0]
        python(
            session, "-m", "uv", "pip", "compile", "-q", "--no-header", *options, *session.posargs, source, "-o", target
        )
        text = (ROOT / target).read_text(encoding="utf-8")
        (ROOT / target).write_text(f"{header}\n{text}", encoding="utf-8", newline="\n")
    npm(session, "install", "--package-lock-only", "--no-audit", "--no-fund")
