"""What a sandbox denied, detected in the last output of the usual runtimes."""

from __future__ import annotations

import sys

import pytest
from msgspec import structs

from sidecar.observe.denials import explain_denial
from sidecar.process import landlock
from sidecar.process.base import SandboxRequest

pytestmark = pytest.mark.skipif(sys.platform != "linux" or landlock.abi() < 6, reason="no Landlock of ABI 6 here")

STANDARD = SandboxRequest("standard", ("/data",), ("/videos",), (), 8123, (), "/app/server", "/app")
STRICT = structs.replace(STANDARD, level="strict", connect=(5432,))
HOME = "/tmp/of-a-user/x"


@pytest.mark.parametrize(
    "words",
    [
        f"PermissionError: [Errno 13] Permission denied: '{HOME}'",
        f"OSError: [Errno 18] Invalid cross-device link: '/data/a' -> '{HOME}'",
        f"Error: EACCES: permission denied, open '{HOME}'\n    at Object.openSync (node:fs:573:18)",
        f"Error: EXDEV: cross-device link not permitted, rename '/data/a' -> '{HOME}'",
        f"Unhandled exception. System.UnauthorizedAccessException: Access to the path '{HOME}' is denied.",
        f"2026/11/27 open {HOME}: permission denied",
        f"error: failed to open file `{HOME}`: Permission denied (os error 13)",
        f"sh: 1: cannot create {HOME}: Permission denied",
        f"mkdir: cannot create directory '{HOME}': Permission denied",
        f"/usr/bin/python3: can't open file '{HOME}': [Errno 13] Permission denied",
        f'Can\'t open perl script "{HOME}": Permission denied',
        f"app: error while loading shared libraries: {HOME}: cannot open shared object file: Permission denied",
        f'Exception in thread "main" java.io.FileNotFoundException: {HOME} (Permission denied)',
        f"Caused by: java.nio.file.AccessDeniedException: {HOME}\n\tat java.base/sun.nio.fs.UnixException",
        f"app.rb:1:in `initialize': Permission denied @ rb_sysopen - {HOME} (Errno::EACCES)",
        f"PHP Warning:  fopen({HOME}): Failed to open stream: Permission denied in /app/a.php on line 2",
        f'error: Could not acquire lock\n  cause: Permission denied (os error 13) at path "{HOME}"',
        f"error: Uncaught PermissionDenied: Permission denied (os error 13), open '{HOME}'",
    ],
)
def test_the_path_and_the_setting_are_named(words: str) -> None:
    found = explain_denial(f"starting\n{words}\n", STANDARD)
    assert found.kind == "sandbox_denied"
    assert HOME in found.cause
    assert "sandbox.write" in found.remedy


@pytest.mark.parametrize(
    "words",
    [
        "PermissionError: [Errno 13] Permission denied: '/data/locked'",  # it may write there: the file's own mode denies it
        "EACCES: permission denied, open '/videos/a.mp4'",
        "no permission to be late",
        "dial tcp 10.0.0.1:5432: connect: connection refused",
    ],
)
def test_what_the_sandbox_allows_it_did_not_deny(words: str) -> None:
    assert explain_denial(words, STANDARD) is None
    assert explain_denial(words, STRICT) is None


@pytest.mark.parametrize(
    "words",
    [
        "cannot create /tmp/of-a-user/My Apps/x: Permission denied",  # where the path begins is not known
        "Fatal Error Unable to create lock file: Permission denied (13)",  # PHP's opcode cache, in /tmp
        'Traceback (most recent call last):\n  File "/lib/synchronize.py", line 57, in __init__\nPermissionError: [Errno 13] Permission denied',
    ],
)
def test_a_denial_that_names_no_path_is_most_likely_the_sandboxs(words: str) -> None:
    """Before, the remedy was to grant the user access to the file."""
    found = explain_denial(words, STANDARD)
    assert found.kind == "sandbox_denied"
    assert "/dev/shm" in found.remedy
    assert "/tmp" in found.remedy


@pytest.mark.parametrize(
    "words",
    [
        "Error: connect EACCES 10.0.0.1:443",
        "dial tcp 10.0.0.1:443: connect: permission denied",
        "System.Net.Http.HttpRequestException: Permission denied (api.example:443)",
    ],
)
def test_a_port_is_named(words: str) -> None:
    found = explain_denial(words, STRICT)
    assert "443" in found.cause
    assert "sandbox.connect" in found.remedy
    assert explain_denial(words.replace("443", "5432"), STRICT) is None


def test_a_denial_long_before_the_end_explains_nothing() -> None:
    words = f"warning: open {HOME}: permission denied\n" + "GET / 200\n" * 1000
    assert explain_denial(words, STANDARD) is None
    python = 'Traceback (most recent call last):\n  File "/app/a.py", line 1, in f\nValueError: no\n'
    assert explain_denial(words[:60] + python, STANDARD) is None
