from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from sidecar.backend import ports
from sidecar.backend.ports import choose_port, port_state
from sidecar.process import sockets
from sidecar.process.platform.ports import is_listening, reset_on_close
from sidecar.process.sockets import lingering
from tests.support.backends import has_ipv6
from tests.support.launch import run


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


class _Denied(socket.socket):
    def bind(self, _address: object) -> None:
        raise PermissionError(13, "WSAEACCES")


@pytest.mark.parametrize(("system_denies", "state"), [(True, "in_use"), (False, "forbidden")])
def test_a_port_that_another_program_has_is_in_use_although_windows_denies_it(
    listener: socket.socket, state: str, monkeypatch: pytest.MonkeyPatch, *, system_denies: bool
) -> None:
    free = choose_port()
    monkeypatch.setattr(ports, "DENIES_TAKEN_PORTS", system_denies)
    monkeypatch.setattr(ports, "socket", SimpleNamespace(**vars(socket) | {"socket": _Denied}))
    monkeypatch.setattr(ports, "is_listening", lambda port: port == port_of(listener))
    assert port_state(port_of(listener)) == state
    assert port_state(free) == "forbidden"


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
def test_a_chosen_port_is_free_on_other_addresses_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Node listens on all of them. With 400 of 28 000 ports held, one of 500 choices would be such a port but for one time in 1000."""
    # What holds such a port makes no difference, and the first launch has not imported what finds out.
    monkeypatch.setattr(sockets, "lingering", lambda port: pytest.fail(f"asked what holds {port}"))
    held = [socket.socket(socket.AF_INET6) for _ in range(400)]
    try:
        for each in held:
            each.bind(("::1", 0))
        taken = {each.getsockname()[1] for each in held}
        assert not taken & {choose_port() for _ in range(500)}
    finally:
        for each in held:
            each.close()


def test_a_port_that_is_free_only_on_the_own_address_is_chosen_if_no_other_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A flood of connections left something on each port of ::1, and the start failed."""
    monkeypatch.setattr(ports, "is_free_everywhere", lambda _port, _state: False)
    assert port_state(choose_port()) == "free"


def test_the_last_port_comes_first_as_long_as_it_is_free(listener: socket.socket) -> None:
    last = choose_port()
    assert choose_port(last) == last
    assert choose_port(last, tried=[last]) != last
    assert choose_port(port_of(listener)) != port_of(listener)


def test_a_port_that_chromium_refuses_is_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_port(last=10080) != 10080
    asked: list[int] = []

    class Unsafe:
        """Contains the first port that it is asked about."""

        def __contains__(self, port: int) -> bool:
            asked.append(port)
            return len(asked) == 1

    monkeypatch.setattr(ports, "UNSAFE_PORTS", Unsafe())
    assert choose_port() == asked[1] != asked[0]


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


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what lingers on a port")


@needs_linux
def test_a_connection_that_only_lingers_is_distinguished_from_a_program_that_holds_the_port() -> None:
    with socket.socket() as server:  # without SO_REUSEADDR
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        port = port_of(server)
        client = socket.create_connection(("127.0.0.1", port))
        connection, _ = server.accept()
    assert port_state(port) == "in_use"  # this process holds the connection
    connection.close()
    assert lingering(port) <= {"FIN_WAIT_1", "FIN_WAIT_2"}  # the other end may acknowledge it a little later
    assert lingering(port)
    assert (port_state(port), port_state(port, plain=True)) == ("lingering", "lingering")
    reset_on_close(client, reset=True)
    client.close()
    assert lingering(port) == frozenset()
    assert port_state(port, plain=True) == "free"


@needs_linux
def test_time_wait_lingers_for_a_server_that_does_not_share_its_port() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        port = port_of(server)
        with socket.create_connection(("127.0.0.1", port)) as client:
            server.accept()[0].close()
            assert client.recv(1) == b""
    assert lingering(port) == {"TIME_WAIT"}
    assert (port_state(port), port_state(port, plain=True)) == ("free", "lingering")


@needs_linux
def test_a_socket_that_is_bound_and_does_not_listen_holds_its_port() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        assert (port_state(port_of(holder)), lingering(port_of(holder))) == ("in_use", frozenset())


@needs_linux
@pytest.mark.parametrize("netlink", [True, False])
def test_looking_for_a_listener_is_not_seen_by_it(
    listener: socket.socket, netlink: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sidecar.process import sockets

    monkeypatch.setattr(sockets, "_refusals", set() if netlink else {1})
    listener.setblocking(False)
    assert is_listening(port_of(listener))
    if netlink:
        with pytest.raises(BlockingIOError):
            listener.accept()
    else:  # a connection is the only way; it is reset
        connection, _ = listener.accept()
        with connection, pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert not is_listening(choose_port())


@needs_linux
def test_a_listener_for_ipv6_alone_is_none_for_127_0_0_1() -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    for alone in (0, 1):
        with socket.socket(socket.AF_INET6) as server:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, alone)
            server.bind(("::", 0))
            server.listen(1)
            assert is_listening(port_of(server)) is not bool(alone)


@pytest.mark.posix(reason="ports below 1024 need privilege on Linux; Windows and macOS 10.14 know no such ports")
def test_a_privileged_port_is_forbidden() -> None:
    if sys.platform != "linux" or not hasattr(os, "geteuid"):
        pytest.skip("only Linux has privileged ports on loopback")
    drop = "os.setuid(65534); " if os.geteuid() == 0 else ""
    code = f"import os; from sidecar.backend.ports import port_state; {drop}print(port_state(1))"
    folder = Path(__file__).parents[2]
    done = run([sys.executable, "-c", code], check=True, cwd=folder)
    assert done.stdout.strip() == "forbidden"


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
def test_a_port_that_is_taken_on_ipv6_alone_is_taken_for_a_server_on_all_addresses() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = port_of(server)
        states = [port_state(port, address=address) for address in ("127.0.0.1", "0.0.0.0", "::")]
        assert states == ["free", "free", "in_use"]


def test_knocking_distinguishes_a_listener_from_an_empty_port(listener: socket.socket) -> None:
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
