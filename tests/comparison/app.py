"""An app of ours that runs the backend in one of the ways, and what is alive of it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Self, cast

import psutil

from tests.support import processes
from tests.support.launch import ROOT, clean_environment, sidecar_command

HERE = Path(__file__).resolve().parent
PATIENCE = 30.0  # seconds that an app waits for a start or a stop


class App:
    """``node app.mjs WAY`` in its own environment; the ``with`` block leaves no process and no file behind."""

    def __init__(self, way: str, folder: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="comparison-"))
        self.port = free_port()
        self.saved = self.folder / "saved"
        self.started = self.folder / "started"
        self._marker = f"COMPARISON={secrets.token_hex(8)}"
        # As `npm start` and start.sh do it: a shell that waits for the server.
        command = ["/bin/sh", "-c", f"'{shutil.which('node')}' '{folder}/backend.mjs'; exit $?"]
        environment = clean_environment() | {
            "COMMAND": json.dumps(command),
            "PORT": str(self.port),
            "SAVED": str(self.saved),
            "STARTED": str(self.started),
            "DATA": str(self.folder / "data"),
            "PM2_HOME": str(self.folder / "pm2"),
            "CLIENT": str(ROOT / "electron-shim" / "lib" / "client.js"),
            "SIDECAR_COMMAND": json.dumps(sidecar_command()),
            "COMPARISON": self._marker.partition("=")[2],
        }
        self.process = subprocess.Popen(
            ["node", f"{folder}/app.mjs", way],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        deadline = time.monotonic() + PATIENCE
        while (left := processes.marked(self._marker)) and time.monotonic() < deadline:
            for found in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(found.pid, signal.SIGKILL)
            time.sleep(0.05)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            cast("IO[bytes]", pipe).close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def request(self, what: str) -> str:
        """Start or stop; what the app received."""
        cast("IO[bytes]", self.process.stdin).write(f"{what}\n".encode())
        cast("IO[bytes]", self.process.stdin).flush()
        return cast("IO[bytes]", self.process.stdout).readline().decode().strip()

    def backend(self) -> list[processes.Found]:
        """The live processes of the backend: the shell, the server and its worker."""
        return [
            found
            for found in processes.marked(self._marker)
            if "backend.mjs" in found.command or "setInterval" in found.command
        ]

    def added_memory(self) -> float:
        """MiB of memory, pages that are shared counted once, of what runs beside the app and its backend."""
        own = {found.pid for found in self.backend()} | {self.process.pid}
        others = [found.pid for found in processes.marked(self._marker) if found.pid not in own]
        return sum(psutil.Process(pid).memory_full_info().pss for pid in others) / 2**20

    def answers(self, path: str = "/", timeout: float = 0.5) -> bool:
        """Whether the backend answers now."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """As the system's out-of-memory killer, or a crash of Electron."""
        self.process.kill()


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return cast("int", one.getsockname()[1])


def until(condition: Callable[[], object], seconds: float) -> float | None:
    """Milliseconds until the condition holds; None: not within this time."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        if condition():
            return passed * 1000
        time.sleep(0.01)
    return None
