"""What the observer masks, and for whom."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sidecar.process.base import LaunchSpec
from sidecar.rpc import observer as module
from sidecar.rpc.observer import Observer
from sidecar.settings import masking
from sidecar.settings.masking import MASK
from sidecar.settings.model import Backend, Settings


@pytest.fixture
def supervisor() -> SimpleNamespace:
    return SimpleNamespace(run=None)


@pytest.fixture
def observer(supervisor: Any, monkeypatch: pytest.MonkeyPatch) -> Observer:
    monkeypatch.setattr(module.log, "set_mask", lambda _: None)
    nothing: Any = None
    settings = Settings(
        backend=Backend(command=["backend", "--api-key=of the command"], env={"API_KEY": "of the settings"})
    )
    return Observer(settings, nothing, nothing, supervisor, nothing)


def run_with(**env: str) -> SimpleNamespace:
    return SimpleNamespace(spec=LaunchSpec(1, ("backend",), "/", env))


def test_secrets_of_the_run_and_our_own_are_masked(
    observer: Observer, supervisor: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "ours-alone")
    assert observer.mask("ours-alone, not-yet-known") == f"{MASK}, not-yet-known"
    supervisor.run = run_with(API_TOKEN="not-yet-known")
    assert observer.mask("ours-alone, not-yet-known") == f"{MASK}, {MASK}"


def test_a_run_that_is_about_to_be_takes_no_secret_back(observer: Observer, supervisor: SimpleNamespace) -> None:
    """The report on a crash is written on a thread, while the next run is begun."""
    assert observer.mask("of the settings, of the command") == f"{MASK}, {MASK}"
    supervisor.run = run_with(API_TOKEN="of the first run")
    observer.mask("")
    supervisor.run = SimpleNamespace(spec=None)
    assert observer.mask("of the first run, of the settings, of the command") == f"{MASK}, {MASK}, {MASK}"


def test_another_thread_that_comes_in_between_masks_the_same(
    observer: Observer, supervisor: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor.run = run_with(API_TOKEN="of the first run")
    observer.mask("")
    supervisor.run = run_with(API_TOKEN="of the second run")
    spellings, meanwhile = masking.spellings, []

    def slow(secrets: Any) -> list[str]:
        monkeypatch.setattr(masking, "spellings", spellings)
        meanwhile.append(observer.mask("of the second run"))
        return spellings(secrets)

    monkeypatch.setattr(masking, "spellings", slow)
    assert observer.mask("of the second run") == MASK
    assert meanwhile == [MASK]
