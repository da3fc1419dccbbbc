"""A hostile backend's attempts, and the sandbox's promise about each. The table in docs/sandbox.md comes from here.

``tests/children/hostile.py`` has a function of each name.
"""

from __future__ import annotations

from typing import NamedTuple


class Attempt(NamedTuple):
    """One attempt to break out.

    Attributes:
        name: of the function.
        text: for the page.
        abi: of Landlock, from which level ``level`` denies it; 0: any kernel.
        level: the lowest that denies it. Empty: neither level promises it.
    """

    name: str
    text: str
    abi: int = 1
    level: str = "standard"


ATTEMPTS = (
    Attempt("create_in_home", "create a file in the home folder"),
    Attempt("overwrite_in_home", "overwrite a file there"),
    Attempt("append_in_home", "append to a file there"),
    Attempt("truncate_in_home", "empty a file there with truncate(2)", 3),
    Attempt("open_truncate_in_home", "empty a file there by opening it with O_TRUNC"),
    Attempt("remove_in_home", "remove a file there"),
    Attempt("remove_folder_in_home", "remove a folder there"),
    Attempt("rename_in_home", "rename a file there"),
    Attempt("move_out_of_home", "move a file from there into the data folder"),
    Attempt("move_into_home", "move a file from the data folder to there, over another"),
    Attempt("exchange_with_home", "exchange a file there with one in the data folder (RENAME_EXCHANGE)"),
    Attempt("hard_link_from_home", "make a hard link in the data folder to a file there, and write through it"),
    Attempt("hard_link_into_home", "make a hard link there to a file in the data folder"),
    Attempt("symbolic_link_in_home", "make a symbolic link there"),
    Attempt("write_through_link", "write through a symbolic link in the data folder that leads there"),
    Attempt("swap_for_link", "replace the temporary folder by a link that leads there, and write through it"),
    Attempt("make_folder_in_home", "make a folder there"),
    Attempt("make_fifo_in_home", "make a FIFO there"),
    Attempt("bind_socket_in_home", "bind a Unix socket there"),
    Attempt("unnamed_file_into_home", "open an unnamed file (O_TMPFILE) in the data folder and link it there"),
    Attempt("dots_into_home", "reach a file there through `..` from an open folder"),
    Attempt("proc_root_into_home", "reach a file there through /proc/self/root"),
    Attempt("sidecar_root_into_home", "reach a file there through /proc/PID/root of the sidecar"),
    Attempt("widen_landlock", "put a wider Landlock ruleset above its own"),
    Attempt("namespace_into_home", "become root of a new user namespace, then write there"),
    Attempt("mount_over_data", "bind the home folder into the data folder in a new mount namespace"),
    Attempt("chroot_into_home", "change the root folder in a new user namespace, then write there"),
    Attempt("open_by_handle", "open a file there by its handle (open_by_handle_at)", 0),
    Attempt("make_device", "make a device file in the data folder"),
    Attempt("write_device", "open a disk, or another device of the machine, for writing"),
    Attempt("write_system_file", "open a file in /etc for writing"),
    Attempt("write_sysctl", "write to /proc/sys"),
    Attempt("write_cgroup", "write to /sys/fs/cgroup"),
    Attempt("inject_into_terminal", "type into a terminal (TIOCSTI)", 5),
    Attempt("kill_sidecar", "kill the sidecar", 6),
    Attempt("kill_guardian", "kill the guardian", 6),
    Attempt("kill_neighbour", "kill another program of the user", 6),
    Attempt("kill_by_pidfd", "kill it through a pidfd", 6),
    Attempt("kill_by_owner_signal", "have the kernel send it a signal (F_SETOWN, F_SETSIG)", 6),
    Attempt("queue_signal", "queue a signal to the sidecar (rt_sigqueueinfo)", 6),
    Attempt("trace_sidecar", "trace the sidecar (ptrace)"),
    Attempt("trace_guardian", "trace the guardian"),
    Attempt("read_sidecar_memory", "read the sidecar's memory (process_vm_readv)"),
    Attempt("write_sidecar_memory", "write to the sidecar's memory (process_vm_writev)"),
    Attempt("signal_sidecar_thread", "signal a thread of the sidecar (tgkill)", 6),
    Attempt("use_raw_packets", "open a socket for raw packets (AF_PACKET)", 0),
    Attempt("open_sidecar_memory", "open /proc/PID/mem of the sidecar"),
    Attempt("read_sidecar_environment", "read the sidecar's environment"),
    Attempt("list_sidecar_descriptors", "list the sidecar's descriptors"),
    Attempt("steal_descriptor", "take the sidecar's descriptors (pidfd_getfd)"),
    Attempt("enter_namespace", "enter the sidecar's mount namespace"),
    Attempt("use_inherited_descriptor", "use an inherited descriptor besides its three streams", 0),
    Attempt("run_setuid_program", "run a program that is setuid root", 0),
    Attempt("use_capabilities", "set the clock, the host's name, the owner of a file (capabilities of root)", 0),
    Attempt("bind_other_port", "bind another TCP port", 4),
    Attempt("bind_any_port", "bind port 0", 4),
    Attempt("bind_other_port_ipv6", "bind another TCP port of IPv6", 4),
    Attempt("connect_abstract_socket", "connect to an abstract Unix socket of another program", 6),
    Attempt("send_abstract_datagram", "send a datagram to one", 6),
    Attempt("read_key", "read a key in the home folder", 1, "strict"),
    Attempt("list_home", "list the home folder", 1, "strict"),
    Attempt("run_program_in_home", "run a program in the home folder", 1, "strict"),
    Attempt("read_device", "open one for reading", 1, "strict"),
    Attempt("connect", "connect to a TCP port", 4, "strict"),
    Attempt("connect_ipv6", "connect to a TCP port over an IPv6 socket", 4, "strict"),
    Attempt("connect_fast_open", "connect with the first data (MSG_FASTOPEN)", 0, "strict"),
    Attempt("connect_mptcp", "connect with MPTCP", 0, "strict"),
    Attempt("bind_mptcp", "bind another port with MPTCP", 0, "strict"),
    Attempt("send_udp", "send UDP", 0, "strict"),
    Attempt("use_io_uring", "use io_uring, which bypasses filters of system calls", 0, "strict"),
    Attempt("use_kernel_keys", "use the kernel's keyrings, where programs keep secrets (keyctl)", 0, "strict"),
    Attempt("use_message_queue", "use a message queue of another program (mq_open)", 0, "strict"),
    Attempt("use_32_bit_calls", "use the system calls of 32-bit programs", 0, "strict"),
    Attempt("lock_key", "lock a file there that it cannot write (flock)", 1, "strict"),
    Attempt("use_kernel_crypto", "use the kernel's ciphers (AF_ALG)", 0, "strict"),
    Attempt("use_virtual_socket", "open a socket to the host of a virtual machine (AF_VSOCK)", 0, "strict"),
    Attempt(
        "lower_sidecar_limits",
        "change the sidecar's limits (prlimit), such as that on CPU time, which would kill it",
        0,
        "strict",
    ),
    Attempt("listen_unbound", "listen without binding, on a port that the kernel chooses", 0, ""),
    Attempt("connect_socket_file", "connect to a Unix socket that is a file", 0, ""),
    Attempt("change_mode", "change the mode of a file of the user (chmod)", 0, ""),
    Attempt("change_times", "change the times of a file of the user", 0, ""),
    Attempt("look_at_file", "see that a file exists, its size and its times (stat)", 0, ""),
    Attempt("set_attribute", "set an extended attribute of a file of the user", 0, ""),
    Attempt("watch_home", "watch which files are created in the home folder (inotify)", 0, ""),
    Attempt("run_from_memory", "run a program that it made itself in memory (memfd_create)", 0, ""),
    Attempt("pin_sidecar", "choose the processors that the sidecar runs on", 0, ""),
    Attempt("read_command_line", "read the command line of another process", 0, ""),
    Attempt("change_sidecar_files", "change what the sidecar keeps in the data folder: its logs, its record", 0, ""),
    Attempt("renice_sidecar", "make the sidecar slower (setpriority)", 0, ""),
    Attempt("attach_shared_memory", "use System V shared memory of another program", 0, ""),
)
