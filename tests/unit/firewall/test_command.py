from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import InvalidConfigError, UnsupportedError
from sidecar.firewall.create import add_rule, delete_rules
from tests.support.firewall import NAME, PROGRAM


def arguments(line: str) -> list[str]:
    """As a program gets them: split at spaces outside quotes, quotes dropped (no backslash stands before a quote)."""
    found, quoted = [""], False
    for character in line:
        if character == '"':
            quoted = not quoted
        elif character == " " and not quoted:
            found.append("")
        else:
            found[-1] += character
    assert not quoted
    return found


def test_the_command_is_this_one_line() -> None:
    assert add_rule(PROGRAM, NAME) == (
        'netsh advfirewall firewall add rule name="Aura Video Studio Backend" dir=in action=allow '
        r'program="C:\Program Files\Aura Video Studio\resources\backend\Aura.Api.exe" '
        "enable=yes profile=private protocol=TCP"
    )


@given(st.text(max_size=40), st.text(max_size=20))
def test_what_is_not_refused_reaches_netsh_as_it_was_given(folder: str, name: str) -> None:
    program = f"C:\\{folder}\\x.exe"
    try:
        line = add_rule(program, name)
    except (InvalidConfigError, UnsupportedError):
        return
    assert arguments(line) == [
        *["netsh", "advfirewall", "firewall", "add", "rule", f"name={name}", "dir=in", "action=allow"],
        *[f"program={program}", "enable=yes", "profile=private", "protocol=TCP"],
    ]
    assert not set(line) & set("%$`\n\r“”„")


@pytest.mark.parametrize(
    ("character", "reason"),
    [
        ("%", "cmd expands it"),
        ("$", "PowerShell expands it"),
        ("`", "PowerShell treats it as an escape"),
        ('"', "it ends the quoted text"),
        ("“", "PowerShell treats it as a quotation mark"),
        ("\n", "U+000A"),
    ],
)
def test_a_path_or_name_that_a_shell_would_change_is_refused_with_the_reason(character: str, reason: str) -> None:
    with pytest.raises(UnsupportedError) as path_error:
        add_rule(f"C:\\a{character}b\\x.exe", NAME)
    assert reason in path_error.value.message
    with pytest.raises(InvalidConfigError) as name_error:
        add_rule(PROGRAM, f"a{character}b")
    assert reason in name_error.value.message
    with pytest.raises(UnsupportedError):
        delete_rules(f"C:\\a{character}b\\x.exe")


@pytest.mark.parametrize("name", ["", "  ", "all", "ALL", "a|b", "@FirewallAPI.dll,-1", "C:\\"])
def test_a_name_that_windows_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(InvalidConfigError):
        add_rule(PROGRAM, name)


@pytest.mark.parametrize("path", ["", "Aura.Api.exe", r"backend\Aura.Api.exe", r"\x.exe", r"C:x.exe", "/opt/x"])
def test_a_path_that_is_not_full_is_refused(path: str) -> None:
    with pytest.raises(UnsupportedError):
        add_rule(path, NAME)


def test_a_folder_is_refused() -> None:
    with pytest.raises(UnsupportedError):
        add_rule("C:\\folder\\", NAME)


def test_a_line_too_long_for_cmd_is_refused() -> None:
    with pytest.raises(UnsupportedError):
        add_rule("C:\\" + "x" * 8100 + ".exe", NAME)


def test_the_prefix_for_long_paths_is_left_out_because_the_firewall_does_not_match_it() -> None:
    assert r'program="C:\x.exe"' in add_rule("\\\\?\\C:\\x.exe", NAME)


@pytest.mark.parametrize("path", [r"C:\Döner & Söhne (x86)\it's;a,b=^!\x.exe", r"\\server\share\x.exe"])
def test_characters_that_quotes_protect_are_kept(path: str) -> None:
    assert f'program="{path}"' in add_rule(path, NAME)


@pytest.mark.skipif(sys.platform != "win32", reason="cmd.exe exists on Windows only")
def test_cmd_passes_the_line_on_as_it_is_meant(tmp_path: Path) -> None:
    script, answer = tmp_path / "arguments.py", tmp_path / "answer.txt"
    script.write_text(
        "import pathlib, sys\npathlib.Path(sys.argv[1]).write_text('\\n'.join(sys.argv[2:]), encoding='utf-8')\n",
        encoding="utf-8",
    )
    program = r"C:\Döner & Söhne (x86)\it's;a,b=^!\x.exe"
    line = add_rule(program, NAME).removeprefix("netsh ")
    command = f'cmd.exe /d /s /c ""{sys.executable}" "{script}" "{answer}" {line}"'
    subprocess.run(command, check=True, timeout=60, stdin=subprocess.DEVNULL, capture_output=True)
    assert answer.read_text(encoding="utf-8").split("\n") == arguments(line)
