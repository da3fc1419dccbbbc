"""Gives back what it reads, from the sidecar's event loop: loop_echo.py [messages].

With ``messages`` it finds the sidecar's frames, reads the request in each, and answers with its first argument: all that a
ping takes but for the sidecar around it.
"""

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from sidecar.process.event_loop import create_event_loop

if sys.argv[1:] == ["messages"]:
    from sidecar.wire.channels import CHANNELS
    from sidecar.wire.codec import args_reader, encode_response, read_message
    from sidecar.wire.framing import FrameBuffer, framed

    frames = FrameBuffer()
    read_args = args_reader(CHANNELS["sidecar:ping"])

    def answer() -> int:
        count = os.readv(0, [frames.room()])
        frames.filled(count)
        for body in frames:
            message = read_message(body)
            os.write(1, framed(encode_response(message.id, read_args(message.args)[0], frames.max_frame)))
        return count
else:
    buffer = bytearray(1 << 18)
    view = memoryview(buffer)

    def answer() -> int:
        count = os.readv(0, [buffer])
        os.write(1, view[:count])
        return count


async def main() -> None:
    ended = asyncio.Event()

    def readable() -> None:
        if not answer():
            ended.set()

    asyncio.get_running_loop().add_reader(0, readable)
    await ended.wait()


with asyncio.Runner(loop_factory=create_event_loop) as runner:
    runner.run(main())
