"""A backend that gets its listening socket as from systemd, and uses it well or badly: handed.py MODE PORT [FILE].

serve       answers on descriptor 3 with what it was handed, slowly at /slow, and stops gracefully on SIGTERM;
            at /close it closes the socket and keeps running
bind        listens on PORT itself, and answers there
try         tries to, prints why it cannot, and keeps running
elsewhere   listens on another port, and answers there
v6          listens on PORT of ::1
notify      as serve, and sends READY=1
late        has another port until SIGUSR1, then as serve
close       closes descriptor 3, and keeps running
shutdown    as serve; at /shutdown it shuts the shared socket down, and dies
daemon      leaves the socket to a child in its own session, and exits
smuggle     sends the socket to the listener on the Unix socket FILE, then as serve
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import sys

VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")
TAKES = 0.01  # seconds for each answer


def facts() -> dict[str, object]:
    found = {name: os.environ.get(name) for name in VARIABLES}
    return {**found, "pid": os.getpid(), "sockets": [number for number in range(64) if is_socket(number)]}


def is_socket(number: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False


HANDED = facts()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        line = await reader.readline()
        while (await reader.readline()).strip():
            pass
        path = line.split(b" ")[1] if line else b""
        if path == b"/shutdown":
            socket.socket(fileno=os.dup(3)).shutdown(socket.SHUT_RDWR)
            os._exit(3)
        if path == b"/close":
            os.close(3)
        await asyncio.sleep(0.5 if path == b"/slow" else TAKES)
        body = json.dumps(HANDED).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def serve(listener: socket.socket) -> None:
    running: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(answer(reader, writer))
        running.add(task)
        task.add_done_callback(running.discard)

    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    server = await asyncio.start_server(accepted, sock=listener)
    print("listening", flush=True)
    await ending.wait()
    # A connection reaches `accepted` three iterations after its accept; Python 3.11 drops it if the server is closed by then.
    asyncio.get_running_loop().remove_reader(listener)
    for _ in range(4):
        await asyncio.sleep(0)
    server.close()
    if running:
        await asyncio.wait(running)


def main() -> None:
    mode, port, *more = sys.argv[1:]
    if mode == "bind":
        asyncio.run(serve(socket.create_server(("127.0.0.1", int(port)), backlog=128)))
    elif mode == "try":
        try:
            socket.create_server(("127.0.0.1", int(port)))
        except OSError as error:
            print(f"cannot listen on 127.0.0.1:{port}: {error}", flush=True)
            signal.pause()
    elif mode == "elsewhere":
        asyncio.run(serve(socket.create_server(("127.0.0.1", 0))))
    elif mode == "late":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        with socket.create_server(("127.0.0.1", 0)):
            signal.sigwait({signal.SIGUSR1})
            asyncio.run(serve(socket.socket(fileno=3)))
    elif mode == "v6":
        asyncio.run(serve(socket.create_server(("::1", int(port)), family=socket.AF_INET6)))
    elif mode == "close":
        os.close(3)
        signal.pause()
    elif mode == "daemon":
        if os.fork() == 0:
            os.setsid()
            asyncio.run(serve(socket.socket(fileno=3)))
    else:
        if mode == "notify":
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
        if mode == "smuggle":
            with socket.socket(socket.AF_UNIX) as out:
                out.connect(more[0])
                socket.send_fds(out, [b"x"], [3])
        asyncio.run(serve(socket.socket(fileno=3)))


main()
