from __future__ import annotations

import re

import pytest

from sidecar.core.exit_status import UNKNOWN, ExitStatus
from sidecar.observe.cause_table import ROWS
from sidecar.observe.causes import guess
from sidecar.observe.fatal import find

ABORT = ExitStatus(signal=6)
ONE = ExitStatus(code=1)
NOISE = "info: Microsoft.Hosting.Lifetime[14]\n      Now listening on: http://127.0.0.1:5005\n"

# kind, how it ended, what it said, words of the sentence a user sees.
SAID = [
    ("port_in_use", ABORT, "Unhandled exception. System.IO.IOException: Failed to bind to address http://127.0.0.1:5005: address already in use.\n ---> Microsoft.AspNetCore.Connections.AddressInUseException: Address already in use\n ---> System.Net.Sockets.SocketException (98): Address already in use\n   at System.Net.Sockets.Socket.DoBind(EndPoint endPointSnapshot)\n", "Port 5005 is already in use"),
    ("port_in_use", ExitStatus(code=0xE0434352), "Unhandled exception. System.IO.IOException: Failed to bind\n ---> System.Net.Sockets.SocketException (10048): Es ist bereits belegt", "already in use"),
    ("port_in_use", ONE, "Error: listen EADDRINUSE: address already in use 127.0.0.1:3000\n    at Server.setupListenHandle [as _listen2] (node:net:1463:16)\n", "Port 3000"),
    ("port_in_use", ONE, "OSError: [Errno 98] error while attempting to bind", "already in use"),
    ("port_forbidden", ExitStatus(code=0xE0434352), "Unhandled exception. System.Net.Sockets.SocketException (10013): An attempt was made to access a socket in a way forbidden by its access permissions.", "reserved"),
    ("port_forbidden", ONE, "Error: listen EACCES: permission denied 127.0.0.1:80\n    at x (node:net:1:1)\n", "port 80"),
    ("port_localhost", ABORT, "Unhandled exception. System.InvalidOperationException: Dynamic port binding is not supported when binding to localhost. You must either bind to 127.0.0.1:0 or [::1]:0, or both.", "localhost:0"),
    ("runtime_missing", ExitStatus(code=150), "You must install or update .NET to run this application.\n\nApp: /opt/app/Aura.Api\nArchitecture: x64\nFramework: 'Microsoft.AspNetCore.App', version '8.0.0' (x64)\n.NET location: Not found\n", ".NET runtime"),
    ("runtime_missing", ExitStatus(code=131), "A fatal error occurred. The required library libhostfxr.so could not be found.", ".NET runtime"),
    ("icu_missing", ABORT, "Process terminated. Couldn't find a valid ICU package installed on the system. Please install libicu using your package manager", "libicu"),
    ("openssl_missing", ABORT, "No usable version of libssl was found", "OpenSSL"),
    ("library_missing", ExitStatus(code=127), "./api: error while loading shared libraries: libssl.so.1.1: cannot open shared object file: No such file or directory", "libssl.so.1.1"),
    ("library_missing", ABORT, "dyld[4242]: Library not loaded: @rpath/libx264.dylib\n  Referenced from: /x", "@rpath/libx264.dylib"),
    ("library_missing", ABORT, "Unhandled exception. System.DllNotFoundException: Unable to load shared library 'libgdiplus' or one of its dependencies.", "libgdiplus"),
    ("library_version", ONE, "./api: /lib/libc.so.6: version `GLIBC_2.38' not found (required by ./api)", "GLIBC_2.38"),
    ("wrong_architecture", ExitStatus(code=126), "/bin/sh: 1: ./api: Exec format error", "architecture"),
    ("command_missing", ExitStatus(code=127), "sh: 1: serverd: not found\n", "serverd"),
    ("command_missing", ExitStatus(code=127), "./start: line 3: serverd: command not found\n", "serverd"),
    ("command_missing", ExitStatus(code=127), "start.zsh:1: command not found: serverd\n", "serverd"),
    ("command_missing", ExitStatus(code=127), "/usr/bin/env: \u2018python3 -u\u2019: No such file or directory\n", "python3 -u"),
    ("command_missing", ExitStatus(code=127), "env: can't execute 'node': No such file or directory\n", "node"),
    ("command_missing", ExitStatus(code=127), "run.sh: line 3: /opt/x/serverd: command not found\n", "/opt/x/serverd"),
    ("not_executable", ExitStatus(code=126), "sh: 1: exec: ./serverd: Permission denied\n", "./serverd"),
    ("program_incomplete", ABORT, "Unhandled exception. System.IO.FileNotFoundException: Could not load file or assembly 'Serilog, Version=3.0.0.0, Culture=neutral'. The system cannot find the file specified.", "Serilog"),
    ("program_incomplete", ONE, "node:internal/modules/cjs/loader:1\n  throw err;\nError: Cannot find module 'express'\nRequire stack:\n- /app/x.js\n    at Module._resolve (node:internal:1:1)\n", "express"),
    ("program_incomplete", ONE, "Traceback (most recent call last):\n  File \"/app/x.py\", line 1, in <module>\n    import flask\nModuleNotFoundError: No module named 'flask'\n", "flask"),
    ("working_folder", ExitStatus(code=3), "ERROR:    Error loading ASGI app. Could not import module \"app\".\n", "what its command names: app"),
    ("working_folder", ExitStatus(code=2), "Usage: flask run [OPTIONS]\n\nError: Could not locate a Flask application. Use the 'flask --app' option.\n", "Flask application"),
    ("working_folder", ExitStatus(code=254), "npm error enoent Could not read package.json: Error: ENOENT: no such file or directory, open '/x/package.json'\n", "package.json"),
    ("ffmpeg_missing", ONE, "FFmpeg was not found. Aura cannot run without it.", "FFmpeg"),
    ("ffmpeg_missing", ONE, "FFmpeg binaries not found", "FFmpeg"),
    ("ffmpeg_missing", ABORT, "Unhandled exception. System.ComponentModel.Win32Exception (2): An error occurred trying to start process 'ffmpeg' with working directory '/x'. No such file or directory", "FFmpeg"),
    ("disk_full", ABORT, "Unhandled exception. System.IO.IOException: No space left on device : '/data/x.db'", "disk is full"),
    ("disk_full", ExitStatus(code=0xE0434352), "Unhandled exception. System.IO.IOException: There is not enough space on the disk. : 'C:\\x'", "disk is full"),
    ("disk_full", ABORT, "Unhandled exception. Microsoft.Data.Sqlite.SqliteException (0x80004005): SQLite Error 13: 'database or disk is full'.", "disk is full"),
    ("memory", ABORT, "Unhandled exception. System.OutOfMemoryException: Array dimensions exceeded supported range.", "memory"),
    ("memory", ABORT, "Out of memory.\n", "memory"),
    ("memory", ExitStatus(code=137), "GC heap initialization failed with error 0x8007000E\nFailed to create CoreCLR, HRESULT: 0x8007000E", "memory"),
    ("memory", ABORT, "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "memory"),
    ("open_files", ABORT, "Unhandled exception. System.IO.IOException: Too many open files", "too many files"),
    ("inotify", ABORT, "Unhandled exception. System.IO.IOException: The configured user limit (128) on the number of inotify instances has been reached", "inotify"),
    ("database_locked", ABORT, "Unhandled exception. Microsoft.Data.Sqlite.SqliteException (0x80004005): SQLite Error 5: 'database is locked'.\n   at Microsoft.Data.Sqlite.SqliteCommand.ExecuteReader()", "locked"),
    ("database_damaged", ABORT, "Unhandled exception. Microsoft.Data.Sqlite.SqliteException (0x80004005): SQLite Error 26: 'file is not a database'.", "damaged"),
    ("file_in_use", ExitStatus(code=0xE0434352), "Unhandled exception. System.IO.IOException: The process cannot access the file 'C:\\x\\aura.log' because it is being used by another process.", "C:\\x\\aura.log"),
    ("read_only", ABORT, "Unhandled exception. System.IO.IOException: Read-only file system : '/data'", "read-only"),
    ("data_folder", ABORT, "Unhandled exception. System.IO.DirectoryNotFoundException: Could not find a part of the path '/no/such'.", "/no/such"),
    ("data_folder", ABORT, "Unhandled exception. System.IO.IOException: The file '/data' already exists.\n", "/data"),
    ("permission", ABORT, "Unhandled exception. System.UnauthorizedAccessException: Access to the path '/proc/aura' is denied.\n ---> System.IO.IOException: Permission denied", "/proc/aura"),
    ("configuration", ABORT, "Unhandled exception. System.IO.InvalidDataException: Failed to load configuration from file '/app/appsettings.json'.\n ---> System.FormatException: Could not parse the JSON file.", "/app/appsettings.json"),
    ("exception", ABORT, "Unhandled exception. System.InvalidOperationException: TROUBLE: background worker failed\n   at System.Threading.X.Y()\n   at TestBackend.Trouble.Crash(String kind) in /src/Trouble.cs:line 37\n", "System.InvalidOperationException: TROUBLE: background worker failed, at TestBackend.Trouble.Crash(String kind) in /src/Trouble.cs:line 37."),
    ("failfast", ABORT, "Process terminated.\nTROUBLE: state corrupted\n   at System.Environment.FailFast(System.String)\n   at TestBackend.Trouble.Crash(System.String)\n", "FailFast): TROUBLE: state corrupted, at TestBackend.Trouble.Crash(System.String)."),
    ("overflow", ABORT, "Stack overflow.\nRepeated 261962 times:\n--------------------------------\n   at TestBackend.Trouble.Overflow(Int32)\n--------------------------------\n", "stack overflow: Repeated 261962 times, at TestBackend.Trouble.Overflow(Int32)."),
    ("exception", ONE, "Traceback (most recent call last):\n  File \"/app/a.py\", line 1, in <module>\n    main()\n  File \"/app/b.py\", line 7, in main\n    1 / 0\nZeroDivisionError: division by zero\n", "ZeroDivisionError: division by zero, at /app/b.py:7 in main."),
    ("exception", ONE, "/app/x.js:3\n  y.z()\n    ^\n\nTypeError: y.z is not a function\n    at run (/app/x.js:3:5)\n    at node:internal/main:1:1\n\nNode.js v20.1.0\n", "TypeError: y.z is not a function, at run (/app/x.js:3:5)."),
    ("exception", ONE, "Exception in thread \"main\" java.lang.IllegalStateException: no config\n\tat java.base/x.Y.z(Y.java:1)\n\tat app.Main.main(Main.java:5)\n", "java.lang.IllegalStateException: no config"),
    ("exception", ExitStatus(code=2), "panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:8 +0x1d\n", "index out of range [3] with length 3, at main.main()."),
    ("exception", ExitStatus(code=101), "thread 'main' panicked at src/main.rs:2:5:\nno config\nnote: run with `RUST_BACKTRACE=1`", "no config, at src/main.rs:2:5."),
    ("exception", ABORT, "terminate called after throwing an instance of 'std::runtime_error'\n  what():  no config\n", "std::runtime_error: no config."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "status", "output", "words"), SAID, ids=[f"{kind}-{n}" for n, (kind, *_) in enumerate(SAID)]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("before", ["", NOISE * 200], ids=["alone", "after much else"])
def test_the_cause_comes_from_what_it_said(
    *, kind: str, status: ExitStatus, output: str, words: str, before: str, newline: str
) -> None:
    cause = guess((before + output).replace("\n", newline), status, port=None)
    assert cause is not None
    assert (cause.kind, words in cause.cause) == (kind, True), cause.cause
    assert cause.remedy.endswith(".")


ENDED = [
    ("clean_exit", ExitStatus(code=0)),
    ("killed", ExitStatus(signal=9)),
    ("killed", ExitStatus(code=137)),
    ("terminated", ExitStatus(signal=15)),
    ("terminated", ExitStatus(code=143)),
    ("terminated", ExitStatus(code=0xC000013A)),
    ("native_crash", ExitStatus(signal=11, core_dumped=True)),
    ("native_crash", ExitStatus(code=139)),
    ("native_crash", ExitStatus(code=0xC0000005)),
    ("native_crash", ExitStatus(code=0xC0000374)),
    ("illegal_instruction", ExitStatus(signal=4)),
    ("aborted", ExitStatus(signal=6)),
    ("library_missing", ExitStatus(code=0xC0000135)),
    ("overflow", ExitStatus(code=0xC00000FD)),
    ("failfast", ExitStatus(code=0xC0000409)),
    ("exception", ExitStatus(code=0xE0434352)),
    ("runtime_missing", ExitStatus(code=0x80008096)),
    ("not_executable", ExitStatus(code=126)),
    ("command_missing", ExitStatus(code=127)),
    ("signal", ExitStatus(signal=64)),
    ("unknown", UNKNOWN),
]


@pytest.mark.parametrize(("kind", "status"), ENDED, ids=[f"{kind}: {status.text}" for kind, status in ENDED])
def test_without_output_the_status_decides(kind: str, status: ExitStatus) -> None:
    cause = guess(NOISE, status, port=5005)
    assert cause is not None
    assert cause.kind == kind


@pytest.mark.parametrize("code", [1, 2, 64, 300, 0xDEAD])
def test_nothing_is_guessed_where_nothing_speaks_for_it(code: int) -> None:
    assert guess(NOISE, ExitStatus(code=code), port=5005) is None


def test_a_kill_from_outside_has_nothing_to_do_with_what_was_said_before() -> None:
    cause = guess("warn: SQLite Error 5: 'database is locked', trying again\n", ExitStatus(signal=9), port=None)
    assert cause is not None
    assert cause.kind == "killed"


@pytest.mark.parametrize(
    ("oom", "kind", "words"),
    [(True, "oom_killed", "memory ran out"), (False, "killed", "was not involved"), (None, "killed", "usually")],
)
def test_the_kernel_knows_better_than_the_signal_whether_memory_ran_out(
    oom: bool | None, kind: str, words: str
) -> None:
    cause = guess(NOISE, ExitStatus(signal=9), port=None, oom=oom)
    assert cause is not None
    assert cause.kind == kind
    assert words in cause.cause


def test_an_error_that_was_survived_is_not_the_cause_of_a_later_exception() -> None:
    said = "SQLite Error 5: 'database is locked', trying again\nUnhandled exception. System.ArgumentException: bad\n   at A.B()\n"
    cause = guess(said, ABORT, port=None)
    assert cause is not None
    assert cause.kind == "exception"


def test_of_two_exceptions_the_last_one_killed() -> None:
    said = "Traceback (most recent call last):\n  File \"a\", line 1, in b\nKeyError: 'x'\n" * 2
    fatal = find(said + 'Traceback (most recent call last):\n  File "c", line 2, in d\nValueError: last\n')
    assert fatal is not None
    assert (fatal.type, fatal.message, fatal.frame) == ("ValueError", "last", "c:2 in d")


def test_the_message_of_an_exception_is_one_line_of_bounded_length_and_keeps_its_inner_one() -> None:
    fatal = find(
        "Unhandled exception. System.A: outer\n ---> System.B: inner\n   at X.Y()\n   --- End of inner ---\n   at Z.W()\n"
    )
    assert fatal is not None
    assert (fatal.type, fatal.message, fatal.frame) == ("System.A", "outer ← System.B: inner", "X.Y()")
    long = find("Unhandled exception. System.A: " + "x" * 10_000)
    assert long is not None
    assert len(long.message) == 300


def test_the_port_of_the_run_is_named_where_the_text_has_none() -> None:
    cause = guess("OSError: [Errno 98] nope", ONE, port=4711)
    assert cause is not None
    assert cause.cause.startswith("Port 4711 ")


def test_another_port_than_that_of_the_run_is_named_where_the_text_has_one() -> None:
    cause = guess("Error: listen EADDRINUSE: address already in use 127.0.0.1:9229\n", ONE, port=4711)
    assert cause is not None
    assert cause.cause.startswith("Port 9229 ")


def test_every_row_of_the_table_compiles_and_has_its_own_example() -> None:
    assert [row.kind for row in ROWS if not re.compile(row.pattern)] == []
    untested = {row.kind for row in ROWS} - {kind for kind, *_ in SAID}
    assert untested == {
        "address_missing",
        "java_version",
        "bundle_unusable",
        "database_unopened",
        "certificate",
        "certificate_expired",
    }


def test_a_large_output_without_any_cause_is_searched_quickly_and_honestly() -> None:
    assert guess((NOISE * 600)[:65_536], ONE, port=None) is None
