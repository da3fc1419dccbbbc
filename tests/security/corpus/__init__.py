"""Further lists of secrets and of texts that hold none, one a line, written by readers who had not seen the first.

In ``secrets.txt`` and ``places.txt`` a secret stands between « and »; ⏎ is a line break and ⇥ a tab. What is drawn at random is not written
down, so that no scanner takes it for real: ``%36`` is 36 letters and digits, ``%36h`` hexadecimal digits, ``%16u``
capitals and digits, ``%20l`` small letters and digits, ``%10d`` digits, ``%43b`` characters of Base64 in addresses;
``%%`` is a percent sign.
"""

from __future__ import annotations

import random
import re
import string
from pathlib import Path
from typing import NamedTuple

_ALPHABETS = {
    "": string.ascii_letters + string.digits,
    "b": string.ascii_letters + string.digits + "-_",
    "d": "123456789",
    "h": "0123456789abcdef",
    "l": string.ascii_lowercase + string.digits,
    "u": string.ascii_uppercase + "234567",
}
_DRAWN = re.compile(r"%(?:%|(?P<length>\d+)(?P<alphabet>[bdhlu]?))")


class Line(NamedTuple):
    """A text and the secrets in it."""

    text: str
    secrets: list[str]

    def is_left_in(self, shown: str) -> bool:
        """Whether a secret, or more than half of it, still stands in what is shown."""
        parts = [part for secret in self.secrets for part in secret.split("\n") if not part.startswith("-----")]
        return any(
            part[at : at + size] in shown
            for part in parts
            for size in [_telling(part)]
            for at in range(len(part) - size + 1)
        )


def lines(name: str) -> list[Line]:
    """All of one file."""
    source = random.Random(name)

    def draw(found: re.Match[str]) -> str:
        if found["length"] is None:
            return "%"
        return "".join(source.choices(_ALPHABETS[found["alphabet"]], k=int(found["length"])))

    read = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    drawn = [_DRAWN.sub(draw, line).replace("⏎", "\n").replace("⇥", "\t") for line in read]
    return [Line(re.sub("[«»]", "", line), re.findall("«([^»]*)»", line)) for line in drawn]


def _telling(secret: str) -> int:
    """How many characters in a row of a secret give it away."""
    return len(secret) if len(secret) < 8 else max(6, len(secret) * 6 // 10)
