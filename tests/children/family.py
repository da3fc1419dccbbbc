"""A root with a family of one kind: family.py KIND [SIZE] [--exit CODE]. Prints `ready` when the family is complete.

plain: a child · daemon: a child in its own session, with none of our descriptors · double_fork: the same, and its
parent is gone · bare: as double_fork, executed with an empty environment · pipe_holder: a child in its own session
that keeps our output open · launcher: a shell that waits for a shell that waits for a child · storm: SIZE processes, of
which every tenth forks and exits, again and again · crowd: SIZE sleeping children · none. With --exit the root then exits
with that code.
"""

import os
import signal
import sys
import time

LIFE = 60  # seconds: a family left behind by a failed test ends by itself, and a storm does not take over the machine


def sleep():
    time.sleep(LIFE)
    os._exit(0)


def let_go():
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)


def child(action):
    if os.fork() == 0:
        try:
            action()
            sleep()
        finally:
            os._exit(1)


def daemon_child():
    let_go()
    child(lambda: None)
    os._exit(0)


def bare_child():
    """Only the command line identifies this child, so that a test finds it but a reader of environments does not."""
    marks = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("TEST_")]
    command = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)", *marks]
    let_go()
    child(lambda: os.execve(sys.executable, command, {}))
    os._exit(0)


def hop():
    let_go()
    end = time.monotonic() + LIFE
    while time.monotonic() < end:
        if os.fork():
            os._exit(0)
        time.sleep(0.02)
    os._exit(0)


def storm(size):
    for number in range(size):
        child(hop if number % 10 == 0 else (lambda: None))


def main():
    kind = sys.argv[1]
    size = int(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2].isdigit() else 200
    if kind == "plain":
        child(lambda: None)
    elif kind == "daemon":
        child(let_go)
    elif kind == "launcher":
        child(lambda: os.execv("/bin/sh", ["sh", "-c", f"sh -c 'sleep {LIFE}; true'; true"]))
    elif kind == "double_fork":
        child(daemon_child)
        os.wait()
    elif kind == "bare":
        child(bare_child)
        os.wait()
    elif kind == "pipe_holder":
        child(os.setsid)
    elif kind == "storm":
        storm(size)
    elif kind == "crowd":
        for _number in range(size):
            child(lambda: None)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the storm's exited processes must not pile up
    print("ready", flush=True)
    if "--exit" in sys.argv:
        os._exit(int(sys.argv[sys.argv.index("--exit") + 1]))
    if "--stubborn" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("stubborn", flush=True)
    sleep()


main()
