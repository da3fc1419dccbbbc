"""Coverage-guided fuzzing of what reads bytes that others made: ``python -m tests.security.fuzz TARGET [-max_total_time=600]``.

Needs ``pip install atheris`` (Linux, macOS); further arguments are libFuzzer's. An input that raises what its target does
not promise, or takes more than SLOW seconds, is a finding. ``fuzz-TARGET.txt`` counts the inputs tried, and
shows the slowest.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sidecar"]):
    from sidecar.backend.reported import ReportedAddress, parse_reported
    from sidecar.console.recording import MAGIC, Recording
    from sidecar.errors import FrameError, InvalidArgsError, SidecarError
    from sidecar.process.reclaim import Reclaim
    from sidecar.settings.masking import mask_command, mask_environment, mask_text, secrets_of
    from sidecar.settings.model import Backend
    from sidecar.wire.channels import CHANNELS
    from sidecar.wire.codec import BadMessageError, args_reader, read_message
    from sidecar.wire.framing import FrameBuffer

    for late in ("addresses", "assignments", "blocks", "commands", "forms", "tokens"):
        import_module(f"sidecar.settings.masking.{late}")  # else imported when needed, without instruments

SLOW = 1.0  # seconds of processor time, under instrumentation

_folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
_folder.chmod(0o700)
_readers = [args_reader(channel) for channel in CHANNELS.values()]


def framing(data: bytes) -> None:
    """Any bytes, in any pieces, are frames or one FrameError; bodies add up to what came."""
    provider = atheris.FuzzedDataProvider(data)
    buffer = FrameBuffer(provider.ConsumeIntInRange(1, 1 << 16))
    given = taken = 0
    try:
        while provider.remaining_bytes():
            piece = provider.ConsumeBytes(provider.ConsumeIntInRange(1, 4096))
            given += len(piece)
            buffer.feed(piece)
            taken += sum(len(body) + 4 for body in buffer)
    except FrameError:
        return
    if given != taken + buffer.pending:
        raise AssertionError("bytes were lost")


def codec(data: bytes) -> None:
    """Any body is a message or a BadMessageError; any arguments are arguments or an InvalidArgsError."""
    try:
        message = read_message(data)
    except BadMessageError:
        return
    for read in _readers:
        try:
            read(message.args)
        except InvalidArgsError:
            pass


def record(data: bytes) -> None:
    """No record aborts a start or kills a process."""
    (_folder / "sidecar-run-2-1.json").write_bytes(data)
    (_folder / "sidecar-last-run.json").write_bytes(data[::-1] if data[:1] == b"x" else data)
    found = Reclaim(_folder).read()
    if found.killed or not (found.last_port is None or 1 <= found.last_port <= 65_535):
        raise AssertionError(found)


def recording(data: bytes) -> None:
    """Any file is a recording or an error in words."""
    path = _folder / "x.rec"
    path.write_bytes(MAGIC + data if data[:1] != b"x" else data)
    try:
        for _ in Recording(path):
            pass
    except SidecarError:
        pass


def masking(data: bytes) -> None:
    """Any text, command and environment is masked without an error."""
    text = data.decode("utf-8", "surrogateescape")
    mask_text(text, [text[:9]])
    mask_command(text.split("\n"))
    secrets_of({"API_KEY": text, text[:20]: text})
    mask_environment({text[:20]: text[20:]})


def reported(data: bytes) -> None:
    """Any output has an address or none, and a port in range."""
    waiting = ReportedAddress(Backend().reported_pattern)
    for start in range(0, len(data), 50):
        port = waiting.feed(data[start : start + 50])
        if port is not None and not 1 <= port <= 65_535:
            raise AssertionError(port)
    parse_reported(r"on: (\S+)", data.decode("utf-8", "replace"))


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (framing, codec, record, recording, masking, reported)
}


def main() -> None:
    """Fuzzes the target that the command line names."""
    target = TARGETS[sys.argv.pop(1)]
    tried, slowest, slowest_input = 0, 0.0, b""

    def try_one(data: bytes) -> None:
        nonlocal tried, slowest, slowest_input
        tried += 1
        begin = time.process_time()
        target(data)
        taken = time.process_time() - begin
        if taken > slowest:
            slowest, slowest_input = taken, data
            if taken > SLOW:
                Path(f"slow-{target.__name__}").write_bytes(data)

        if tried % 1000 == 0:  # libFuzzer ends the process without a word to Python
            summary = f"{tried} inputs, slowest {slowest * 1000:.1f} ms: {slowest_input[:60]!r}\n"
            Path(f"fuzz-{target.__name__}.txt").write_text(summary, "utf-8")

    atheris.Setup([sys.argv[0], "-max_len=65536", *sys.argv[1:]], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
