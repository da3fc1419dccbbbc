from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.backend.ports import choose_port, port_state
from sidecar.process.platform.ports import is_listening


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        yield server


def port_of(server: socket.socket) -> int:
    port: int = server.getsockname()[1]
    return port


def test_a_chosen_port_is_free_and_stays_bindable() -> None:
    port = choose_port()
    assert port_state(port) == "free"
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))


def test_the_last_port_comes_first_as_long_as_it_is_free(listener: socket.socket) -> None:
    last = choose_port()
    assert choose_port(last) == last
    assert choose_port(last, tried=[last]) != last
    assert choose_port(port_of(listener)) != port_of(listener)


def test_ports_that_failed_do_not_come_back() -> None:
    tried: set[int] = set()
    for _ in range(50):
        port = choose_port(tried=tried)
        assert port not in tried
        tried.add(port)


def test_an_occupied_port_is_in_use(listener: socket.socket) -> None:
    # Windows calls a port that is held exclusively forbidden.
    assert port_state(port_of(listener)) in ({"in_use", "forbidden"} if sys.platform == "win32" else {"in_use"})


def test_a_port_held_on_every_address_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen(1)
        expected = {"free"} if sys.platform == "darwin" else {"in_use", "forbidden"}  # BSD: the nearer address wins
        assert port_state(port_of(server)) in expected


@pytest.mark.posix(reason="TIME_WAIT keeps a port from a server only where it does not set SO_REUSEADDR")
def test_connections_of_the_last_run_that_linger_do_not_make_its_port_busy() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        port = port_of(server)
        with socket.create_connection(("127.0.0.1", port)) as client:
            connection, _ = server.accept()
            connection.close()  # the server closes first, so the port lingers on its side
            assert client.recv(1) == b""
    assert port_state(port) == "free"
    assert choose_port(port) == port


@pytest.mark.posix(reason="ports below 1024 need privilege on Linux; Windows and macOS 10.14 know no such ports")
def test_a_privileged_port_is_forbidden() -> None:
    if sys.platform != "linux" or not hasattr(os, "geteuid"):
        pytest.skip("only Linux has privileged ports on loopback")
    drop = "os.setuid(65534); " if os.geteuid() == 0 else ""
    code = f"import os; from sidecar.backend.ports import port_state; {drop}print(port_state(1))"
    folder = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=folder
    )
    assert done.stdout.strip() == "forbidden"


def test_knocking_tells_a_listener_from_an_empty_port(listener: socket.socket) -> None:
    assert is_listening(port_of(listener))
    assert not is_listening(choose_port())


def test_knocking_finds_a_listener_on_every_address() -> None:
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen(4)
        assert is_listening(port_of(server))


def test_a_socket_that_is_bound_but_does_not_listen_yet_is_not_there() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        assert not is_listening(port_of(server))


@pytest.mark.posix(reason="Windows reads a table and connects to nothing")
def test_knocking_never_meets_itself_and_never_takes_the_port_from_the_backend() -> None:
    port = choose_port()
    for _ in range(20_000):
        assert not is_listening(port)
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))


def test_knocking_at_a_full_backlog_does_not_block() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        begun = time.monotonic()
        for _ in range(20):
            is_listening(port_of(server))
        assert time.monotonic() - begun < 10.0  # a connection that waits takes a second at least, each time
