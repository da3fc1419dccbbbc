"""Adds up the results of the suites in a folder: ``*.xml`` from pytest, ``*.log`` from node_tests.cjs.

Prints one line for each suite and the sum as the last line; fails where a test failed or no test ran at all.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

NODE = {"pass": "passed", "fail": "failed", "cancelled": "failed", "skipped": "skipped", "todo": "skipped"}


def of_pytest(path: Path) -> Counter[str]:
    """The counts of one JUnit file."""
    count: Counter[str] = Counter()
    for suite in ElementTree.parse(path).iter("testsuite"):  # noqa: S314 - our own pytest wrote it
        numbers = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
        bad = numbers["failures"] + numbers["errors"]
        count += Counter(
            failed=bad, skipped=numbers["skipped"], passed=max(0, numbers["tests"] - bad - numbers["skipped"])
        )
    return count


def of_node(path: Path) -> Counter[str]:
    """The counts at the end of what ``node --test`` prints, and node_tests.cjs writes: ``# pass 3``, or with another mark."""
    count: Counter[str] = Counter()
    for name, number in re.findall(r"^\S (\w+) (\d+)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        if name in NODE:
            count[NODE[name]] += int(number)
    return count


def line(count: Counter[str]) -> str:
    """``N passed, N failed, N skipped``."""
    return ", ".join(f"{count[name]} {name}" for name in ("passed", "failed", "skipped"))


def main(folder: Path) -> int:
    """Prints the counts; 1 where the gate must stay closed."""
    total: Counter[str] = Counter()
    for path in sorted(folder.iterdir()):
        if path.suffix in {".xml", ".log"}:
            count = of_pytest(path) if path.suffix == ".xml" else of_node(path)
            print(f"{path.stem}: {line(count)}")  # noqa: T201 - what it is for
            total += count
        if path.suffix == ".log":
            for repeated in re.findall(r"^repeated: .+$", path.read_text(encoding="utf-8"), re.MULTILINE):
                print(f"  {repeated}")  # noqa: T201 - a failure that did not come again is a bug all the same
    print(line(total))  # noqa: T201 - as above
    return 0 if total["passed"] and not total["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
