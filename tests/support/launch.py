"""How a test starts the sidecar: its command, its environment, its settings as flags."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RUN = "from sidecar.__main__ import main; raise SystemExit(main())"  # as the npm package starts it: python -m takes longer
TIMEOUT = 120.0  # seconds; a test's command takes one or two, the rest is for a busy machine


def sidecar_command() -> list[str]:
    """The command that starts the sidecar: an environment variable points the whole suite at any executable."""
    given = os.environ.get("SIDECAR_COMMAND")
    return shlex.split(given, posix=os.name == "posix") if given else [sys.executable, "-c", RUN]


def clean_environment(extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Our environment without variables that configure a sidecar or a backend, and with the checkout importable; None removes a name.

    The profile is aura unless a test names one: most tests' backends have its endpoints. COLUMNS and LINES are dropped too:
    GNU readline exports them wherever it is loaded, e.g. by pytest.
    """
    prefixes = ("COLUMNS", "LINES", "SIDECAR_", "AURA_", "ASPNETCORE_", "DOTNET_ENV", "KESTREL__", "FFMPEG_")
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(prefixes)}
    environment |= {"PYTHONPATH": str(ROOT), "SIDECAR_PROFILE": "aura"}
    for name, value in (extra or {}).items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return environment


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str | None] | None = None, check: bool = False, **how: Any
) -> subprocess.CompletedProcess[Any]:
    """Runs a command to its end in ``clean_environment(env)``, by default without input; ``how`` as for subprocess.run.

    Its streams are UTF-8 text; bytes if ``input`` is bytes or ``encoding`` is None.
    """
    encoding = None if isinstance(how.get("input"), bytes) else "utf-8"
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if "input" not in how:
        streams["stdin"] = subprocess.DEVNULL
    how = {"timeout": TIMEOUT, "encoding": encoding, **streams, **how}
    return subprocess.run(command, check=check, env=clean_environment(env), **how)


def run_sidecar(*words: str, **how: Any) -> subprocess.CompletedProcess[Any]:
    """Calls ``run`` for the sidecar with these arguments."""
    return run([*sidecar_command(), *words], **how)


def run_sidecar_here(
    *words: str, env: Mapping[str, str | None] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """As ``run_sidecar``, but in this process: for what a tool prints and returns, in a fifth of the time.

    Its streams are no files, and a sidecar that it starts is a process. With SIDECAR_COMMAND, it is that program.
    """
    if "SIDECAR_COMMAND" in os.environ:
        return run_sidecar(*words, env=env, cwd=cwd)
    from sidecar import cli

    before, folder, clean = dict(os.environ), Path.cwd(), clean_environment(env)
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n", write_through=True) for _ in range(2))
    os.environ.clear()
    os.environ.update(clean)
    os.chdir(cwd or folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main(words)
    except SystemExit as end:  # of click, after a completion
        status = end.code
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(before)
    stdout, stderr = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(words, status, stdout, stderr)


def toml_value(value: Any) -> str:
    """A TOML value for ``--set``: JSON's strings, numbers, booleans and arrays are valid TOML, its objects are not."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
