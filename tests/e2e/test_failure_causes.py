"""Reproduces every failure of tests/failures for real, and checks the report against docs/causes.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.failures.page import ways
from tests.failures.stage import Explanation, Stage, Way, fill


@pytest.mark.slow
@pytest.mark.parametrize("way", [pytest.param(way, id=way.name, marks=way.marks) for way in ways()])
async def test_it_is_reported_with_these_messages(way: Way, tmp_path: Path) -> None:
    async with Stage(tmp_path) as stage:
        reported = await way.play(stage)
        assert reported == Explanation(*(fill(text, stage.facts) for text in way.reported))


def test_every_sentence_has_a_remedy_and_there_are_enough_of_them() -> None:
    assert [way.name for way in ways() if not way.reported.remedy.strip()] == []
    names = [way.name for way in ways()]
    assert len(set(names)) == len(names) >= 25
