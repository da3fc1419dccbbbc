"""Owns a backend through the process layer, for a test that kills it: owner.py MOMENT FOLDER EXACT COMMAND...

MOMENT: booting (reported before the launch has returned) · running · stopping (a stop has begun). Prints one line:
`guardian=PID backend=PID`; keeps a run record in FOLDER unless that is `-`.
"""

# ruff: noqa: E402, PTH100, PTH120 - the guardian is forked before anything heavy is imported, as in the sidecar
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from sidecar.process import guardian as guardians
from sidecar.process import tree

tree.EXACT = sys.argv[3] == "exact"
HOLD = guardians.fork_guardian()

import asyncio
from pathlib import Path

from sidecar.process.posix import PosixProcessLayer
from sidecar.process.spec import LaunchSpec


class Listener:
    def __init__(self):
        self.ready = asyncio.Event()
        self.want = b"stubborn" if "--stubborn" in sys.argv else b"ready"

    def output(self, stream, data):
        os.write(2, data)
        if self.want in data:
            self.ready.set()

    def exited(self, status):
        os.write(2, status.text.encode())

    def gone(self, survivors):
        pass


async def main():
    asyncio.get_running_loop().add_reader(0, os._exit, 1)  # the test has ended
    moment, folder, _exact, *command = sys.argv[1:]
    layer = PosixProcessLayer(HOLD, lambda text: os.write(2, text.encode()), folder)
    listener = Listener()
    launching = asyncio.ensure_future(layer.launch(LaunchSpec(tuple(command), "/", dict(os.environ)), listener))
    if moment == "booting":
        await asyncio.sleep(0)
        print(f"guardian={HOLD.pid} backend=0", flush=True)
        await asyncio.sleep(120)
    run = await launching
    if folder != "-":
        from sidecar.process.record import Record

        record = Record(Path(folder), print)
        record.update(guardian=layer.guardian, backend=run.identity, marker=layer.marker, port=45678, failures=2)
    await listener.ready.wait()
    if moment == "stopping":
        run.interrupt()
    print(f"guardian={HOLD.pid} backend={run.identity.pid}", flush=True)
    await asyncio.sleep(120)


asyncio.run(main())
