from __future__ import annotations

import random
import subprocess

from sidecar.process.windows.command_line import command_line


def test_words_are_quoted_as_the_standard_library_does_it() -> None:
    """Any words made of the relevant characters; the seed is fixed so that a failure is reproducible."""
    chance = random.Random(7)
    for _ in range(5000):
        words = ["".join(chance.choices('a\\" \t', k=chance.randrange(8))) for _ in range(chance.randrange(1, 5))]
        assert command_line(words) == subprocess.list2cmdline(words), words
