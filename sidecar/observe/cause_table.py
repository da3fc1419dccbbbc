"""What backends say when they die, and what a user can do about it.

Failures to bind the port come first, then the rows from top to bottom, the particular before the general. Texts are those of glibc, Windows, the .NET host
and runtime, Kestrel, SQLite, Node, CPython and the JVM, English as all of these print them to a log. In ``cause`` and
``remedy`` a name in braces stands for a group of the pattern.
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.bind_failure import BindFailure


class Row(NamedTuple):
    """``kind`` is a stable name; ``pattern`` a regular expression, letter case ignored, ``.`` within a line."""

    kind: str
    pattern: str
    cause: str
    remedy: str


_INCOMPLETE = (
    "Reinstall the app: its files are incomplete or were damaged (antivirus programs quarantine single files)."
)

# dash: "sh: 1: NAME: …", bash: "bash: line 1: NAME: …", of a script its own name in the place of the shell's
_SHELL = r"^\S+: (?:line )?\d+: (?:exec: )?(?P<program>[^:\n]+): "
# zsh: "start.sh:1: command not found: NAME"; env(1), which is the interpreter of many scripts: "env: NAME: No such file …", in quotation marks
_NOT_FOUND = r"^\S+:\d+: command not found: (?P<program1>\S+)$|^\S*env: (?:can't execute )?['\u2018\"]?(?P<program2>[^'\u2019\"\n]+?)['\u2019\"]?: no such file or directory$"

# kind, cause, remedy of what core.bind_failure recognises; ``{port}`` is "port 5005" or "the port"
BIND_FAILURES: dict[BindFailure, tuple[str, str, str]] = {
    "in_use": ("port_in_use", "{Port} is already in use by another program.", "Close that program (often a second copy of this app), or let the app choose its port: port = \"auto\"."),
    "forbidden": ("port_forbidden", "The system does not let the backend listen on {port}: it is reserved or needs administrator rights.", "Let the app choose its port: port = \"auto\". On Windows, 'netsh interface ipv4 show excludedportrange protocol=tcp' lists the reserved ranges."),
}  # fmt: skip

ROWS = (
    # What a shell says that was to start a program; before the general words that it uses
    Row("command_missing", rf"{_SHELL}(?:command )?not found$|{_NOT_FOUND}", "The program {program}, which the backend starts, was not found.", "Install it, or fix the script that starts it. If it is part of the app, reinstall the app."),
    Row("not_executable", rf"{_SHELL}permission denied$", "The program {program}, which the backend starts, cannot be executed: permission denied.", 'Make it executable: chmod u+x "{program}".'),
    Row("port_localhost", r"dynamic port binding is not supported when binding to localhost", "The backend is configured to listen on localhost:0, which it does not support.", "Use 127.0.0.1 instead of localhost in the address you pass to it."),
    Row("address_missing", r"cannot assign requested address|EADDRNOTAVAIL|address family not supported|EAFNOSUPPORT", "The backend tried to listen on an address that this machine does not have.", "Make it listen on 127.0.0.1. Check its settings and environment for another address."),
    # The runtime and the program's own files
    Row("runtime_missing", r"you must install (?:or update )?\.NET|framework: 'Microsoft\.\w+\.App', version '(?P<version>[^']+)'|(?:was )?not possible to find any compatible framework|(?:lib)?hostfxr\.\w+.{0,40}(?:not be found|not found)|failed to resolve (?:full path of the current executable|libhostfxr)", "The .NET runtime that the backend needs is not installed.", "Install the .NET runtime that its output names (https://dotnet.microsoft.com/download), or ship the backend self-contained."),
    Row("icu_missing", r"couldn't find a valid ICU package", "The library libicu, which .NET needs for text and cultures, is missing.", "Install libicu (Debian, Ubuntu: the package libicu7x; Fedora: libicu), or set DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 in [backend.env]."),
    Row("openssl_missing", r"no usable version of libssl", "The library OpenSSL (libssl), which .NET needs, is missing.", "Install OpenSSL from the distribution's packages."),
    Row("library_version", r"version [`'](?P<library>(?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found", "The backend was built for a newer system: {library} is missing here.", "Upgrade the operating system, or use a backend that was built on an older one."),
    Row("library_missing", r"error while loading shared libraries: (?P<library>[^:\s]+)|library not loaded: (?P<library2>\S+)|unable to load (?:shared library|DLL) '(?P<library3>[^']+)'", "The library {library} is missing, or one that it needs.", "Install the package that holds {library}; if it is part of the app, reinstall the app."),
    Row("wrong_architecture", r"exec format error|cannot execute binary file|BadImageFormatException|is not a valid win32 application|bad CPU type", "The backend, or one of its libraries, was built for another processor architecture.", "Install the app's build for this machine."),
    Row("java_version", r"UnsupportedClassVersionError", "The backend needs a newer version of Java.", "Install the version of Java named in its output."),
    Row("bundle_unusable", r"failure processing application bundle|failed to (?:create|determine) .{0,60}extract|DOTNET_BUNDLE_EXTRACT_BASE_DIR", "The backend's program file could not unpack itself.", "Free some space in the temporary folder and check that it is writable; if that does not help, reinstall the app."),
    Row("program_incomplete", r"could not load file or assembly '(?P<part>[^',]+)|cannot find module '(?P<part2>[^']+)'|(?:ModuleNotFoundError|ImportError): no module named '?(?P<part3>[\w.]+)|could not find or load main class (?P<part4>\S+)|the application to execute does not exist: '(?P<part5>[^']+)'|can't open file '(?P<part6>[^']+)'", "Part of the backend is missing: {part}.", f"{_INCOMPLETE} During development, install its dependencies, and check that backend.cwd is its folder."),
    Row("working_folder", r"could not import module [\"'](?P<part>[\w.]+)[\"']|could not locate a (?P<part2>Flask application)|could not read (?P<part3>package\.json)", "The backend's working folder does not have what its command names: {part}.", "Set backend.cwd to the folder that has it, or correct the name in backend.command."),
    # ffmpeg
    Row("ffmpeg_missing", r"(?:cannot|could not|can't|unable to) (?:find|locate|start|run) ['\"]?ffmpeg|ffmpeg(?:\.exe)?['\"]? (?:(?:executable|binary|binaries) )?(?:(?:was|were|is|could|are) )?not (?:be )?(?:found|installed)|spawn \S*ffmpeg\S* ENOENT|no such file or directory: '[^']*ffmpeg|start process '[^']*ffmpeg|missing ffmpeg", "FFmpeg, which the backend needs, was not found.", "Install FFmpeg, or set FFMPEG_PATH in [backend.env] to the program."),
    # Disk, memory, limits
    Row("disk_full", r"no space left on device|not enough space on the disk|ENOSPC|disk quota exceeded|EDQUOT|database or disk is full", "The disk is full.", "Free some space on the disk that holds the app's data and temporary files."),
    Row("memory", r"OutOfMemoryException|\bout of memory\b|^MemoryError|java\.lang\.OutOfMemoryError|std::bad_alloc|cannot allocate memory|ENOMEM|GC heap initialization failed|HRESULT: 0x8007000E|insufficient memory", "The backend ran out of memory.", "Close other programs or process less at a time. If the backend or its container has a memory limit, raise it."),
    Row("open_files", r"too many open files|EMFILE|ENFILE", "The backend has too many files and connections open.", "Raise the limit on open files (ulimit -n); if it happens again later, the backend leaks them: report it to its developer."),
    Row("inotify", r"user limit \(\d+\) on the number of inotify", "The system's limit on watched files (inotify) is used up.", "Raise fs.inotify.max_user_instances and max_user_watches, or set DOTNET_USE_POLLING_FILE_WATCHER=1 in [backend.env]."),
    # Data
    Row("database_locked", r"database (?:table )?is locked|SQLITE_BUSY|SQLITE_LOCKED", "The database is locked by another program.", "Close the other copy of the app, or the tool that has the database open, then restart."),
    Row("database_damaged", r"database disk image is malformed|file is not a database|SQLITE_CORRUPT|SQLITE_NOTADB", "The database is damaged.", "Restore it from a backup; keep the damaged file for the app's support."),
    Row("database_unopened", r"unable to open database file|SQLITE_CANTOPEN", "The database file cannot be opened.", "Check that the data folder exists, is writable and is on a local disk."),
    Row("file_in_use", r"cannot access the file '(?P<path>[^']+)' because it is being used|text file busy|EBUSY", "A file that the backend needs is in use by another program: {path}.", "Close the other copy of the app or the program that holds it; antivirus programs release a file after a few seconds."),
    Row("read_only", r"read-only file system|EROFS", "The backend cannot write: the disk is read-only.", "Set [paths] data to a folder on a writable disk."),
    Row("data_folder", r"could not find a part of the path '(?P<path>[^']+)'|the file '(?P<path2>[^']+)' already exists", "A folder that the backend needs is not usable: {path}.", "Check [paths] in the settings: the data folder must be a folder, on an available, writable disk."),
    Row("data_folder", r"DirectoryNotFoundException|not a directory|ENOTDIR|EEXIST|the directory name is invalid", "A folder that the backend needs is not usable.", "Check [paths] in the settings: the data folder must be a folder, on an available, writable disk."),
    Row("permission", r"access to the path '(?P<path>[^']+)' is denied", "The backend has no permission to read or write {path}.", "Give your user access to that file or folder; do not run the app as administrator instead."),
    Row("permission", r"UnauthorizedAccessException|permission denied|EACCES|EPERM|access is denied|operation not permitted", "The backend has no permission to read or write a file that it needs.", "Give your user access to that file or folder; do not run the app as administrator instead."),
    Row("configuration", r"failed to load configuration from file '(?P<path>[^']+)'", "The backend's own configuration cannot be read: {path}.", "Fix or remove that file."),
    Row("configuration", r"could not parse the JSON file|an error occurred while parsing", "The backend's own configuration cannot be read.", "Fix or remove the file named in its output."),
    Row("certificate", r"no server certificate was specified|unable to configure HTTPS endpoint", "The backend is configured for HTTPS but has no certificate.", "Make it listen on http://127.0.0.1 only. Check its settings and environment for an https address."),
    Row("certificate_expired", r"certificate (?:has expired|is not yet valid|verify failed)|NotTimeValid", "A certificate was rejected as expired or not yet valid.", "Check the clock of this machine, then the certificate that its output names."),
)  # fmt: skip
