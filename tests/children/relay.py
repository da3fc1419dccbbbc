"""relay.py COMMAND…: takes the place of an app. Spawns the command with its own pipes and passes every byte on."""

import os
import subprocess
import sys
import threading

process = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert process.stdin is not None
assert process.stdout is not None


def copy(source: int, target: int) -> None:
    while data := os.read(source, 65536):
        while data:
            data = data[os.write(target, data) :]
    os.close(target)


threading.Thread(target=copy, args=(0, process.stdin.fileno()), daemon=True).start()
copy(process.stdout.fileno(), 1)
sys.exit(process.wait())
