"""What happens between the start of the process and hello, measured on real children."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.launch import run
from tests.support.pipes import unpack_all

ROOT = Path(__file__).resolve().parents[3]

# Runs the program up to hello, writes the names of all loaded modules to stderr where main() would go on, and stops.
UP_TO_HELLO = """
import sys
before = set(sys.modules)
sys.argv = ["sidecar", *sys.argv[1:]]
import sidecar.boot as boot
def stop():
    sys.stderr.write("\\n".join(sorted(set(sys.modules) - before)))
    sys.stderr.flush()
    import os
    os._exit(0)
boot._put_standard_library_first = stop
from sidecar.__main__ import main
main()
"""

NEEDED = {
    "sidecar",
    "sidecar.__main__",
    "sidecar.argv",
    "sidecar.boot",
    "sidecar.errors",
    "sidecar.process",
    "sidecar.process.platform",
    "sidecar.process.platform.descriptors",
    "sidecar.wire",
    "sidecar.wire.hello",
    "__future__",
    "gc",
    "msvcrt",
}


def sidecar(*argv: str) -> subprocess.CompletedProcess[bytes]:
    """Runs it over pipes, because Windows takes its null device for a terminal."""
    return run([sys.executable, "-m", "sidecar", *argv], input=b"", cwd=ROOT)


def test_nothing_is_imported_before_hello_but_what_writes_it() -> None:
    argv = ["serve", "--set", "backend.autostart=false", "--max-frame=4096", "--", "x"]
    done = run([sys.executable, "-c", UP_TO_HELLO, *argv], cwd=ROOT, check=True, encoding=None)
    hello = unpack_all(done.stdout)[0]
    assert (hello["type"], hello["maxFrame"]) == ("hello", 4096)
    assert set(done.stderr.decode().split()) <= NEEDED


def test_a_usage_error_comes_before_hello_and_is_one_line() -> None:
    done = sidecar("serve", "--confg", "x.toml")
    assert done.returncode == 64
    assert done.stdout == b""
    assert done.stderr.decode().splitlines() == [
        "sidecar: No option '--confg'. The backend's command goes after '--'. 'sidecar serve --help' lists the options."
    ]


def test_no_subcommand_means_serve_when_stdin_is_not_a_terminal() -> None:
    done = sidecar("--max-frame", "5")
    assert done.returncode == 64
    assert b"--max-frame takes" in done.stderr


@pytest.mark.posix(reason="closing a descriptor for a child is POSIX's preexec")
@pytest.mark.parametrize("closed", [(0,), (1,), (0, 1), (0, 1, 2)])
def test_descriptors_that_the_parent_closed_count_as_the_null_device(closed: tuple[int, ...]) -> None:
    def close() -> None:
        for number in closed:
            os.close(number)

    script = "from sidecar.process.platform.descriptors import guard_stdio; import os; a, b = guard_stdio(); os.write(b, b'x'); os._exit(7)"
    done = subprocess.run([sys.executable, "-c", script], preexec_fn=close, cwd=ROOT, timeout=30, check=False)
    assert done.returncode == 7


def test_an_owner_that_is_gone_before_hello_ends_it_cleanly() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "sidecar", "serve", "--set", "backend.autostart=false"],
            stdin=subprocess.DEVNULL,
            stdout=write_end,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            timeout=30,
            check=False,
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b"")


def test_stderr_is_utf8_whatever_the_code_page_of_the_system(tmp_path: Path) -> None:
    """The readers, the shim and the console, expect UTF-8; on Windows Python would write a pipe in the ANSI code page."""
    refused = sidecar("serve", "--größe漢字")
    assert "größe漢字" in refused.stderr.decode("utf-8")
    ran = sidecar("serve", "--set", f"app.user_data={tmp_path.as_posix()}", "--", "missing")
    assert "→" in ran.stderr.decode("utf-8")  # the log reports changes of state this way


@pytest.mark.parametrize(
    ("broken", "where"),
    [
        ("import sidecar.boot as at; at.guard_stdio", "the start"),
        ("import sidecar.app as at; at.load", "the sidecar's own run"),
    ],
    ids=["before hello", "after it"],
)
def test_a_defect_of_the_start_is_one_sentence_and_then_its_traceback_once(broken: str, where: str) -> None:
    code = f"import sys; {broken} = lambda **_: 1 / 0; sys.argv = ['sidecar', 'serve']; from sidecar.__main__ import main; main()"
    done = run([sys.executable, "-c", code], input=b"", cwd=ROOT)
    said = done.stderr.decode().replace("\r\n", "\n")
    assert done.returncode == 70
    assert "sidecar: internal error while starting: ZeroDivisionError: division by zero\n" in said
    assert f"ERROR   defect at {where}\n    Traceback (most recent call last):\n" in said
    assert said.count("Traceback") == 1
