from __future__ import annotations

import pytest

from sidecar.errors import ElevationRefusedError, InvalidConfigError, UnsupportedError
from sidecar.firewall.create import create, plan
from sidecar.firewall.rules import Snapshot
from sidecar.wire.messages import CreatedFirewallRule
from tests.support.firewall import NAME, PROGRAM, QUERY_USER, query_user, rule, snapshot


class Machine:
    """A registry that changes when the helper has run, some reads later."""

    def __init__(self, before: Snapshot, after: Snapshot | None = None, *, late: int = 0, code: int | None = 0) -> None:
        self.before, self.after, self.late, self.code = before, after or before, late, code
        self.ran: list[tuple[str, str]] = []
        self.pauses: list[float] = []

    def read(self) -> Snapshot:
        return self.after if self.ran and len(self.pauses) >= self.late else self.before

    def run(self, file: str, parameters: str) -> int | None:
        self.ran.append((file, parameters))
        return self.code

    def create(self, *, preview: bool = False, program: str = PROGRAM, name: str = NAME) -> CreatedFirewallRule:
        return create(program, name, preview=preview, read=self.read, run=self.run, pause=self.pauses.append)


def test_the_helper_is_windows_own_and_adds_one_rule() -> None:
    todo = plan(snapshot(), PROGRAM, NAME)
    assert todo.file.lower() == r"c:\windows\system32\cmd.exe"  # the system spells it in its own way
    line = (
        r'/d /v:off /s /c ""C:\Windows\System32\netsh.exe" advfirewall firewall add rule '
        rf'name="{NAME}" dir=in action=allow program="{PROGRAM}" enable=yes profile=private protocol=TCP"'
    )
    assert todo.parameters.lower() == line.lower()
    assert (todo.replaced, todo.obstacle) == ((), "")


def test_stale_rules_of_the_program_are_deleted_first() -> None:
    others = [("other", rule(app=r"C:\other.exe")), ("out", rule(direction="Out"))]
    todo = plan(
        snapshot([*others, *query_user()], policy=[("gp", rule("Allow", profiles=["Public"]))]),
        PROGRAM,
        NAME,
    )
    assert [found.value_name for found in todo.replaced] == [name for name, _ in query_user()]
    first, second = todo.parameters.split(" & ")
    assert first.endswith(rf'netsh.exe" advfirewall firewall delete rule name=all dir=in program="{PROGRAM}"')
    assert "add rule" in second


def test_the_rule_counts_when_the_registry_shows_it() -> None:
    machine = Machine(snapshot(query_user()), snapshot([("new", rule())]), late=3)
    answer = machine.create()
    assert (answer.created, answer.exists) == (True, True)
    assert "allowed by “Aura Video Studio Backend” (local)" in answer.details
    assert [line.partition(" ")[0] for line in answer.replaced] == ["block", "block"]
    assert QUERY_USER in answer.replaced[0]
    assert len(machine.ran) == 1
    assert len(machine.pauses) == 3


@pytest.mark.parametrize(("code", "words"), [(0, "exit code 0"), (1, "exit code 1"), (None, "still running")])
def test_an_exit_code_does_not_prove_success(code: int | None, words: str) -> None:
    answer = Machine(snapshot(), code=code).create()
    assert (answer.created, answer.exists) == (False, False)
    assert words in answer.details


def test_an_exit_code_does_not_disprove_success() -> None:
    assert Machine(snapshot(), snapshot([("new", rule())]), code=1).create().created


def test_the_same_rule_as_before_is_not_a_new_one() -> None:
    off = snapshot([("old", rule(active=False))])
    on = snapshot([("old", rule())])
    answer = Machine(off, on).create()
    assert (answer.created, answer.exists) == (False, True)


def test_what_still_blocks_is_reported() -> None:
    machine = Machine(snapshot(query_user()), snapshot([("new", rule()), *query_user()]))
    answer = machine.create()
    assert answer.created
    assert "blocked by “Aura.Api”" in answer.details


def test_a_preview_prompts_no_one_and_lists_what_would_be_deleted() -> None:
    machine = Machine(snapshot(query_user()))
    answer = machine.create(preview=True)
    assert (answer.created, answer.exists) == (False, True)
    assert len(answer.replaced) == 2
    assert machine.ran == []


@pytest.mark.parametrize(
    ("found", "exists", "words"),
    [
        (snapshot([("a", rule())]), True, "Nothing to do"),
        (snapshot(None), None, "missing from the registry"),
        (snapshot(states={"local": "unreadable"}), None, "cannot be read"),
        (snapshot(states={"policy": "unreadable"}), None, "is unknown"),
        (snapshot(policy=[("gp", rule("Block"))]), True, "have no effect"),
        (snapshot([("a", rule("Block", app=None))]), False, "have no effect"),
        (snapshot(settings={("policy", "PrivateProfile"): {"AllowLocalPolicyMerge": 0}}), False, "have no effect"),
        (
            snapshot(settings={("local", "StandardProfile"): {"EnableFirewall": 1, "DoNotAllowExceptions": 1}}),
            False,
            "have no effect",
        ),
    ],
)
def test_no_prompt_without_effect_or_because_of_an_unknown_state(
    found: Snapshot, exists: bool | None, words: str
) -> None:
    machine = Machine(found)
    answer = machine.create()
    assert (answer.created, answer.exists) == (False, exists)
    assert words in answer.details
    assert machine.ran == []


def test_a_refusal_is_passed_on() -> None:
    machine = Machine(snapshot())

    def refuse(_file: str, _parameters: str) -> int | None:
        raise ElevationRefusedError("declined")

    machine.run = refuse  # type: ignore[method-assign]
    with pytest.raises(ElevationRefusedError):
        machine.create()


def test_what_cannot_be_quoted_is_refused_before_anybody_is_asked() -> None:
    machine = Machine(snapshot())
    with pytest.raises(UnsupportedError):
        machine.create(program=r"C:\100%\x.exe")
    with pytest.raises(InvalidConfigError):
        machine.create(name="all")
    assert machine.ran == []


@pytest.mark.parametrize(
    "text",
    [
        rule(name="of another program"),
        rule("Block"),
        rule(active=False),
        rule(direction="Out"),
        rule(app=r"C:\other.exe"),
    ],
)
def test_a_new_rule_other_than_the_requested_one_is_not_a_success(text: str) -> None:
    assert not Machine(snapshot(), snapshot([("new", text)])).create().created


def test_a_rule_that_is_there_at_once_is_not_waited_for() -> None:
    machine = Machine(snapshot(), snapshot([("new", rule())]))
    assert machine.create().created
    assert machine.pauses == []


@pytest.mark.parametrize(
    "found",
    [
        snapshot(settings={("local", "StandardProfile"): {"EnableFirewall": 0}}),
        snapshot([("a", rule(app=None, extra="RA4=LocalSubnet|"))]),
    ],
)
def test_a_firewall_that_is_off_or_has_narrower_rules_does_not_keep_a_rule_from_being_made(found: Snapshot) -> None:
    assert plan(found, PROGRAM, NAME).obstacle == ""
