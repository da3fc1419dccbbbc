"""A launcher and the worker behind it: launcher.py KIND FILE SECONDS [PORT], alone or behind shells.

The worker listens on PORT, saves for SECONDS when it gets the signal (SIGTERM, or whatever STOP names), prints "saving", then appends
"saved" to FILE.
KINDS: worker (no launcher) · once (a worker that handles the signal once: a second one ends it) · reader (a launcher
that reads the signal with sigwait, forwards it to a worker and exits) · double (a launcher that forwards the signal and
exits at once) · tree (a launcher that forwards the signal to all below it, and stays) · trap (a launcher that catches
the signal and does nothing) · server (queries its store before it exits: the store must outlive it) · workers (three of
them) · threads (the main thread ends, another one saves)
"""

import os
import signal
import socket
import sys
import threading
import time

KIND, FILE, SECONDS = sys.argv[1], sys.argv[2], float(sys.argv[3])
STOP = getattr(signal, os.environ.get("STOP", "SIGTERM"))


def note(text):
    with open(FILE, "a") as file:  # noqa: PTH123 - small on purpose
        file.write(text + "\n")


def work(name=""):
    """Runs until the signal; then saves."""
    count = 0

    def ask(*_):
        nonlocal count
        count += 1  # not an Event: setting one while this thread holds its lock in wait would block forever
        if KIND == "once":
            signal.signal(STOP, signal.SIG_DFL)

    signal.signal(STOP, ask)
    if len(sys.argv) > 4:
        server = socket.create_server(("127.0.0.1", int(sys.argv[4])))
        server.setblocking(False)
    print("ready", name, flush=True)
    while not count:
        time.sleep(0.01)
    if len(sys.argv) > 4:
        server.close()
    note(f"{name}asked")
    time.sleep(SECONDS)
    print("saving", flush=True)  # must not fail if nobody reads any more
    note(f"{name}saved" if count == 1 else f"{name}saved, asked {count} times")
    os._exit(0)


def fork(action, *arguments):
    pid = os.fork()
    if pid == 0:
        try:
            action(*arguments)
        finally:
            os._exit(1)
    return pid


def main():
    if KIND in ("worker", "once"):
        work()
    elif KIND == "workers":
        for number in range(3):
            fork(work, f"{number} ")
        signal.pause()
    elif KIND == "reader":
        signal.pthread_sigmask(signal.SIG_BLOCK, {STOP})

        def unblocked():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {STOP})
            work()

        child = fork(unblocked)
        os.kill(child, signal.sigwait({STOP}))
        time.sleep(0.05)  # so that the second signal is not merged with the first
        os._exit(128 + STOP)
    elif KIND == "double":

        def forward(number, _frame):
            os.kill(child, number)
            os.waitpid(child, 0)
            os._exit(0)

        signal.signal(STOP, forward)  # before the worker reports that it is ready
        child = fork(work)
        while True:
            time.sleep(0.01)
    elif KIND == "tree":
        read, write = os.pipe()

        def between():
            os.write(write, fork(work).to_bytes(4))
            signal.pause()

        def forward(number, _frame):
            os.kill(worker, number)
            os.kill(shell, number)
            os.waitpid(shell, 0)

        shell = fork(between)
        worker = int.from_bytes(os.read(read, 4))
        signal.signal(STOP, forward)
        print("ready", flush=True)
        while True:
            time.sleep(0.01)
    elif KIND == "trap":
        signal.signal(STOP, lambda *_: note("trapped"))
        fork(work)
        while True:
            time.sleep(0.01)
    elif KIND == "server":

        def end(*_):
            note("server asked")
            time.sleep(SECONDS)
            note("server saved" if os.waitpid(store, os.WNOHANG)[0] == 0 else "server lost its store")
            os._exit(0)

        signal.signal(STOP, end)
        store = fork(work, "store ")
        while True:
            time.sleep(0.01)
    elif KIND == "threads":
        # Only the main thread ends: the process is a zombie with a living thread.
        import ctypes

        if len(sys.argv) > 4:
            listening = socket.socket()
            listening.bind(("127.0.0.1", int(sys.argv[4])))
            listening.listen()

        def beside():
            while open("/proc/self/stat", "rb").read().rpartition(b") ")[2][:1] != b"Z":  # noqa: PTH123, SIM115 - small
                time.sleep(0.005)
            print("ready", flush=True)
            time.sleep(600)

        threading.Thread(target=beside, daemon=True).start()
        ctypes.CDLL(None).pthread_exit(None)


main()
