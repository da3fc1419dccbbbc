"""Everything in the elevated start except the prompt: the verb ``open`` takes the same path without asking."""

from __future__ import annotations

import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sidecar.errors import ElevationRefusedError, UnsupportedError
from sidecar.firewall.create import create, plan
from tests.support.firewall import NAME, PROGRAM, QUERY_USER, in_wine, query_user, rule, snapshot

winreg = pytest.importorskip("winreg", reason="ShellExecuteExW exists on Windows only")
elevate = pytest.importorskip("sidecar.firewall.elevate", reason="ShellExecuteExW exists on Windows only")


@pytest.mark.parametrize(
    "verb",
    [
        "open",
        pytest.param("runas", marks=pytest.mark.skipif(not in_wine(), reason="a person would have to answer")),
    ],
)
def test_the_exit_code_of_the_helper_comes_back(verb: str) -> None:
    assert elevate.run(sys.executable, '-c "raise SystemExit(7)"', verb=verb) == 7


def test_it_runs_in_a_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(elevate.run, sys.executable, '-c "raise SystemExit(7)"', verb="open").result(60) == 7


def test_a_helper_that_takes_too_long_has_no_exit_code(tmp_path: Path) -> None:
    reported = tmp_path / "go"
    script = tmp_path / "wait.py"
    script.write_text(
        "import pathlib, sys, time\n"
        "deadline = time.monotonic() + 30\n"
        "while not pathlib.Path(sys.argv[1]).exists() and time.monotonic() < deadline:\n"
        "    time.sleep(0.02)\n",
        encoding="utf-8",
    )
    try:
        assert elevate.run(sys.executable, f'"{script}" "{reported}"', timeout=0.05, verb="open") is None
    finally:
        reported.touch()


def test_what_windows_does_not_start_is_reported_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError) as error:
        elevate.run(str(tmp_path / "missing.exe"), "", verb="open")
    assert error.value.data == {"error": 2}


def test_the_prompt_belongs_to_the_window_that_the_user_is_at(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    seen: list[object] = []
    really = ctypes.WinDLL

    class Shell:
        class ShellExecuteExW:
            def __call__(self, info: object) -> int:
                seen.append(info._obj.hwnd)  # type: ignore[attr-defined]
                return 1

        def __init__(self) -> None:
            self.ShellExecuteExW = Shell.ShellExecuteExW()

    def library(name: str, **options: bool) -> object:
        return Shell() if name == "shell32" else really(name, **options)

    monkeypatch.setattr(elevate, "_foreground_window", lambda: 0x1234)
    monkeypatch.setattr(ctypes, "WinDLL", library)
    assert elevate.run("x.exe", "") is None
    assert seen == [0x1234]


def test_the_window_that_the_user_is_at_is_a_handle_or_none() -> None:
    window = elevate._foreground_window()
    assert window is None or window > 0


def test_a_declined_prompt_is_a_refusal() -> None:
    assert isinstance(elevate._refusal(1223, "cmd.exe"), ElevationRefusedError)


def with_netsh(parameters: str, substitute: str) -> str:
    """The line with another program for netsh, whose path is spelled as the system spells it."""
    netsh = re.compile(re.escape(r'"C:\Windows\System32\netsh.exe"'), re.IGNORECASE)
    return netsh.sub(lambda _: substitute, parameters)


def test_the_planned_line_gives_netsh_its_arguments_one_by_one(tmp_path: Path) -> None:
    answer, script = tmp_path / "answer.txt", tmp_path / "netsh.py"
    script.write_text(
        "import json, pathlib, sys\n"
        "with pathlib.Path(sys.argv[1]).open('a', encoding='utf-8') as file:\n"
        "    print(json.dumps(sys.argv[2:]), file=file)\n",
        encoding="utf-8",
    )
    program = r"C:\Döner & Söhne (x86)\it's;a,b=^!\x.exe"
    todo = plan(snapshot([(QUERY_USER, rule("Block", app=program))]), program, NAME)
    recorder = f'"{sys.executable}" "{script}" "{answer}"'
    parameters = with_netsh(todo.parameters, recorder)
    assert elevate.run(os.environ["COMSPEC"], parameters, verb="open") == 0
    assert [json.loads(line) for line in answer.read_text(encoding="utf-8").splitlines()] == [
        ["advfirewall", "firewall", "delete", "rule", "name=all", "dir=in", f"program={program}"],
        [
            *["advfirewall", "firewall", "add", "rule", f"name={NAME}", "dir=in", "action=allow"],
            *[f"program={program}", "enable=yes", "profile=private", "protocol=TCP"],
        ],
    ]


NETSH = r"""
import sys, winreg
key = winreg.OpenKeyEx(winreg.HKEY_CURRENT_USER, sys.argv[1], 0, winreg.KEY_ALL_ACCESS)
given = dict(argument.split("=", 1) for argument in sys.argv[2:] if "=" in argument)
if "delete" in sys.argv:
    names = [winreg.EnumValue(key, index)[0] for index in range(winreg.QueryInfoKey(key)[1])]
    for name in names:
        if f"App={given['program']}|".lower() in winreg.QueryValueEx(key, name)[0].lower():
            winreg.DeleteValue(key, name)
else:
    text = "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Private|App={program}|Name={name}|"
    winreg.SetValueEx(key, "{new}", 0, winreg.REG_SZ, text.format(**given))
"""


def test_creating_the_rule_from_the_plan_to_the_registry_with_netsh_substituted(tmp_path: Path) -> None:
    from sidecar.firewall.registry import STORE_KEYS, read
    from tests.support.firewall_registry import Store

    prefix = f"Software\\sidecar-test-elevate-{os.getpid()}"
    store = Store(winreg.HKEY_CURRENT_USER, prefix + "\\")
    store.settings("local", "StandardProfile", {"EnableFirewall": 1})
    store.rules("local", {**dict(query_user()), "other": rule(app=r"C:\other.exe")})
    netsh = tmp_path / "netsh.py"
    netsh.write_text(NETSH, encoding="utf-8")
    substitute = f'"{sys.executable}" "{netsh}" "{prefix}\\{STORE_KEYS["local"]}\\FirewallRules"'

    def run(_file: str, parameters: str) -> int | None:
        return elevate.run(os.environ["COMSPEC"], with_netsh(parameters, substitute), verb="open")

    try:
        answer = create(
            PROGRAM,
            NAME,
            preview=False,
            read=lambda: read(prefix, current_user=True),
            run=run,
            pause=lambda _: None,
        )
        left = set(read(prefix, current_user=True).key("local", "FirewallRules").values)
    finally:
        store.delete(prefix)
    assert (answer.created, answer.exists, len(answer.replaced)) == (True, True, 2)
    assert "allowed by “Aura Video Studio Backend” (local)" in answer.details
    assert left == {"other", "{new}"}
