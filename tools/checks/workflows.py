"""Checks our workflows for what no linter knows: what they must cover, and what they may do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tools import ROOT, read

from . import facts

_FOLDER = ".github/workflows"
_READ = [("contents", "read")]
# To create the release; to prove to npm which workflow publishes.
_RIGHTS = {("release.yml", "publish"): [("contents", "write")], ("release.yml", "npm"): [*_READ, ("id-token", "write")]}
_PIN = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def check() -> Iterator[str]:
    """Finds what the workflows lack, and what they may not do."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / _FOLDER).glob("*.yml"))}
    yield from unpinned(texts)
    for name, text in texts.items():
        if "\npermissions: {}\n" not in text:
            yield f"{_FOLDER}/{name}: has its own permissions; begin with 'permissions: {{}}'"
        if f"\n  group: {name.removesuffix('.yml')}-" not in text:
            yield f"{_FOLDER}/{name}: its concurrency group does not begin with its name"
        for job, body in jobs(text).items():
            yield from unbounded(f"{_FOLDER}/{name}: job {job}", body, _RIGHTS.get((name, job), _READ))
        for path in sorted(set(re.findall(r"(?:\.ci|tests|tools|packaging)/[\w./-]+\w", text))):
            if not (ROOT / path).exists():
                yield f"{_FOLDER}/{name}: {path} does not exist"
    yield from _suite(jobs(texts["ci.yml"])["suite"])
    yield from _release(texts)


def jobs(text: str) -> dict[str, str]:
    """Returns the text of each job of a workflow."""
    body = text.partition("\njobs:\n")[2]
    found = list(re.finditer(r"^  ([\w-]+):\n", body, re.MULTILINE))
    ends = [*(match.start() for match in found), len(body)][1:]
    return {match[1]: body[match.end() : end] for match, end in zip(found, ends, strict=True)}


def unpinned(texts: Mapping[str, str]) -> Iterator[str]:
    """Yields third-party actions that are not pinned to a commit with its version, or that are used in two versions."""
    versions: dict[str, str] = {}
    for name, text in texts.items():
        for used in re.findall(r"uses: (.+)$", text, re.MULTILINE):
            action = used.partition("@")[0]
            if used.startswith("./"):
                continue
            if not _PIN.fullmatch(used):
                yield f"{_FOLDER}/{name}: {used} is not pinned as owner/name@commit # vX.Y.Z"
            if versions.setdefault(action, used) != used:
                yield f"{_FOLDER}/{name}: {used} is {versions[action]} elsewhere"


def unbounded(place: str, body: str, allowed: list[tuple[str, str]]) -> Iterator[str]:
    """Yields a job without a time limit, or with permissions that it should not have."""
    if "    uses: ./" not in body and not re.search(r"^    timeout-minutes: \d+$", body, re.MULTILINE):
        yield f"{place}: has no timeout-minutes"
    rights = re.findall(r"^      ([\w-]+): (read|write)\b", body.partition("permissions:\n")[2], re.MULTILINE)
    if rights != allowed:
        yield f"{place}: has the rights {rights}; allowed is {allowed}"


def _suite(suite: str) -> Iterator[str]:
    readme = read("README.md")
    wanted = ["os: [ubuntu-latest, windows-latest, macos-latest]", 'python: ["3.11", "3.12", "3.13", "3.14"]']
    for language in ("sh", "bat"):
        commands = re.findall(rf"```{language}\n(.+?)\n```", readme, re.DOTALL)[:2]
        wanted += [command.replace('cmd /c "py -m', 'cmd /c "python -m') for command in commands]
    yield from (f"{_FOLDER}/ci.yml: job suite lacks: {line}" for line in wanted if line not in suite)


def _release(texts: Mapping[str, str]) -> Iterator[str]:
    """Checks that a release comes only from a tag, is checked first, needs every other workflow, and publishes what was built."""
    release = jobs(texts["release.yml"])
    publish = release["publish"]
    called = {job for job, text in release.items() if "uses: ./" in text}
    paths = {path for job in called for path in re.findall(r"uses: \./(\S+)", release[job])}
    needed = re.search(r"needs: \[(.+)\]", publish)
    trigger = texts["release.yml"].partition("\non:\n")[2].partition("\n\n")[0]
    uploaded = set(re.findall(r"^          name: (\S+)", texts["packages.yml"], re.MULTILINE))
    yield from facts(
        f"{_FOLDER}/release.yml",
        (trigger.split() == ["push:", "tags:", '["v*"]'], "may be started by something else than a tag v*"),
        ('.ci/release_check.py --tag "$GITHUB_REF_NAME"' in release["check"], "does not check the tag"),
        (
            paths == {f"{_FOLDER}/{name}" for name in texts if name != "release.yml"},
            "does not call every other workflow",
        ),
        (all("needs: check\n" in release[job] for job in called), "a called workflow does not wait for the check"),
        (needed is not None and set(needed[1].split(", ")) == {"check", *called}, "does not wait for every job"),
        ("sha256sum" in publish, "publishes no checksums"),
        ("python packaging/sbom.py --out dist" in texts["packages.yml"], "takes no bill of materials"),
        ("vendor -- --check" in read(".ci/run"), "nothing compares what is vendored with its package"),
        (uploaded == {"packages", "frozen-${{", "npm-${{"}, f"packages.yml uploads {sorted(uploaded)}"),
        ("artifacts/packages/" in publish and "artifacts/frozen-*/" in publish, "does not publish what was built"),
        (
            "needs: publish\n" in release["npm"] and "--provenance" in release["npm"],
            "npm's packages have no provenance",
        ),
    )
