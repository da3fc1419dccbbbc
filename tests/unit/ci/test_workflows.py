"""What no linter knows of our workflows: what they must cover, and what they may do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in FILES}
RELEASE = TEXTS["release.yml"]


def jobs(text: str) -> dict[str, str]:
    """The text of each job."""
    body = text.partition("\njobs:\n")[2]
    found = list(re.finditer(r"^  ([\w-]+):\n", body, re.MULTILINE))
    ends = [*(match.start() for match in found), len(body)][1:]
    return {match[1]: body[match.end() : end] for match, end in zip(found, ends, strict=True)}


JOBS = [(name, job, text) for name, workflow in TEXTS.items() for job, text in jobs(workflow).items()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_actions_of_others_are_pinned_to_a_commit_with_its_version_beside_it(path: Path) -> None:
    for used in re.findall(r"uses: (.+)$", TEXTS[path.name], re.MULTILINE):
        if not used.startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used), used


def test_one_action_has_one_version_everywhere() -> None:
    used = {one for text in TEXTS.values() for one in re.findall(r"uses: (\S+@\S+)", text)}
    assert len({one.partition("@")[0] for one in used}) == len(used)


@pytest.mark.parametrize(("name", "job", "text"), JOBS, ids=[f"{name}:{job}" for name, job, _ in JOBS])
def test_a_job_has_a_time_limit_and_only_the_rights_that_it_needs(name: str, job: str, text: str) -> None:
    called = "    uses: ./" in text
    assert called or re.search(r"^    timeout-minutes: \d+$", text, re.MULTILINE)
    rights = re.findall(r"^      ([\w-]+): (read|write)\b", text.partition("permissions:\n")[2], re.MULTILINE)
    publishes = (name, job) == ("release.yml", "publish")
    assert rights == [("contents", "write" if publishes else "read")]


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_workflow_has_no_rights_of_its_own_and_a_concurrency_group_of_its_own(name: str) -> None:
    assert "\npermissions: {}\n" in TEXTS[name]
    assert f"\n  group: {name.removesuffix('.yml')}-" in TEXTS[name]


def test_the_suite_runs_on_each_system_with_each_python() -> None:
    suite = jobs(TEXTS["ci.yml"])["suite"]
    assert "os: [ubuntu-latest, windows-latest, macos-latest]" in suite
    assert 'python: ["3.11", "3.12", "3.13", "3.14"]' in suite


def test_the_workflow_runs_what_the_readme_says() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    suite = jobs(TEXTS["ci.yml"])["suite"]
    for language in ("sh", "bat"):
        for command in re.findall(rf"```{language}\n(.+?)\n```", readme, re.DOTALL)[:2]:
            assert command.replace('cmd /c "py -m', 'cmd /c "python -m') in suite


def test_a_release_comes_from_a_tag_alone_is_checked_first_and_needs_everything() -> None:
    trigger = RELEASE.partition("\non:\n")[2].partition("\n\n")[0]
    assert trigger.split() == ["push:", "tags:", '["v*"]']
    release = jobs(RELEASE)
    assert '.ci/release_check.py --tag "$GITHUB_REF_NAME"' in release["check"]
    called = {job for job, text in release.items() if "uses: ./" in text}
    assert {f".github/workflows/{name}" for name in ("ci.yml", "electron.yml", "packages.yml")} == {
        path for job in called for path in re.findall(r"uses: \./(\S+)", release[job])
    }
    assert all("needs: check\n" in release[job] for job in called)
    needed = re.search(r"needs: \[(.+)\]", release["publish"])
    assert needed
    assert set(needed[1].split(", ")) == {"check", *called}
    assert "sha256sum" in release["publish"]


def test_every_file_that_is_named_is_there() -> None:
    named = {one for text in TEXTS.values() for one in re.findall(r"(?:\.ci|tests|packaging)/[\w./-]+\w", text)}
    assert named
    assert [one for one in sorted(named) if not (ROOT / one).exists()] == []


def test_what_a_release_publishes_is_what_the_packages_workflow_uploads() -> None:
    uploaded = set(re.findall(r"^          name: (\S+)", TEXTS["packages.yml"], re.MULTILINE))
    assert uploaded == {"packages", "frozen-${{"}
    for name in ("artifacts/packages/", "artifacts/frozen-*/"):
        assert name in jobs(RELEASE)["publish"]
