"""``python -m tests.benchmarks [--json FILE] [--only NAME…] [--skip NAME…] [--check] [--quick]``: measures, prints, checks."""

from __future__ import annotations

import argparse
import compileall
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import msgspec

from tests.support.launch import ROOT

from . import budget, report
from .figures import Figure, Results, Scale, Skipped
from .machine import describe

GROUPS = {
    "start": "from the spawn of the sidecar to hello, to the backend's spawn, to the first answer",
    "roundtrip": "a call and its answer, one at a time and many at once",
    "profile": "where the time of a start and of a ping goes, step by step",
    "ready": "from the backend's first possible answer to the event that it is ready",
    "changes": "the report of a death, the recovery from a crash, a restart, a stop",
    "kill": "trees of 10, 100, 200 and 1000 processes",
    "resources": "one sample of what a tree of 50 processes uses",
    "memory": "after 10⁶ requests, 10⁶ events, 1 GB of log, 1000 restarts",
    "growth": "how cost grows: requests in flight, size of the tree, events a second",
    "anywhere": "what can be measured on every platform, Windows included",
    "idle": "ten minutes with nothing but health checks",
}


def main() -> int:
    """Exit status 1: the budget is not kept, or a benchmark failed."""
    options = _options()
    if options.check and options.against:
        return report.budget(budget.check(_load(options.against).figures))
    scale = Scale("tiny" if options.tiny else "quick" if options.quick else "full")
    names = [name for name in GROUPS if (not options.only or name in options.only) and name not in (options.skip or ())]
    if sys.platform == "win32" and names != ["anywhere"]:
        sys.exit("On Windows only --only anywhere: the others wait with select on pipes, which Windows does not have.")
    # pip compiles what it installs, but no checkout: where the environment forbids bytecode, each start would compile 110 modules.
    compileall.compile_dir(str(ROOT / "sidecar"), quiet=2)
    machine = describe()
    began = time.monotonic()
    figures: list[Figure] = []
    skipped: dict[str, str] = {}
    report.heading(machine, scale)
    for name in names:
        report.group(name, GROUPS[name])
        for figure in _measure(name, scale, skipped):
            figures.append(figure)
            report.figure(figure)
    seconds = round(time.monotonic() - began, 1)
    command = " ".join(["python -m tests.benchmarks", *(word for word in sys.argv[1:] if not word.endswith(".json"))])
    results = Results(machine, command.replace(" --json", ""), scale.name, seconds, figures, skipped)
    if options.json:
        Path(options.json).write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    report.closing(seconds, skipped)
    return report.budget(budget.check(figures)) if options.check else 0


def _measure(name: str, scale: Scale, skipped: dict[str, str]) -> Iterator[Figure]:
    """The figures of a group; one that cannot be run here gives the reason instead."""
    run: Callable[[Scale], Iterator[Figure]] = import_module(f"tests.benchmarks.{name}").run
    try:
        yield from run(scale)
    except Skipped as reason:
        skipped[name] = str(reason)
        report.skipped(str(reason))


def _load(path: str) -> Results:
    return msgspec.json.decode(Path(path).read_bytes(), type=Results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measures the sidecar next to floors and peers. Without options it takes about 25 minutes, 10 of them idle.",
        epilog="groups: " + "; ".join(f"{name}: {what}" for name, what in GROUPS.items()),
    )
    parser.add_argument(
        "--json", metavar="FILE", help="write the figures there too; tests.benchmarks.table makes a page of it"
    )
    parser.add_argument("--only", metavar="NAME", nargs="+", choices=GROUPS, help="these groups alone")
    parser.add_argument("--skip", metavar="NAME", nargs="+", choices=GROUPS, help="all groups but these")
    parser.add_argument(
        "--check", action="store_true", help="check the ratios of budget.toml; exit status 1 if one is not kept"
    )
    parser.add_argument("--against", metavar="FILE", help="with --check: check what --json wrote, measure nothing")
    parser.add_argument(
        "--quick", action="store_true", help="fewer repetitions and smaller loads: a smoke test, not a result"
    )
    parser.add_argument("--tiny", action="store_true", help="everything once, to see that it works")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
