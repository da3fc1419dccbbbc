"""Which line of a backend's output names the error."""

from __future__ import annotations

from textwrap import wrap

import pytest

from sidecar.core.last_line import last_line, quote_last, unwrapped

NODE = """node:internal/modules/cjs/loader:1404
  throw err;
  ^

Error: Cannot find module 'express'
Require stack:
- /app/server.js
    at Module._resolveFilename (node:internal/modules/cjs/loader:1401:15)
  code: 'MODULE_NOT_FOUND',
}

Node.js v20.1
"""
PYTHON = 'Traceback (most recent call last):\n  File "app.py", line 1, in <module>\nRuntimeError: no config\n'
NPM = """npm error Missing script: "nope"
npm error
npm error To see a list of scripts, run:
npm error   npm run
"""
GUNICORN = """Failed to find attribute 'ap' in 'app'.
[1] [INFO] Worker exiting (pid: 1)
[1] [ERROR] Worker (pid:1) exited with code 4.
[1] [ERROR] Shutting down: Master
[1] [ERROR] Reason: App failed to load.
"""
DOTNET = "Unhandled exception. System.IO.IOException: Failed to bind\n ---> Some.Exception: x\n   at A.B()\n"


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (NODE, "Error: Cannot find module 'express'"),
        (PYTHON, "RuntimeError: no config"),
        (DOTNET, "Unhandled exception. System.IO.IOException: Failed to bind"),
        ("info: Host[0]\nfail: Host[11]\n      Hosting failed to start\n", "Hosting failed to start"),
        ("\x1b[31mERR!\x1b[0m missing script: start\n", "ERR! missing script: start"),
        ("sh: 1: flask: not found\n", "sh: 1: flask: not found"),
        ('{"level":50,"msg":"no config"}\n{"level":30,"msg":"bye"}\n', "ERROR: no config"),
        ("\ufffd\ufffdE\0r\0r\0o\0r\0!\0\n\0", "Error!"),
        (
            f"{NPM}npm error A complete log of this run can be found in: /root/_logs/1.log\n",
            'npm error Missing script: "nope"',
        ),
        (
            "Error: listen EADDRINUSE :::80\nEmitted 'error' event on Server instance at:\n",
            "Error: listen EADDRINUSE :::80",
        ),
        ("2026/11/28 12:00:00 cannot read licence\nexit status 1\n", "2026/11/28 12:00:00 cannot read licence"),
        ("Error: Cannot find module 'x'\nNode.js v20\nFailed running 'a.js'\n", "Error: Cannot find module 'x'"),
        (
            "/app/x.js:1\nthrow 'cannot read config'\n^\ncannot read config\n(Use `node --trace-uncaught ...` to show where the exception was thrown)\n\nNode.js v20\n",
            "cannot read config",
        ),
        (GUNICORN, "Failed to find attribute 'ap' in 'app'."),
        ("╭─ Error ─────╮\n│ Could not find the app │\n╰─────────────╯\n", "Could not find the app"),
        ("The error below came first:\nNo module named 'nope'\n", "No module named 'nope'"),
        (
            "syntax error at a.pl line 5\nBEGIN failed--compilation aborted at a.pl line 2.\n",
            "syntax error at a.pl line 5",
        ),
        (
            "Unrecognized VM option 'Nope'\nError: Could not create the Java Virtual Machine.\nError: A fatal exception has occurred.\n",
            "Unrecognized VM option 'Nope'",
        ),
        ("[ERROR] Can't change dir to './d'\n[ERROR] Aborting\n", "[ERROR] Can't change dir to './d'"),
        ("Invalid configuration object.\n - an option:\n]\n", "Invalid configuration object."),
        (
            "init terminating in do_boot ({badarg,[]})\n\nCrash dump is being written to: erl_crash.dump...done\nError: x\n",
            "Error: x",
        ),
        (
            '"root" execution of the PostgreSQL server is not permitted.\nThe server must be started under\nmore information on it.\n',
            '"root" execution of the PostgreSQL server is not permitted.',
        ),
        ("Error: no such table\nnow waiting for a second try\n", "Error: no such table"),
    ],
)
def test_the_last_line_that_reports_an_error(output: str, line: str) -> None:
    assert last_line(output) == (line, True)


LONG = "Could not import the module 'shop.pages.orders.overview', because the package pandas is missing in this environment: /work/shop/.venv"
PATH = "/very/long" * 20 + ": no such file"


@pytest.mark.parametrize("lines", [wrap(LONG, 76), ["Cannot read", *wrap(PATH, 76)]])
def test_a_line_that_rich_wrapped_is_quoted_whole(lines: list[str]) -> None:
    frame = "\n".join(f"│ {line:76} │" for line in lines)
    assert last_line(f"╭{'─' * 78}╮\n{frame}\n╰{'─' * 78}╯\n")[0] in {LONG, f"Cannot read {PATH}"}
    assert last_line("\n".join([*(f"{line} " for line in wrap(LONG, 79)), "Bye."]))[0] == LONG


def test_the_border_of_a_frame_is_not_joined_with_its_text() -> None:
    border = f"╰{'─' * 78}╯"
    assert unwrapped(f"│ {'Error: no licence':76} │\n{border}") == f"Error: no licence\n{border}"


@pytest.mark.parametrize(
    "output",
    [
        f"│ {'Error: no licence':76} │\n│ {'See the manual':76} │\n",
        f"{'Error: no licence':12} \nSee the manual",
        f"Error: no licence\n{'see ' * 18}\nthe manual\n",
        f"{'an earlier line ' * 6}\nError: no licence\n",
        "╭────────╮\n│ Error: no licence │\n│ See the manual    │\n",
    ],
)
def test_a_line_that_fits_is_not_joined_with_the_next(output: str) -> None:
    assert last_line(output) == ("Error: no licence", True)


@pytest.mark.parametrize(
    "line",
    [
        '127.0.0.1 - - [27/Nov/2026 07:32:53] "GET /errors HTTP/1.1" 404 -',
        "127.0.0.1 - - code 404, message File not found",
        "_warn_or_raise_security_error(egid, euid, gid, uid,",
        "Compiled with 0 errors",
        "error: none",
    ],
)
def test_what_only_looks_like_an_error_is_the_last_output(line: str) -> None:
    assert last_line(f"a line\n{line}\n\n") == (line, False)
    assert quote_last(line) == f"its last output: {line}"
    assert quote_last(line, only_errors=True) == ""


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (
            "The app must be callable.\n[7] [INFO] Worker exiting\n[7] [INFO] Control socket listening\n",
            "The app must be callable.",
        ),
        (
            "[7] [INFO] Booting\n[7] [ERROR] Worker (pid:9) exited with code 3.\n[7] [INFO] Bye\n",
            "[7] [ERROR] Worker (pid:9) exited with code 3.",
        ),
        ("[7] [INFO] Booting\n[7] [INFO] Bye\n", "[7] [INFO] Bye"),
    ],
)
def test_a_line_of_level_info_counts_only_where_there_is_no_other(output: str, line: str) -> None:
    assert last_line(output)[0] == line


LUA = """lua: app.lua:1: boom
stack traceback:
\t[C]: in function 'error'
\tapp.lua:1: in main chunk
\t[C]: in ?
"""
TCL = """missing close-bracket
    while executing
"puts ["
    (file "app.tcl" line 1)
"""


@pytest.mark.parametrize(("output", "line"), [(LUA, "lua: app.lua:1: boom"), (TCL, "missing close-bracket")])
def test_a_stack_below_an_error_is_not_the_error(output: str, line: str) -> None:
    assert last_line(output)[0] == line


def test_where_nothing_was_printed_there_is_no_line() -> None:
    assert last_line(" \n\n") == ("", False)
    assert quote_last("") == ""


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("Loading  1%\b\b\b 2%\b\b\b 3%", "its last output: Loading  3%"),
        ("\x1b[2K\x1b[1G 5%\x1b[2K\x1b[1G 6%", "its last output: 6%"),
        ("\x1b]0;a title\x07\x07ready\x1b[0m", "its last output: ready"),
        ("a \u202edesrever\n", "its last output: a desrever"),
    ],
)
def test_what_only_a_terminal_understands_is_not_part_of_a_sentence(output: str, said: str) -> None:
    assert quote_last(output) == said
