"""Every way to fail of tests/failures: brought about for real, and told in the very sentences of docs/causes.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.failures.page import ways
from tests.failures.stage import Stage, Told, Way, fill


@pytest.mark.parametrize("way", [pytest.param(way, id=way.name, marks=way.marks) for way in ways()])
async def test_it_is_reported_with_these_messages(way: Way, tmp_path: Path) -> None:
    async with Stage(tmp_path) as stage:
        told = await way.play(stage)
        assert told == Told(*(fill(text, stage.facts) for text in way.told))


def test_every_sentence_has_a_remedy_and_there_are_enough_of_them() -> None:
    assert [way.name for way in ways() if not way.told.remedy.strip()] == []
    names = [way.name for way in ways()]
    assert len(set(names)) == len(names) >= 25
