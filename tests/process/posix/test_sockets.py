"""Who listens where: the tree's own sockets, and the owner of a port."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sidecar.process import find_listener, find_listeners_of, portable, posix_run, process_name, sockets
from sidecar.process.base import ListeningSocket
from sidecar.process.platform.ports import is_listening
from sidecar.process.posix import PosixProcessLayer
from sidecar.process.sockets import find_unix_socket
from tests.support.backends import has_ipv6
from tests.support.processes import DEADLINE, is_alive
from tests.support.runs import Recorder, python, spec

SIX = "::1" if has_ipv6() else "127.0.0.1"
LISTEN = (
    "import socket,sys,time,os; s = socket.create_server(('127.0.0.1', 0)); "
    f"t = socket.create_server(('{SIX}', 0), family=socket.{'AF_INET6' if ':' in SIX else 'AF_INET'}); "
    "os.fork() and time.sleep(600); u = socket.create_server(('0.0.0.0', 0)); c = socket.create_connection(s.getsockname()); "
    "print(s.getsockname()[1], t.getsockname()[1], u.getsockname()[1], 'ready', flush=True); time.sleep(600)"
)


async def test_the_sockets_of_the_whole_tree_are_reported_with_their_owners(layer: PosixProcessLayer) -> None:
    recorder = Recorder()
    run = await layer.launch(spec((sys.executable, *python(LISTEN)[1:])), recorder)
    await recorder.has_written(b"ready")
    own, six, exposed = map(int, recorder.out.split()[:3])
    listeners = run.listeners()
    assert listeners is not None
    assert {(found.address, found.port) for found in listeners} == {
        ("127.0.0.1", own),
        (SIX, six),
        ("0.0.0.0", exposed),
    }
    pids = {process.pid for process in run.processes()}
    assert {found.pid for found in listeners} <= pids
    assert next(found.pid for found in listeners if found.port == exposed) != run.identity.pid
    assert find_listener(own)[0].pid in pids
    run.kill()
    await recorder.is_gone()
    assert run.listeners() == []


async def test_the_sockets_of_a_huge_tree_are_looked_at_in_part(
    layer: PosixProcessLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert posix_run._MAX_LOOKED <= 1000
    recorder = Recorder()
    run = await layer.launch(spec((sys.executable, *python(LISTEN)[1:])), recorder)
    await recorder.has_written(b"ready")
    exposed = int(recorder.out.split()[2])
    monkeypatch.setattr(posix_run, "_MAX_LOOKED", 1)
    found = run.listeners()
    assert found is not None
    assert exposed not in {one.port for one in found}, "the child listens there"
    monkeypatch.setattr(posix_run, "find_listeners_of", lambda _pids: [])
    assert run.listeners() is None, "the rest may listen"
    monkeypatch.setattr(posix_run, "_MAX_LOOKED", 1000)
    assert run.listeners() == []
    run.kill()
    await recorder.is_gone()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows it")
def test_a_unix_socket_counts_from_when_it_listens(tmp_path: Path) -> None:
    path = f"{tmp_path}/with space"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        assert find_unix_socket([os.getpid()]) != path
        server.listen()
        client.connect(path)
        assert find_unix_socket([os.getpid()]) == path
        assert find_unix_socket([1 << 22]) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="as above")
def test_dotnets_debugging_socket_does_not_count(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{tmp_path}/dotnet-diagnostic-1-2-socket")
        server.listen()
        assert find_unix_socket([os.getpid()]) in {"", f"@{os.getpid()}"}


@pytest.mark.skipif(sys.platform != "linux", reason="as above")
@pytest.mark.parametrize(
    "name", ["a b c zz e f g h", "1: 1 1 10000 1 1 x /p", "1: 00000002 00000000 00010000 0001 01 1x /p"]
)
def test_another_users_socket_with_line_breaks_in_its_name_hides_none(name: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as server:
        other.bind(f"\0{os.getpid()}\n{name}\n")
        other.listen()
        server.bind(f"{tmp_path}/own")
        server.listen()
        assert find_unix_socket([os.getpid()]) in {f"{tmp_path}/own", f"@{os.getpid()}"}


@pytest.mark.skipif(sys.platform != "linux", reason="shared is Linux' alone")
def test_a_port_shared_with_an_outside_process_is_distinguished_from_one_shared_with_a_child() -> None:
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        own.bind(("127.0.0.1", 0))
        own.listen()
        port = own.getsockname()[1]
        code = f"import socket, time; s = socket.create_server(('127.0.0.1', {port}), reuse_port=True); print('x', flush=True); time.sleep(600)"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert other.stdout.read(1) == b"x"
            alone, both = find_listeners_of([os.getpid()]), find_listeners_of([os.getpid(), other.pid])
            other.kill()
    assert [one.shared for one in alone or () if one.port == port] == [True]
    assert [one.shared for one in both or () if one.port == port] == [False, False]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc shows that nothing is left")
async def test_a_tree_that_has_ended_listens_nowhere_before_its_end_was_reported(layer: PosixProcessLayer) -> None:
    """Otherwise a port held by another program would count as the backend's, because its owner would be unknown."""
    recorder = Recorder()
    run = await layer.launch(spec((sys.executable, *python("pass")[1:])), recorder)
    deadline = time.monotonic() + DEADLINE
    while is_alive(run.identity.pid) and time.monotonic() < deadline:
        time.sleep(0.01)  # the loop must not read the report
    assert not run.ended.done()
    assert run.listeners() == []


@pytest.mark.parametrize("find", [find_listener, portable.find_listener])
def test_the_owner_of_a_port_is_found(find) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert find(port) == [ListeningSocket("127.0.0.1", port, os.getpid())]
    assert find(port) == []


@pytest.mark.parametrize("find", [find_listeners_of, portable.find_listeners_of])
def test_the_sockets_of_a_process_are_found_and_an_ended_one_has_none(find) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        assert ListeningSocket(*address, os.getpid()) in find([os.getpid()])
    assert find([2**22 + 1]) == []


def test_sockets_that_cannot_be_read_do_not_count_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_folder: str) -> list[str]:
        raise PermissionError

    monkeypatch.setattr(os, "scandir", denied)
    assert find_listeners_of([os.getpid()]) is None


def test_a_process_has_a_name_and_an_ended_one_has_none() -> None:
    assert process_name(os.getpid())
    assert process_name(2**22 + 1) is None


@pytest.mark.skipif(sys.platform != "linux", reason="SO_BINDTODEVICE is Linux's")
def test_a_listener_bound_to_the_loopback_interface_is_found() -> None:
    with socket.socket() as server:
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        except PermissionError:
            pytest.skip("this kernel lets only root do that")
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert not is_listening(port)
        server.listen()
        assert is_listening(port)


@pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux's")
def test_netlink_and_proc_report_the_same() -> None:
    from sidecar.process import sock_diag

    for _attempt in range(20):  # others open and close sockets meanwhile
        with (
            socket.create_server(("127.0.0.1", 0)) as four,
            socket.create_server((SIX, 0), family=socket.AF_INET6 if ":" in SIX else socket.AF_INET) as six,
        ):
            messages = sock_diag.listening()
            asked = {inode: sock_diag.describe(message) for inode, message in messages.items()}
            assert all(sock_diag.port_of(messages[inode]) == one.port for inode, one in asked.items())
            read = sockets._listening_in_proc()
            places = {("127.0.0.1", four.getsockname()[1]), (SIX, six.getsockname()[1])}
            assert places <= {place[:2] for place in asked.values()}
            both = [{inode: place[:2] for inode, place in found.items()} for found in (asked, read)]
            if both[0] == both[1]:
                return
    assert both[0] == both[1]


@pytest.mark.skipif(sys.platform != "linux" or not has_ipv6(), reason="netlink alone shows IPV6_V6ONLY")
def test_a_socket_for_ipv6_alone_is_distinguished_from_one_for_both() -> None:
    with (
        socket.create_server(("::", 0), family=socket.AF_INET6) as alone,
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as both,
    ):
        found = {listener.port: listener.only_ipv6 for listener in find_listeners_of([os.getpid()]) or ()}
        assert (found[alone.getsockname()[1]], found[both.getsockname()[1]]) == (True, False)


@pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux's")
@pytest.mark.parametrize(("number", "times"), [(errno.EPROTONOSUPPORT, 1), (errno.EMFILE, 3)])
def test_without_netlink_proc_is_read(monkeypatch: pytest.MonkeyPatch, number: int, times: int) -> None:
    from sidecar.process import sock_diag

    asked = []

    def refused(_port: int = 0) -> dict[int, bytes]:
        asked.append(1)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(sock_diag, "listening", refused)
    monkeypatch.setattr(sockets, "_refusals", set())
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = ("127.0.0.1", server.getsockname()[1])
        for _look in range(3):
            assert place in [found[:2] for found in sockets.find_listeners_of([os.getpid()]) or ()]
        assert [found[:3] for found in sockets.find_listener(place[1])] == [(*place, os.getpid())]
    assert len(asked) == (times if times == 1 else times + 1)


@pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux's")
def test_more_listeners_than_one_answer_holds() -> None:
    from contextlib import ExitStack

    from sidecar.process import sock_diag

    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(700)]
        ports = {server.getsockname()[1] for server in servers}
        assert ports <= {sock_diag.port_of(one) for one in sock_diag.listening().values()}


@pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux's")
def test_sockets_of_others_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any user may open half a million."""
    from sidecar.process import sock_diag

    code = "import socket, sys; kept = [socket.create_server(('127.0.0.1', 0)) for _ in range(200)]; print(flush=True); sys.stdin.read()"
    decode, decoded = sock_diag._decode, []
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as others:
        assert others.stdout is not None
        others.stdout.readline()
        monkeypatch.setattr(sock_diag, "_decode", lambda message: decoded.append(message) or decode(message))
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            assert port in [one.port for one in find_listeners_of([os.getpid()]) or ()]
            assert [one.pid for one in find_listener(port)] == [os.getpid()]
        others.communicate(b"")
    assert len(decoded) < 100


@pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux's")
def test_a_kernel_that_cannot_list_tcp_does_not_count_as_one_without_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    from sidecar.process import sock_diag

    # No kernel has a module for protocol 200, as a kernel without tcp_diag has none for TCP.
    monkeypatch.setattr(sock_diag.socket, "IPPROTO_TCP", 200)
    monkeypatch.setattr(sockets, "_refusals", set())
    with pytest.raises(OSError, match="No such file"):
        sock_diag.listening()
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert ("127.0.0.1", server.getsockname()[1]) in [one[:2] for one in sockets._listening()[0].values()]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no descriptor is needed to look")
def test_without_a_descriptor_nothing_is_known_and_nothing_is_gone() -> None:
    import resource

    from sidecar.process.descendants import hidden_children
    from sidecar.process.identity import identify, is_alive

    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
    try:
        known = identify(child.pid)
        assert known is not None
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
        try:
            assert is_alive(known)
            assert find_listeners_of([child.pid]) is None
            with pytest.raises(OSError, match="Too many open files"):
                sockets.find_listener(1)
            assert child.pid in [entry.pid for entry in hidden_children(child.pid)]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
    finally:
        child.kill()
        child.wait()
    assert not is_alive(known)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_process_that_ends_between_two_looks_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_lowest", lambda *_: [])
    monkeypatch.setattr(os, "listdir", lambda _folder: [])  # as of one that is being taken apart
    assert sockets._held_by(os.getpid(), range(1 << 40)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="as above")
def test_of_a_tree_with_a_huge_number_of_descriptors_the_first_processes_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thousand processes of 8192 descriptors each held the event loop for a minute."""
    assert sockets._MAX_OF_TREE <= 40_000
    looked: list[int] = []

    def read(_folder: str, names: list[str]) -> list[int]:
        looked.append(len(names))
        return [5, 7]

    def listening(*inodes: int) -> Any:
        return lambda: ({inode: inode for inode in inodes}, lambda inode: ListeningSocket("::1", inode, None), int)

    monkeypatch.setattr(sockets, "_MAX_DESCRIPTORS", 100)
    monkeypatch.setattr(sockets, "_MAX_OF_TREE", 250)
    monkeypatch.setattr(sockets, "_read_socket_links", read)
    kept = [os.dup(0) for _ in range(100)]
    try:
        for inodes, ports in (((5, 7, 8), [5, 7]), ((6,), [])):
            monkeypatch.setattr(sockets, "_listening", listening(*inodes))
            looked.clear()
            assert [one.port for one in find_listeners_of([os.getpid()] * 1000) or ()] == ports
            assert sum(looked) <= 250
    finally:
        for fd in kept:
            os.close(fd)


@pytest.mark.skipif(sys.platform != "linux", reason="as above")
def test_a_process_with_a_huge_number_of_descriptors_is_looked_at_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sockets._MAX_DESCRIPTORS <= 10_000
    monkeypatch.setattr(sockets, "_MAX_DESCRIPTORS", 64)
    code = (
        "import os, socket, sys\n"
        "before, after = map(int, sys.argv[1:])\n"
        "for _ in range(before): os.dup(1)\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "for _ in range(after): os.dup(1)\n"
        "print(server.getsockname()[1], flush=True)\n"
        "sys.stdin.read()\n"
    )
    for before, after, seen in ((5, 200, True), (200, 5, None)):
        command = [sys.executable, "-c", code, str(before), str(after)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            found = find_listeners_of([process.pid])
            assert (found and [one.port for one in found]) == ([port] if seen else None)
            process.communicate(b"")
