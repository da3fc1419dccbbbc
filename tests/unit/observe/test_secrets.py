"""Whose secrets are masked."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from sidecar.errors import LIMIT_REMEDY
from sidecar.observe.secrets import Secrets
from sidecar.settings import masking
from sidecar.settings.masking import MASK
from sidecar.settings.model import Backend


@pytest.fixture
def secrets() -> Secrets:
    return Secrets(Backend(command=["backend", "--api-key=of the command"], env={"API_KEY": "of the settings"}))


def test_secrets_of_the_run_and_our_own_are_masked(secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "ours-alone")
    assert secrets.mask("ours-alone, not-yet-known") == f"{MASK}, not-yet-known"
    secrets.learn({"API_TOKEN": "not-yet-known"}, ("backend",))
    assert secrets.mask("ours-alone, not-yet-known") == f"{MASK}, {MASK}"


def test_the_secrets_of_the_settings_stay_masked_together_with_a_runs(secrets: Secrets) -> None:
    assert secrets.mask("of the settings, of the command") == f"{MASK}, {MASK}"
    secrets.learn({"API_TOKEN": "of the first run"}, ())
    assert secrets.mask("of the first run, of the settings, of the command") == f"{MASK}, {MASK}, {MASK}"


def test_another_thread_that_comes_in_between_masks_the_same(secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.learn({"API_TOKEN": "of the first run"}, ())
    secrets.mask("")
    secrets.learn({"API_TOKEN": "of the second run"}, ())
    spellings, meanwhile = masking.spellings, []

    def slow(known: Any) -> list[str]:
        monkeypatch.setattr(masking, "spellings", spellings)
        meanwhile.append(secrets.mask("of the second run"))
        return spellings(known)

    monkeypatch.setattr(masking, "spellings", slow)
    assert secrets.mask("of the second run") == MASK
    assert meanwhile == [MASK]


def test_a_run_with_the_variables_of_the_run_before_is_not_searched_again(
    secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets.learn({"API_TOKEN": "of every run", "PORT": "1"}, ())
    secrets.mask("")
    searched: list[str] = []
    search = masking.secrets_of
    monkeypatch.setattr(masking, "secrets_of", lambda env: searched.extend(env) or search(env))
    secrets.learn({"API_TOKEN": "of every run", "PORT": "2"}, ())
    assert secrets.mask("of every run") == MASK
    assert searched == ["PORT"]


def test_a_text_is_withheld_if_the_masking_cannot_be_imported(
    secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No descriptor was left for the import: a launch that failed because of that was never answered."""
    monkeypatch.setitem(sys.modules, "sidecar.settings.masking", None)
    text = secrets.mask("of the settings")
    assert "withheld" in text
    assert LIMIT_REMEDY in text
    assert "of the settings" not in text
