"""The tree of errors: every class says what a user can do, wherever it is raised and however little is known."""

from __future__ import annotations

import pytest

from sidecar.errors import SidecarError


def descendants(kind: type[SidecarError]) -> list[type[SidecarError]]:
    return [kind, *(one for child in kind.__subclasses__() for one in descendants(child))]


# Those of other rooms add facts and inherit the remedy.
KINDS = [kind for kind in descendants(SidecarError) if kind.__module__ == "sidecar.errors"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_class_has_a_remedy_and_one_that_is_given_comes_first(kind: type[SidecarError]) -> None:
    assert kind.remedy.endswith(".")
    assert kind("what happened").hint == kind.remedy
    assert kind("what happened", hint="do this").hint == "do this"


def test_codes_are_names_of_one_class_each() -> None:
    leaves = [kind.code for kind in KINDS if kind is not SidecarError]
    assert sorted(set(leaves)) == sorted(leaves)
