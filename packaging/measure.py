"""Compares the packed sidecar, the installed one and a bare interpreter in one run: start, first answer, memory, guardian, disk.

``python packaging/measure.py [--folder dist/sidecar] [--runs 9]``, with an interpreter that has the sidecar's packages. The
three take turns, so that other load on the machine affects all alike. Prints the median (and the best).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

CHECKOUT = Path(__file__).resolve().parent.parent
SETTINGS = ["serve", "--set", "backend.autostart=false", "--set", "log.level=error"]
PING = b"\x84\xa4type\xa7request\xa2id\x01\xa7channel\xacsidecar:ping\xa4args\x90"
MS, MB = 1e3, 1e6


class Run:
    """One ``serve`` without a backend, from spawn to exit."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [*command, *SETTINGS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._received = b""
        self.pid: int = self._frame()["pid"]
        self.hello = (time.perf_counter() - began) * MS
        assert self.process.stdin is not None
        self.process.stdin.write(len(PING).to_bytes(4, "big") + PING)
        self.process.stdin.flush()
        while self._frame().get("id") != 1:
            pass
        self.answer = (time.perf_counter() - began) * MS

    def _frame(self) -> dict[str, object]:
        assert self.process.stdout is not None
        while len(self._received) < 4 or len(self._received) < 4 + int.from_bytes(self._received[:4], "big"):
            chunk = os.read(self.process.stdout.fileno(), 65536)
            assert chunk, "the sidecar ended"
            self._received += chunk
        end = 4 + int.from_bytes(self._received[:4], "big")
        body, self._received = self._received[4:end], self._received[end:]
        return msgspec.msgpack.decode(body, type=dict)

    def memory(self) -> tuple[float, float]:
        """Returns the resident MB of the idle sidecar and of its guardian (0 if it has none)."""
        import psutil

        time.sleep(1.0)
        sidecar = psutil.Process(self.pid)
        return sidecar.memory_info().rss / MB, sum(child.memory_info().rss for child in sidecar.children()) / MB

    def end(self) -> None:
        """Ends the sidecar as a quitting app does."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


def main() -> int:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--folder", type=Path, default=CHECKOUT / "dist" / "sidecar")
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    folder: Path = options.folder.resolve()
    program = str(folder / ("sidecar.exe" if sys.platform == "win32" else "sidecar"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(CHECKOUT)
    sidecars = {"packed": [program], "installed": [sys.executable, "-m", "sidecar"]}
    figures: dict[str, list[float]] = {}

    def add(name: str, value: float) -> None:
        figures.setdefault(name, []).append(value)

    for number in range(options.runs + 1):
        keep: Callable[[str, float], None] = (
            add if number else lambda _name, _value: None
        )  # the first round warms the cache
        for name, command in sidecars.items():
            run = Run(command, environment)
            keep(f"{name}: hello, ms", run.hello)
            keep(f"{name}: first answer, ms", run.answer)
            if number > options.runs - 3:
                resident, guardian = run.memory()
                add(f"{name}: resident, MB", resident)
                add(f"{name}: guardian, MB", guardian)
            run.end()
        keep("python -c pass, ms", timed([sys.executable, "-c", "pass"], environment))
        if sys.platform != "win32":
            keep("packed: fresh guardian, start and end, ms", timed([program, "--guardian"], environment))
    for name, values in figures.items():
        sys.stdout.write(f"{name:45}{statistics.median(values):8.1f}   best {min(values):.1f}, of {len(values)}\n")
    files = [path for path in folder.rglob("*") if path.is_file()]
    sys.stdout.write(f"on disk: {sum(path.stat().st_size for path in files) / MB:.1f} MB in {len(files)} files\n")
    return 0


def timed(command: list[str], environment: dict[str, str]) -> float:
    """Returns milliseconds from spawn to exit. A guardian whose socket is not a socket exits at once, which leaves its start."""
    nowhere = subprocess.DEVNULL
    began = time.perf_counter()
    subprocess.run(command, env=environment, stdin=nowhere, stdout=nowhere, stderr=nowhere, check=False)
    return (time.perf_counter() - began) * MS


if __name__ == "__main__":
    sys.exit(main())
