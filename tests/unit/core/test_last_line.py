"""Which line of a backend's output says what is wrong."""

from __future__ import annotations

import pytest

from sidecar.core.last_line import last_line, quote_last

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
        ("Error: no such table\nnow waiting for a second try\n", "Error: no such table"),
    ],
)
def test_the_last_line_that_reports_an_error(output: str, line: str) -> None:
    assert last_line(output) == (line, True)


@pytest.mark.parametrize(
    "line",
    [
        '127.0.0.1 - - [27/Nov/2026 07:32:53] "GET /errors HTTP/1.1" 404 -',
        "127.0.0.1 - - code 404, message File not found",
        "Compiled with 0 errors",
        "error: none",
    ],
)
def test_what_only_looks_like_an_error_is_the_last_output(line: str) -> None:
    assert last_line(f"a line\n{line}\n\n") == (line, False)
    assert quote_last(line) == f"its last output: {line}"
    assert quote_last(line, only_errors=True) == ""


def test_where_nothing_was_printed_there_is_no_line() -> None:
    assert last_line(" \n\n") == ("", False)
    assert quote_last("") == ""
