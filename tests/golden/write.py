"""Writes frames/*.json anew: ``python -m tests.golden.write``. The bytes are those of the product's own two encoders.

A difference in the committed files is a change of the wire: read it before you commit it.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.golden.cases import CASES
from tests.golden.frames import FOLDER, encoded

NODE = Path(__file__).with_name("encode.js")


def main() -> None:
    """Asks Node for its bytes of every case and writes the files."""
    values = {name: value for name, (_, value) in CASES.items()}
    answer = subprocess.run(["node", str(NODE)], input=json.dumps(values), capture_output=True, text=True, check=True)
    javascript: dict[str, str] = json.loads(answer.stdout)
    FOLDER.mkdir(exist_ok=True)
    for name, (meaning, value) in CASES.items():
        frame: dict[str, Any] = {
            "meaning": meaning,
            "value": value,
            "python": encoded(value).hex(),
            "javascript": javascript[name],
        }
        text = json.dumps(frame, indent=2, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
