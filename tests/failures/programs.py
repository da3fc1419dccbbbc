"""Ways in which a program cannot even be started."""

from __future__ import annotations

import platform
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path

from tests.failures.stage import Explanation, Stage, Ways, linux, needs, posix, windows
from tests.support.backends import http_backend, script_backend

WAYS = Ways("The program cannot be started")
_ELF_MACHINE = 18  # offset of e_machine in an ELF header (elf.h)
_AARCH64, _X86_64 = 0xB7, 0x3E


def lock_file(path: str) -> Callable[[], object]:
    """Opens a file on Windows exclusively; returns the function that releases it."""
    import ctypes

    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]  # Windows only
    kernel.CreateFileW.restype = ctypes.c_void_p
    handle = kernel.CreateFileW(ctypes.c_wchar_p(path), 0x8000_0000, 0, None, 3, 0, None)
    return lambda: kernel.CloseHandle(ctypes.c_void_p(handle))


@WAYS.add(
    "The program does not exist",
    "The backend's executable does not exist: <path>",
    "Check the path. A relative path starts at the folder in which the sidecar was started.",
)
async def program_missing(stage: Stage) -> Explanation:
    path = stage.facts["path"] = stage.folder / "no-such-program"
    return await stage.crash([str(path)])


@WAYS.add(
    "The program is a folder",
    "The backend's path is a folder: <path>",
    "Set the path of the program itself.",
)
async def program_is_a_folder(stage: Stage) -> Explanation:
    stage.facts["path"] = stage.folder
    return await stage.crash([str(stage.folder)])


@WAYS.add(
    "The program is not executable",
    "The backend's file is not executable: <path>",
    'Run: chmod u+x "<path>"',
    posix("the run bit"),
)
async def program_without_run_bit(stage: Stage) -> Explanation:
    return await stage.crash([stage.file("server", b"#!/bin/sh\n", mode=0o644)])


@WAYS.add(
    "The program is a text file without a #! line",
    "The backend's program cannot run on this system: <path>: it is neither a program for this system nor a script with a #! line",
    'If it is a script, give it a first line such as #!/bin/sh, or name its interpreter: backend.command = ["sh", …];'
    " if it is a program, reinstall it.",
    posix("programs that are text"),
)
async def program_is_a_text(stage: Stage) -> Explanation:
    return await stage.crash([stage.file("server", b"hi\n")])


@WAYS.add(
    "The whole command is given as one word",
    'No program is named "npm start": the whole command is a single word with spaces (working folder: <folder>)',
    'Split it into words: backend.command = ["npm", "start"], or on the command line: -- npm start',
)
async def program_is_a_whole_command(stage: Stage) -> Explanation:
    stage.facts["folder"] = stage.folder / "data"
    return await stage.crash(["npm start"])


def installed(stage: Stage) -> tuple[str, ...]:
    """The start of the sidecar by a desktop, which knows nothing of where cargo, nvm or Homebrew put programs."""
    stage.folder.joinpath(".cargo", "bin").mkdir(parents=True)
    stage.file(".cargo/bin/my-server", b"#!/bin/sh\n")
    return ("env", f"HOME={stage.folder}", "PATH=/usr/bin:/bin")


@WAYS.add(
    "The program is installed, and not on the PATH of the desktop",
    'The command "my-server" was not found on PATH, but it is installed: <path> (working folder: <folder>)',
    "An app that is started from the desktop does not have the PATH of a terminal. Set that path in backend.command, or ship the "
    "program with the app. PATH is /usr/bin:/bin",
    posix("the folders of installers"),
)
async def program_not_on_path(stage: Stage) -> Explanation:
    stage.facts["folder"] = stage.folder / "data"
    return await stage.crash(["my-server"], command=installed(stage))


@WAYS.add(
    "The program was built for another processor",
    "The backend's program cannot run on this system: <path>: it was built for <processor>, this machine is <machine>",
    "Use the build for this system and processor; a script needs a first line such as #!/bin/sh.",
    linux("ELF programs"),
)
async def program_for_another_processor(stage: Stage) -> Explanation:
    program = bytearray(Path(shutil.which("true") or "/bin/true").resolve().read_bytes())
    other = _X86_64 if platform.machine() == "aarch64" else _AARCH64
    struct.pack_into("<H", program, _ELF_MACHINE, other)
    stage.facts["machine"] = platform.machine()
    stage.facts["processor"] = "x86_64" if other == _X86_64 else "aarch64"
    return await stage.crash([stage.file("server", bytes(program))])


@WAYS.add(
    "The program was built for Windows",
    "The backend's program cannot run on this system: <path>: it is a program for Windows",
    "Use the build for this system and processor; a script needs a first line such as #!/bin/sh.",
    posix("programs that are no PE files"),
    needs(not Path("/proc/sys/fs/binfmt_misc/wine").exists(), "this system runs Windows programs"),
)
async def program_for_windows(stage: Stage) -> Explanation:
    return await stage.crash([stage.file("server.exe", b"MZ" + bytes(200))])


@WAYS.add(
    "The program was built for another system, on Windows",
    "The backend's program could not be started: <path>: it is a program for Linux (Windows error 193: <text>)",
    "Use the build for this processor (x64 or ARM64); reinstall it if the download is damaged.",
    windows("CreateProcess"),
)
async def program_for_linux(stage: Stage) -> Explanation:
    path = stage.file("server.exe", b"\x7fELF\x02\x01" + bytes(200))
    reported = await stage.crash([path])
    stage.facts["text"] = reported.cause.partition("193: ")[2].removesuffix(")")
    return reported


@WAYS.add(
    "An argument of a batch file has a character that cmd.exe changes",
    "The backend's program is a batch file, and one of its arguments has a character that cmd.exe would change: <path>",
    "Remove %, quotation marks and line breaks from the arguments, or set the program that the batch file starts in backend.command.",
    windows("batch files"),
)
async def argument_of_a_batch_file(stage: Stage) -> Explanation:
    return await stage.crash([stage.file("server.bat", b"@echo off\r\n"), "100%"])


@WAYS.add(
    "The program's interpreter is missing",
    "The backend's file cannot be executed: <path>: its interpreter /no/such/python does not exist",
    "Install /no/such/python, or name another interpreter in the first line of the file.",
    posix("#! lines"),
)
async def script_without_interpreter(stage: Stage) -> Explanation:
    return await stage.crash([stage.file("server", b"#!/no/such/python\n")])


@WAYS.add(
    "The script has Windows line ends",
    "The backend's file cannot be executed: <path>: its first line ends with a carriage return, so /bin/sh is not found",
    "Convert the file to Unix line ends: sed -i 's/\\r$//' \"<path>\"",
    posix("#! lines"),
)
async def script_with_windows_line_ends(stage: Stage) -> Explanation:
    return await stage.crash([stage.file("server", b"#!/bin/sh\r\nexit 0\r\n")])


@WAYS.add(
    "The script begins with a byte order mark",
    "The backend's file cannot be executed: <path>: it starts with a byte order mark, which hides its #! line from the system",
    "Save the file as UTF-8 without byte order mark (BOM), with Unix line ends.",
    posix("#! lines"),
)
async def script_with_byte_order_mark(stage: Stage) -> Explanation:
    return await stage.crash([stage.file("server", b"\xef\xbb\xbf#!/bin/sh\nexit 0\n")])


@WAYS.add(
    "An update is writing the program",
    "The backend's program is being written: <path>",
    "Wait for the update or the build to finish, then start again.",
    linux("ETXTBSY"),
)
async def program_being_written(stage: Stage) -> Explanation:
    path = stage.file("server", Path(shutil.which("true") or "/bin/true").resolve().read_bytes())
    stage.enter_context(Path(path).open("r+b"))  # noqa: SIM115 - the stage closes it
    return await stage.crash([path])


@WAYS.add(
    "The program is locked by another one (an antivirus scan, an update)",
    "The backend's program could not be started: <path>: another program has the file open (Windows error 32: <text>)",
    "Wait until the update, the build or the antivirus scan is finished, then start again.",
    windows("files that are not shared"),
)
async def program_locked(stage: Stage) -> Explanation:
    path = stage.file("server.exe", Path(sys.executable).read_bytes())
    stage.callback(lock_file(path))
    reported = await stage.crash([path])
    stage.facts["text"] = reported.cause.partition("error 32: ")[2].removesuffix(")")
    return reported


@WAYS.add(
    "The program is locked (before a start)",
    "<path> cannot be opened: another program has the file open",
    "Wait until the update, the build or the antivirus scan is finished, then start again.",
    windows("files that are not shared"),
    where="doctor",
)
async def program_locked_before_the_start(stage: Stage) -> Explanation:
    path = stage.file("server.exe", Path(sys.executable).read_bytes())
    stage.callback(lock_file(path))
    return await stage.doctor("executable", [path])


@WAYS.add(
    "The working folder does not exist",
    "The backend's working folder does not exist: <path>",
    "Create it, or change backend.cwd.",
)
async def folder_missing(stage: Stage) -> Explanation:
    path = stage.facts["path"] = stage.folder / "no-such-folder"
    return await stage.crash(http_backend(), backend__cwd=str(path))


@WAYS.add(
    "A variable for the backend holds a NUL character",
    "The settings are wrong:\n- --set backend.env: backend.env has the variable 'NAME'; allowed: a name without = and NUL, a value without NUL",
    "Correct the listed settings; see https://github.com/electron-backend-sidecar/electron-backend-sidecar/blob/main/docs/settings.md.",
    where="start",
)
async def variable_with_nul(stage: Stage) -> Explanation:
    return await stage.refused(http_backend(), backend__env={"NAME": "a\0b"})


@WAYS.add(
    "The limit on open files is above the user's own",
    "The limit limits.open_files could not be set for the backend: it is above the hard limit of this user (Operation not permitted)",
    "Lower limits.open_files to what 'ulimit -Hn' prints, or raise that (/etc/security/limits.conf, LimitNOFILE=).",
    posix("resource limits"),
)
async def limit_above_the_hard_one(stage: Stage) -> Explanation:
    lower = ("sh", "-c", 'ulimit -n 4096 && exec "$@"', "sh")
    return await stage.crash(http_backend(), command=lower, limits__open_files=4097)


@WAYS.add(
    "A shell starts a program that does not exist",
    "The program no-such-server, which the backend starts, was not found.",
    "Install it, or fix the script that starts it. If it is part of the app, reinstall the app.",
    posix("sh"),
)
async def command_not_found(stage: Stage) -> Explanation:
    reported = await stage.crash(["sh", "-c", "no-such-server --port 1"])
    assert stage.crash_text == "exit code 127: command not found"
    return reported


@WAYS.add(
    "A shell starts a program that is installed, and not on the PATH of the desktop",
    "The program my-server, which the backend starts, was not found on PATH, but it is installed: <path>.",
    "An app that is started from the desktop does not have the PATH of a terminal. Set PATH in backend.env so that it contains "
    "<place>, or ship the program with the app.",
    posix("sh"),
)
async def command_not_on_path(stage: Stage) -> Explanation:
    stage.facts["place"] = stage.folder / ".cargo" / "bin"
    return await stage.crash(["sh", "-c", "my-server --port 1"], command=installed(stage))


@WAYS.add(
    "A shell starts a program that is not executable",
    "The program <path>, which the backend starts, cannot be executed: permission denied.",
    'Make it executable: chmod u+x "<path>".',
    posix("sh"),
)
async def command_not_executable(stage: Stage) -> Explanation:
    path = stage.file("server", b"#!/bin/sh\n", mode=0o644)
    reported = await stage.crash(["sh", "-c", f"exec {path}"])
    assert stage.crash_text == "exit code 126: found, but not executable"
    return reported


@WAYS.add(
    "A DLL is missing",
    "A DLL that the backend needs is missing or incompatible.",
    "Install the Microsoft Visual C++ Redistributable; if that does not help, reinstall the app.",
    windows("the loader's exit code"),
)
async def dll_missing(stage: Stage) -> Explanation:
    return await stage.crash(script_backend(f"import os; os._exit({0xC0000135 - 2**32})"))


@WAYS.add(
    "A shared library is missing",
    "The library libgone.so.1, or one that it needs, is missing.",
    "Install the package that contains libgone.so.1; if it is part of the app, reinstall the app. If the file is there, it"
    " was built for another processor.",
    linux("the ELF loader"),
    needs(shutil.which("gcc"), "gcc, which makes the program, is not installed"),
)
async def library_missing(stage: Stage) -> Explanation:
    import subprocess

    for command in (
        ["gcc", "-shared", "-x", "c", "-", "-o", "libgone.so.1", "-Wl,-soname,libgone.so.1"],
        ["gcc", "-x", "c", "-", "-o", "server", "-Wl,--no-as-needed", "-L.", "-l:libgone.so.1"],
    ):
        code = b"int main(void) { return 0; }" if "server" in command else b"int gone(void) { return 0; }"
        subprocess.run(command, input=code, cwd=stage.folder, check=True)
    (stage.folder / "libgone.so.1").unlink()
    reported = await stage.crash([str(stage.folder / "server")])
    assert stage.crash_text == "exit code 127: command not found"
    return reported
