"""``sidecar record``: passes data between a client and a real sidecar, and records it in a file.

One thread per direction passes the bytes on as they arrive, and waits for its reader, so back-pressure is passed on. The
file is as private as the system allows: a replay needs the exact bytes, secrets included.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO

from .. import __version__
from ..argv import refuse_terminal
from ..clock import iso
from ..errors import UsageError
from ..process.platform import SYSTEM
from ..process.platform.descriptors import broken_before_input, guard_stdio, set_blocking, write_all
from ..process.platform.files import create_file, open_regular
from ..process.platform.signals import forward_to
from ..settings.masking import mask_command, secrets_of
from ..threads import start_thread
from .client import serve_command
from .needed import require_command
from .recording import CHUNK, MAGIC, Header, Kind, encode_header, encode_record, shell_status


def run(file: str, serve_words: Sequence[str]) -> int:
    """Runs one sidecar to its end; returns its exit status, as a shell does. UsageError: the file cannot be written."""
    require_command("record FILE", serve_words, starts=False)
    refuse_terminal()
    path = Path(file)
    descriptor = _create(path)
    stdin_fd, stdout_fd = guard_stdio()
    tape = _Tape(descriptor, path, serve_words)
    command = [*serve_command(), *serve_words]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    forward_to(child)
    assert child.stdin
    assert child.stdout
    # Nothing can interrupt it while the client sends nothing: it ends with the process.
    start_thread(partial(_pass_requests, stdin_fd, child.stdin, tape))
    _pass_answers(child.stdout, stdout_fd, tape)
    status = shell_status(child.wait())
    tape.add("exit", str(status).encode())
    return status


def _create(path: Path) -> int:
    """Creates the file, open for writing; renames an earlier recording, and refuses anything else."""
    earlier = Path(f"{path}.1")
    try:
        if path.exists() or path.is_symlink():
            for place in (path, earlier):
                if place.exists() or place.is_symlink():
                    _refuse_other(place)
            path.replace(earlier)
        return create_file(path)
    except OSError as error:
        reason = f"{path} cannot be written: {error.strerror}"
        raise UsageError(reason, hint="The folder must exist and be writable.") from None


def _refuse_other(path: Path) -> None:
    with open(open_regular(path), "rb") as old:  # noqa: PTH123 - a descriptor
        beginning = old.read(len(MAGIC))
    if beginning not in {MAGIC, b""}:
        raise UsageError(f"{path} already exists and is not a recording", hint="Choose another name.")


class _Tape:
    """Writes the file. A full disk stops the recording, not the connection."""

    def __init__(self, descriptor: int, path: Path, serve_words: Sequence[str]) -> None:
        self._descriptor: int | None = descriptor
        self._path = path
        self._lock = threading.Lock()
        self._began = time.monotonic_ns()
        command = mask_command(["sidecar", "serve", *serve_words], secrets_of(os.environ))
        self._write(encode_header(Header(__version__, iso(), SYSTEM, command)))

    def add(self, kind: Kind, data: bytes) -> None:
        """Adds a record. Call it before passing the bytes on, so that no answer is recorded before its request."""
        with self._lock:
            self._write(encode_record(kind, time.monotonic_ns() - self._began, data))
            if kind == "exit":  # nothing follows it, whatever the client still sends
                self._descriptor = None

    def _write(self, data: bytes) -> None:
        if self._descriptor is None:
            return
        try:
            write_all(self._descriptor, data)
        except OSError as error:
            self._descriptor = None
            text = f"sidecar: the recording ends here, the connection goes on: {self._path}: {error.strerror}"
            print(text, file=sys.stderr, flush=True)


def _pass_requests(source: int, stdin: IO[bytes], tape: _Tape) -> None:
    while chunk := _read(source):
        tape.add("client", chunk)
        try:
            write_all(stdin.fileno(), chunk)
        except OSError:  # the sidecar no longer reads; its output is still passed on
            return
    tape.add("client end", b"")
    stdin.close()


def _pass_answers(stdout: IO[bytes], sink: int, tape: _Tape) -> None:
    source = stdout.fileno()
    reader_gone = broken_before_input(source, sink)
    while not reader_gone() and (chunk := _read(source)):
        tape.add("sidecar", chunk)
        try:
            write_all(sink, chunk)
        except OSError:
            break
    stdout.close()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, CHUNK)
    except BlockingIOError:  # our parent made it non-blocking
        set_blocking(descriptor, blocking=True)
        return _read(descriptor)
    except OSError:  # on Windows a broken pipe; a socket's other side is gone
        return b""
