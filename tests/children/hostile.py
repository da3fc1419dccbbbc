"""A backend that tries to break out of its sandbox: each function is an attempt, which raises OSError if it is denied.

``hostile.py executed FACTS NAME...`` makes the attempts and writes name → outcome to executed.json. ``hostile.py serve FACTS
NAME...`` does so as a backend, a setsid child, a double-forked one and an executed one, then listens. FACTS is JSON: home, data
(folders), neighbour (pid), tcp (port), abstract, socket, terminal, setuid (names), shm.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
facts: dict = {}
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
AT_FDCWD = -100
IPPROTO_MPTCP = 262


def checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def home(name: str = "key") -> str:
    return os.path.join(facts["home"], name)


def data(name: str) -> str:
    return os.path.join(facts["data"], f"{name}-{os.getpid()}")


def made(name: str) -> str:
    path = data(name)
    with open(path, "w") as file:
        file.write("evil")
    return path


def write(path: str) -> None:
    with open(path, "w") as file:
        file.write("evil")


# Files ----------------------------------------------------------------------------------------------------------------


def create_in_home() -> None:
    write(home("new"))


def overwrite_in_home() -> None:
    fd = os.open(home(), os.O_WRONLY)
    os.write(fd, b"evil")


def append_in_home() -> None:
    fd = os.open(home(), os.O_WRONLY | os.O_APPEND)
    os.write(fd, b"evil")


def truncate_in_home() -> None:
    os.truncate(home(), 0)


def open_truncate_in_home() -> None:
    os.open(home(), os.O_RDONLY | os.O_TRUNC)


def remove_in_home() -> None:
    os.unlink(home("victim"))


def remove_folder_in_home() -> None:
    os.rmdir(home("folder"))


def rename_in_home() -> None:
    os.rename(home("victim"), home("renamed"))


def move_out_of_home() -> None:
    os.rename(home("victim"), data("moved"))


def move_into_home() -> None:
    os.rename(made("evil"), home("victim"))


def exchange_with_home() -> None:
    one, other = made("evil").encode(), home("victim").encode()
    checked(libc.renameat2(AT_FDCWD, one, AT_FDCWD, other, 2))


def hard_link_from_home() -> None:
    path = data("link")
    os.link(home(), path)
    write(path)


def hard_link_into_home() -> None:
    os.link(made("evil"), home("linked"))


def symbolic_link_in_home() -> None:
    os.symlink("/etc/passwd", home("symbolic"))


def write_through_link() -> None:
    path = data("symbolic")
    os.symlink(home(), path)
    write(path)


def swap_for_link() -> None:
    path = os.path.join(facts["data"], "temp")
    aside = data("aside")
    try:
        os.rename(path, aside)
        os.symlink(facts["home"], path)
        write(os.path.join(path, "swapped"))
    finally:
        os.unlink(path)
        os.rename(aside, path)


def make_folder_in_home() -> None:
    os.mkdir(home("made"))


def make_fifo_in_home() -> None:
    os.mkfifo(home("fifo"))


def bind_socket_in_home() -> None:
    socket.socket(socket.AF_UNIX).bind(home("bound"))


def unnamed_file_into_home() -> None:
    fd = os.open(facts["data"], os.O_TMPFILE | os.O_RDWR)
    checked(libc.linkat(AT_FDCWD, f"/proc/self/fd/{fd}".encode(), AT_FDCWD, home("unnamed").encode(), 0x400))


def dots_into_home() -> None:
    folder = os.open(facts["data"], os.O_PATH)
    os.open(os.path.relpath(home("dots"), facts["data"]), os.O_WRONLY | os.O_CREAT, dir_fd=folder)


def proc_root_into_home() -> None:
    write("/proc/self/root" + home("root"))


def sidecar_root_into_home() -> None:
    write(f"/proc/{facts['sidecar']}/root" + home("root"))


def widen_landlock() -> None:
    ruleset = checked(libc.syscall(444, struct.pack("=QQQ", 2, 0, 0), 24, 0))
    folder = os.open("/", os.O_PATH)
    checked(libc.syscall(445, ruleset, 1, struct.pack("=Qi", 2, folder), 0))
    checked(libc.syscall(446, ruleset, 0))
    write(home("widened"))


def become_root_of_a_namespace() -> None:
    uid, gid = os.getuid(), os.getgid()
    checked(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS))
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        try:
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
        except OSError:
            pass  # the capabilities exist without a map


def namespace_into_home() -> None:
    become_root_of_a_namespace()
    write(home("namespace"))


def mount_over_data() -> None:
    become_root_of_a_namespace()
    folder = data("mounted")
    os.mkdir(folder)
    checked(libc.mount(facts["home"].encode(), folder.encode(), None, 4096, None))
    write(os.path.join(folder, "mounted"))


def chroot_into_home() -> None:
    become_root_of_a_namespace()
    os.chroot(facts["home"])
    write("/chrooted")


def open_by_handle() -> None:
    handle = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0), 8 + 128)
    mount = ctypes.c_int()
    checked(libc.name_to_handle_at(AT_FDCWD, home().encode(), handle, ctypes.byref(mount), 0))
    folder = os.open(facts["data"], os.O_RDONLY)
    checked(libc.open_by_handle_at(folder, handle, os.O_RDONLY))


def make_device() -> None:
    os.mknod(data("device"), 0o20666, os.makedev(1, 5))


def open_device(flags: int) -> None:
    """Opens a disk, or another device of the machine."""
    denied: OSError = FileNotFoundError("no device")
    for name in ("vda", "sda", "nvme0n1", "kmsg", "fuse", "mem"):
        try:
            os.open(f"/dev/{name}", flags)
        except OSError as error:
            denied = error
        else:
            return
    raise denied


def write_device() -> None:
    open_device(os.O_WRONLY)


def write_system_file() -> None:
    os.open("/etc/hosts", os.O_WRONLY)


def write_sysctl() -> None:
    os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)


def write_cgroup() -> None:
    for folder, _folders, files in os.walk("/sys/fs/cgroup"):
        if "cgroup.procs" in files:
            os.open(os.path.join(folder, "cgroup.procs"), os.O_WRONLY)
            return
    raise PermissionError("no control groups are to be seen")


def inject_into_terminal() -> None:
    try:
        fd = os.open(facts["terminal"], os.O_RDWR | os.O_NOCTTY)
    except OSError:
        fd = os.open(facts["terminal"], os.O_RDONLY | os.O_NOCTTY)
    fcntl.ioctl(fd, 0x5412, b"x")


# Processes --------------------------------------------------------------------------------------------------------------


def kill_sidecar() -> None:
    os.kill(facts["sidecar"], signal.SIGKILL)


def kill_guardian() -> None:
    os.kill(facts["guardian"], signal.SIGKILL)


def kill_neighbour() -> None:
    os.kill(facts["neighbour"], signal.SIGKILL)


def kill_by_pidfd() -> None:
    signal.pidfd_send_signal(os.pidfd_open(facts["neighbour"]), signal.SIGKILL)


def kill_by_owner_signal() -> None:
    """The kernel does not report an unsent signal, so check whether the neighbour lives."""
    read, write_end = os.pipe()
    fcntl.fcntl(read, fcntl.F_SETOWN, facts["neighbour"])
    fcntl.fcntl(read, 10, signal.SIGKILL)  # F_SETSIG
    fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC)
    os.write(write_end, b"x")
    time.sleep(0.05)
    with open(f"/proc/{facts['neighbour']}/stat") as file:
        if file.read().rpartition(")")[2].split()[0] not in "ZX":
            raise PermissionError("it lives")


def queue_signal() -> None:
    info = ctypes.create_string_buffer(128)
    struct.pack_into("=iiiiii", info, 0, signal.SIGTERM, 0, -1, 0, os.getpid(), os.getuid())
    checked(libc.syscall(129, facts["sidecar"], signal.SIGTERM, info))


def trace(pid: int) -> None:
    checked(libc.ptrace(0x4206, pid, None, None))  # PTRACE_SEIZE, which does not stop the process


def trace_sidecar() -> None:
    trace(facts["sidecar"])


def trace_guardian() -> None:
    trace(facts["guardian"])


def read_sidecar_memory() -> None:
    with open(f"/proc/{os.getpid()}/maps") as file:
        address = int(file.readline().partition("-")[0], 16)
    buffer = ctypes.create_string_buffer(8)
    ours = struct.pack("=QQ", ctypes.addressof(buffer), 8)
    try:
        checked(libc.process_vm_readv(facts["sidecar"], ours, 1, struct.pack("=QQ", address, 8), 1, 0))
    except OSError as error:
        if error.errno != errno.EFAULT:  # that comes after the permission
            raise


def write_sidecar_memory() -> None:
    with open(f"/proc/{os.getpid()}/maps") as file:
        address = int(file.readline().partition("-")[0], 16)
    ours = struct.pack("=QQ", ctypes.addressof(ctypes.create_string_buffer(8)), 8)
    try:
        checked(libc.process_vm_writev(facts["sidecar"], ours, 1, struct.pack("=QQ", address, 8), 1, 0))
    except OSError as error:
        if error.errno != errno.EFAULT:  # that comes after the permission: the page is read-only
            raise


def signal_sidecar_thread() -> None:
    checked(libc.tgkill(facts["sidecar"], facts["sidecar"], 0))


def open_sidecar_memory() -> None:
    os.open(f"/proc/{facts['sidecar']}/mem", os.O_RDONLY)


def read_sidecar_environment() -> None:
    with open(f"/proc/{facts['sidecar']}/environ", "rb") as file:
        file.read()


def list_sidecar_descriptors() -> None:
    os.readlink(f"/proc/{facts['sidecar']}/fd/0")


def steal_descriptor() -> None:
    checked(libc.syscall(438, os.pidfd_open(facts["sidecar"]), 0, 0))


def enter_namespace() -> None:
    checked(libc.setns(os.open(f"/proc/{facts['sidecar']}/ns/mnt", os.O_RDONLY), 0))


def use_inherited_descriptor() -> None:
    extra = [fd for fd in inherited if fd > 2]
    if not extra:
        raise PermissionError("not available")


def run_setuid_program() -> None:
    done = subprocess.run([facts["setuid"], "-u"], capture_output=True, text=True, check=False)
    if done.stdout.strip() != "0" or os.getuid() == 0:
        raise PermissionError(done.stdout + done.stderr)


def use_capabilities() -> None:
    """All of these calls must fail."""
    failures = 0
    for use in (
        lambda: checked(libc.sethostname(b"evil", 4)),
        lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
        lambda: os.chown(made("owned"), 12345, 12345),
        lambda: os.chroot("/"),
        lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        lambda: checked(libc.syscall(175, b"", 0, b"")),  # init_module
    ):
        try:
            use()
        except OSError:
            failures += 1
    if failures == 6:
        raise PermissionError("all")


# The network ------------------------------------------------------------------------------------------------------------


def bind_other_port() -> None:
    for port in range(20000, 20010):
        try:
            socket.socket().bind(("127.0.0.1", port))
        except PermissionError:
            raise
        except OSError:
            continue
        return


def bind_any_port() -> None:
    socket.socket().bind(("0.0.0.0", 0))


def bind_other_port_ipv6() -> None:
    socket.socket(socket.AF_INET6).bind(("::", 20011))


def connect_abstract_socket() -> None:
    socket.socket(socket.AF_UNIX).connect("\0" + facts["abstract"])


def send_abstract_datagram() -> None:
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"evil", "\0" + facts["abstract"] + "-datagram")


def connect() -> None:
    socket.socket().connect(("127.0.0.1", facts["tcp"]))


def connect_ipv6() -> None:
    socket.socket(socket.AF_INET6).connect(("::ffff:127.0.0.1", facts["tcp"]))


def connect_fast_open() -> None:
    socket.socket().sendto(b"evil", socket.MSG_FASTOPEN, ("127.0.0.1", facts["tcp"]))


def connect_mptcp() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).connect(("127.0.0.1", facts["tcp"]))


def bind_mptcp() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).bind(("127.0.0.1", 0))


def use_io_uring() -> None:
    checked(libc.syscall(425, 4, ctypes.create_string_buffer(120)))


def use_32_bit_calls() -> None:
    """socket(AF_INET, SOCK_DGRAM) by int 0x80, as machine code: push rbx; eax = 359; ebx = 2; ecx = 2; edx = 0; int 0x80; pop rbx; ret."""
    if os.uname().machine != "x86_64":
        raise PermissionError("only x86-64 has them here")
    code = b"\x53\xb8\x67\x01\x00\x00\xbb\x02\x00\x00\x00\xb9\x02\x00\x00\x00\x31\xd2\xcd\x80\x5b\xc3"
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    if (result := function()) < 0:
        raise OSError(-result, os.strerror(-result))


def listen_unbound() -> None:
    listener = socket.socket()
    listener.listen()
    if not listener.getsockname()[1]:
        raise PermissionError("no port")


def send_udp() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"evil", ("127.0.0.1", facts["tcp"]))


def connect_socket_file() -> None:
    socket.socket(socket.AF_UNIX).connect(facts["socket"])


# Reading --------------------------------------------------------------------------------------------------------------


def read_key() -> None:
    with open(home(), "rb") as file:
        file.read()


def list_home() -> None:
    os.listdir(facts["home"])


def run_program_in_home() -> None:
    subprocess.run([home("program")], check=True, capture_output=True)


def read_device() -> None:
    open_device(os.O_RDONLY)


# What is not promised ---------------------------------------------------------------------------------------------------


def change_mode() -> None:
    os.chmod(home(), 0o600)


def change_times() -> None:
    os.utime(home())


def look_at_file() -> None:
    os.stat(home())


def lower_sidecar_limits() -> None:
    import resource

    resource.prlimit(facts["sidecar"], resource.RLIMIT_CORE, resource.prlimit(facts["sidecar"], resource.RLIMIT_CORE))


def lock_key() -> None:
    fcntl.flock(os.open(home(), os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)


def use_kernel_crypto() -> None:
    socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)


def use_kernel_keys() -> None:
    add_key, keyctl = (248, 250) if os.uname().machine == "x86_64" else (217, 219)
    ring, read, unlink = ctypes.c_long(-3), 11, 9  # KEY_SPEC_SESSION_KEYRING, KEYCTL_…
    key = checked(libc.syscall(add_key, b"user", b"evil", ctypes.c_char_p(b"evil"), 4, ring))
    try:
        checked(libc.syscall(keyctl, read, ctypes.c_long(key), ctypes.create_string_buffer(10), 10, 0))
    finally:
        libc.syscall(keyctl, unlink, ctypes.c_long(key), ring)


def use_message_queue() -> None:
    name = f"/evil-{os.getpid()}".encode()
    checked(libc.mq_open(name, os.O_CREAT | os.O_RDWR, 0o600, None))
    libc.mq_unlink(name)


def use_virtual_socket() -> None:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)


def use_raw_packets() -> None:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)


def watch_home() -> None:
    checked(libc.inotify_add_watch(checked(libc.inotify_init()), facts["home"].encode(), 0x100))  # IN_CREATE


def set_attribute() -> None:
    os.setxattr(home(), "user.evil", b"1")
    os.removexattr(home(), "user.evil")


def pin_sidecar() -> None:
    os.sched_setaffinity(facts["sidecar"], os.sched_getaffinity(facts["sidecar"]))


def run_from_memory() -> None:
    fd = os.memfd_create("evil")
    with open("/usr/bin/true", "rb") as file:
        os.write(fd, file.read())
    subprocess.run([f"/proc/self/fd/{fd}"], check=True, pass_fds=(fd,))


def read_command_line() -> None:
    with open(f"/proc/{facts['neighbour']}/cmdline", "rb") as file:
        file.read()


def change_sidecar_files() -> None:
    os.open(os.path.join(facts["data"], "logs", "sidecar.log"), os.O_WRONLY | os.O_CREAT)


def renice_sidecar() -> None:
    os.setpriority(os.PRIO_PROCESS, facts["sidecar"], os.getpriority(os.PRIO_PROCESS, facts["sidecar"]))


def attach_shared_memory() -> None:
    libc.shmat.restype = ctypes.c_long
    checked(libc.shmat(facts["shm"], None, 0))


# The machinery ----------------------------------------------------------------------------------------------------------


def attempt(name: str) -> str:
    """Makes an attempt in its own process, which may damage itself. First recreates what an earlier attempt destroyed, if possible."""
    for restore in (lambda: write(home("victim")), lambda: os.mkdir(home("folder"))):
        try:
            restore()
        except OSError:
            pass
    read, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            globals()[name]()
            text = "succeeded"
        except OSError as error:
            text = f"denied: {error}"
        except BaseException as error:  # noqa: BLE001 - reported to the parent
            text = f"broken: {error!r}"
        os.write(write_end, text.encode()[:4000])
        os._exit(0)
    os.close(write_end)
    text = os.read(read, 4000).decode() or "succeeded: it was killed"
    os.close(read)
    os.waitpid(pid, 0)
    return text


def report(way: str, names: list[str]) -> None:
    found = {name: attempt(name) for name in names}
    path = os.path.join(facts["data"], f"{way}.json")
    with open(path + ".new", "w") as file:
        json.dump(found, file)
    os.rename(path + ".new", path)


def spawn(way: str, names: list[str]) -> None:
    if pid := os.fork():
        os.waitpid(pid, 0)
        return
    if way == "setsid":
        os.setsid()
    elif way == "forked_twice":
        os.setsid()
        if os.fork():
            os._exit(0)
    elif way == "executed":
        os.execv(sys.executable, [sys.executable, "-I", "-S", __file__, "executed", json.dumps(facts), *names])
    report(way, names)
    os._exit(0)


def outlives_execve(fd: int) -> bool:
    """Whether a descriptor came through execve: libffi 3.5 opens a file that does not, and so does listdir."""
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False


def main() -> None:
    inherited.extend(filter(outlives_execve, map(int, os.listdir("/proc/self/fd"))))
    way, given, *names = sys.argv[1:]
    facts.update(json.loads(given))
    if way == "executed":
        report(way, names)
        return
    facts["guardian"] = os.getppid()
    with open(f"/proc/{facts['guardian']}/stat") as file:
        facts["sidecar"] = int(file.read().rpartition(")")[2].split()[1])
    for way in ("direct", "setsid", "forked_twice", "executed"):
        if way == "direct":
            report(way, names)
        else:
            spawn(way, names)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(os.environ["PORT"])))
    listener.listen()
    time.sleep(600)


inherited: list[int] = []
if __name__ == "__main__":
    main()
