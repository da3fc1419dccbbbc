"""``python -m tests.comparison [--write]``: puts each way of running a backend through the same five events.

Needs Node and npm; installs execa and pm2 into .cache/comparison. ``--write`` puts the table into docs/comparison.md and README.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median

from tests.benchmarks.machine import describe

from . import events
from .app import HERE, App

ROOT = HERE.parent.parent
FOLDER = ROOT / ".cache" / "comparison"
PAGES = (ROOT / "docs" / "comparison.md", ROOT / "README.md")
BEGIN, END = "<!-- comparison: begin -->\n", "<!-- comparison: end -->\n"
WAYS = {"by_hand": "`child_process` by hand", "execa": "execa", "pm2": "pm2", "sidecar": "this sidecar"}


def main() -> None:
    """Exit status 1: this product did not do what its page promises."""
    parser = argparse.ArgumentParser(prog="python -m tests.comparison", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the table into docs/comparison.md and README.md")
    parser.add_argument("--runs", type=int, default=5, help="runs of each cell (default 5)")
    options = parser.parse_args()
    _install()
    rows = []
    for title, event in events.EVENTS.items():
        makers = [partial(App, way, FOLDER) for way in WAYS]
        with ThreadPoolExecutor() as pool:  # at once: nearly all of it is waiting
            results = [list(pool.map(event, makers)) for _ in range(options.runs)]
        cells = [_cell(list(column)) for column in zip(*results, strict=True)]
        print(title, *cells, sep=" | ", flush=True)
        rows.append((title, cells))
    machine = describe()
    table = _table(rows)
    caption = f"{options.runs} runs each on {machine.date}, {machine.system}, Node {machine.node}, {_versions()}.\n"
    print(f"\n{caption}\n{table}")
    if options.write:
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            before, after = text.partition(BEGIN)[0], text.partition(END)[2]
            page.write_text(f"{before}{BEGIN}{caption}\n{table}{END}{after}", encoding="utf-8", newline="\n")


def _install() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in HERE.glob("*.*js*"):
        shutil.copy(file, FOLDER)
    npm = shutil.which("npm") or sys.exit("npm is missing: install Node first.")
    subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"], cwd=FOLDER, check=True
    )


def _cell(results: list[float | str | None]) -> str:
    """Numbers as their median, texts as what came most often; None: it did not happen within the time of the event."""
    numbers = [result for result in results if isinstance(result, int | float)]
    if len(numbers) == len(results):
        return f"{median(numbers):,.0f}"
    texts = [result for result in results if isinstance(result, str)]
    return max(texts, key=texts.count) if texts else "never"


def _table(rows: list[tuple[str, list[str]]]) -> str:
    lines = [f"| | {' | '.join(WAYS.values())} |", f"|---|{'---|' * len(WAYS)}"]
    lines += [f"| {title} | {' | '.join(cells)} |" for title, cells in rows]
    return "\n".join(lines) + "\n"


def _versions() -> str:
    packages = {
        name: json.loads((FOLDER / "node_modules" / name / "package.json").read_text("utf-8"))
        for name in ("execa", "pm2")
    }
    return ", ".join(f"{name} {package['version']}" for name, package in packages.items())


if __name__ == "__main__":
    main()
