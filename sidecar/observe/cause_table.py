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
    Row("command_missing", r"^python was not found; run without arguments to install", "Python is not installed: python.exe here is only a placeholder that opens the Microsoft Store.", "Install Python and start the app again, or set the full path of a python.exe in backend.command."),
    Row("not_executable", rf"{_SHELL}permission denied$", "The program {program}, which the backend starts, cannot be executed: permission denied.", 'Make it executable: chmod u+x "{program}".'),
    Row("port_localhost", r"dynamic port binding is not supported when binding to localhost", "The backend is configured to listen on localhost:0, which it does not support.", "Use 127.0.0.1 instead of localhost in the address you pass to it."),
    Row("address_missing", r"cannot assign requested address|EADDRNOTAVAIL|address family not supported|EAFNOSUPPORT", "The backend tried to listen on an address that this machine does not have.", "Make it listen on 127.0.0.1. Check its settings and environment for another address."),
    # The runtime and the program's own files
    Row("runtime_missing", r"you must install (?:or update )?\.NET|framework: 'Microsoft\.\w+\.App', version '(?P<version>[^']+)'|(?:was )?not possible to find any compatible framework|(?:lib)?hostfxr\.\w+.{0,40}(?:not be found|not found)|failed to resolve (?:full path of the current executable|libhostfxr)", "The .NET runtime that the backend needs is not installed.", "Install the .NET runtime that its output names (https://dotnet.microsoft.com/download), or ship the backend self-contained."),
    Row("icu_missing", r"couldn't find a valid ICU package", "The library libicu, which .NET needs for text and cultures, is missing.", "Install libicu (Debian, Ubuntu: the package libicu7x; Fedora: libicu), or set DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 in [backend.env]."),
    Row("openssl_missing", r"no usable version of libssl", "The library OpenSSL (libssl), which .NET needs, is missing.", "Install OpenSSL from the distribution's packages."),
    Row("not_mappable", r"(?P<library>[^\s:']+)'?: failed to map segment from shared object", "The library {library} cannot be loaded: its disk is mounted noexec, or a limit on memory is too low.", "If it is in the temporary folder, set TMPDIR in [backend.env] to a folder on a disk without noexec. Otherwise raise the limit (ulimit -v)."),
    Row("library_version", r"version [`'](?P<library>(?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found", "The backend was built for a newer system: {library} is missing here.", "Upgrade the operating system, or use a backend that was built on an older one."),
    Row("library_missing", r"error while loading shared libraries: (?P<library>[^:\s]+)|library not loaded: (?P<library2>\S+)|unable to load (?:shared library|DLL) '(?P<library3>[^']+)'|(?P<library4>[\w.+-]+\.so[.\w]*): cannot open shared object|DLL load failed while importing (?P<library5>\w+)|error loading \"(?P<library6>[^\"]+)\" or one of its dependencies|UnsatisfiedLinkError: no (?P<library7>\S+) in java", "The library {library} is missing, or one that it needs.", "Install the package that holds {library}; if it is part of the app, reinstall the app."),
    Row("native_module", r"The module '(?P<module>[^']+)'\s+was compiled against a different Node\.js version", "The native module {module} was built for another version of Node.js.", "Rebuild it with the Node.js that runs the backend: npm rebuild. Electron's own version differs from that of node."),
    Row("wrong_architecture", r"exec format error|cannot execute binary file|BadImageFormatException|is not a valid win32 application|bad CPU type|invalid ELF header|incompatible architecture", "The backend, or one of its libraries, was built for another processor architecture.", "Install the app's build for this machine."),
    Row("runtime_missing", r"unable to locate a Java runtime|no 'java' command could be found|JAVA_HOME is (?:set to an invalid directory|not (?:set|defined))", "Java, which the backend needs, was not found.", "Install Java, or set JAVA_HOME in [backend.env] to its folder; or ship the backend with its own runtime."),
    Row("java_version", r"UnsupportedClassVersionError", "The backend needs a newer version of Java.", "Install the version of Java named in its output."),
    Row("bundle_unusable", r"failure processing application bundle|failed to (?:create|determine) .{0,60}extract|(?:\[PYI-\d+:ERROR\]|INTERNAL ERROR:) (?:failed to extract|(?:could not|cannot) create temporary)|DOTNET_BUNDLE_EXTRACT_BASE_DIR", "The backend's program file could not unpack itself.", "Free some space in the temporary folder and check that it is writable; if that does not help, reinstall the app."),
    Row("python_home", r"init_fs_encoding: failed|no module named '?encodings\b", "The backend's Python did not find its standard library.", "Variables of another Python may be the reason: set limits.env_deny = [\"PYTHONHOME\", \"PYTHONPATH\"]. Otherwise reinstall the app."),
    Row("program_incomplete", r"could not load file or assembly '(?P<part>[^',]+)|cannot find module '(?P<part2>[^']+)'|(?:ModuleNotFoundError|ImportError): no module named '?(?P<part3>[\w.]+)|could not find or load main class (?P<part4>\S+)|the application to execute does not exist: '(?P<part5>[^']+)'|can't open file '(?P<part6>[^']+)'|unable to access jarfile (?P<part7>\S+)|cannot load such file -- (?P<part8>\S+)|failed opening required '(?P<part9>[^']+)'|can't locate (?P<part10>\S+) in @INC|could not find gem '(?P<part11>[^']+)'", "Part of the backend is missing: {part}.", f"{_INCOMPLETE} During development, install its dependencies, and check that backend.cwd is its folder."),
    Row("working_folder", r"could not import module [\"'](?P<part>[\w.]+)[\"']|could not locate a (?P<part2>Flask application)|could not read (?P<part3>package\.json)", "The backend's working folder does not have what its command names: {part}.", "Set backend.cwd to the folder that has it, or correct the name in backend.command."),
    # ffmpeg
    Row("ffmpeg_missing", r"(?:cannot|could not|can't|unable to) (?:find|locate|start|run) ['\"]?ffmpeg|ffmpeg(?:\.exe)?['\"]? (?:(?:executable|binary|binaries) )?(?:(?:was|were|is|could|are) )?not (?:be )?(?:found|installed)|spawn \S*ffmpeg\S* ENOENT|no such file or directory: '[^']*ffmpeg|start process '[^']*ffmpeg|missing ffmpeg", "FFmpeg, which the backend needs, was not found.", "Install FFmpeg, or set FFMPEG_PATH in [backend.env] to the program."),
    # Disk, memory, limits
    Row("inotify", r"user limit \(\d+\) on the number of inotify|system limit for number of file watchers|too many open files, watch", "The system's limit on watched files (inotify) is used up.", "Raise fs.inotify.max_user_instances and max_user_watches, or start the backend without watching its files (.NET: DOTNET_USE_POLLING_FILE_WATCHER=1 in [backend.env])."),
    Row("disk_full", r"no space left on device|not enough space on the disk|ENOSPC|disk quota exceeded|EDQUOT|database or disk is full", "The disk is full.", "Free some space on the disk that holds the app's data and temporary files."),
    Row("gpu_memory", r"(?:CUDA|MPS backend|CUDA error:|cudaMalloc failed:) out of memory|CUBLAS_STATUS_ALLOC_FAILED|ErrorOutOfDeviceMemory", "The graphics card ran out of memory.", "Close other programs that use it, or process less at a time."),
    Row("threads", r"unable to create (?:new )?native thread|can't start new thread|pthread_create failed|failed to create new OS thread|fork: (?:retry: )?resource temporarily unavailable|spawn \S+ EAGAIN", "The limit on processes and threads is used up.", "Raise it (ulimit -u, the pids limit of a container or service) or close other programs; if it happens again later, the backend leaks threads: report it to its developer."),
    Row("memory", r"OutOfMemoryException|\bout of memory\b|^MemoryError|java\.lang\.OutOfMemoryError|std::bad_alloc|cannot allocate memory|ENOMEM|GC heap initialization failed|HRESULT: 0x8007000E|insufficient memory|could not reserve enough space|memory allocation of \d+ bytes failed|allowed memory size of|failed to allocate memory", "The backend ran out of memory.", "Close other programs or process less at a time. If the backend or its container has a memory limit, raise it."),
    Row("runtime_unusable", r"failed to create CoreCLR", "The .NET runtime could not start.", "Check that the temporary folder (TMPDIR) exists and is writable, and that no limit on memory (ulimit -v) is set."),
    Row("open_files", r"too many open files|EMFILE|ENFILE", "The backend has too many files and connections open.", "Raise the limit on open files (ulimit -n); if it happens again later, the backend leaks them: report it to its developer."),
    # Data
    Row("database_locked", r"database (?:table )?is locked|SQLITE_BUSY|SQLITE_LOCKED", "The database is locked by another program.", "Close the other copy of the app, or the tool that has the database open, then restart."),
    Row("database_damaged", r"database disk image is malformed|file is not a database|SQLITE_CORRUPT|SQLITE_NOTADB", "The database is damaged.", "Restore it from a backup; keep the damaged file for the app's support."),
    Row("database_unopened", r"unable to open database file|SQLITE_CANTOPEN", "The database file cannot be opened.", "Check that the data folder exists, is writable and is on a local disk."),
    Row("database_read_only", r"attempt to write a readonly database|SQLITE_READONLY", "The database is read-only.", "Give your user write access to the database file and its folder."),
    Row("another_instance", r"another (?:instance|copy)\b.{0,40}\brunning|lock file \S+ already exists|already running (?:on |with |as |\()?pid\b", "Another copy of the backend is running, or its lock file was left behind.", "Close the other copy. If there is none, remove the lock file that its output names."),
    Row("file_in_use", r"cannot access the file '(?P<path>[^']+)' because it is being used|text file busy|EBUSY", "A file that the backend needs is in use by another program: {path}.", "Close the other copy of the app or the program that holds it; antivirus programs release a file after a few seconds."),
    Row("read_only", r"read-only file system|EROFS", "The backend cannot write: the disk is read-only.", "Set [paths] data to a folder on a writable disk."),
    Row("data_folder", r"could not find a part of the path '(?P<path>[^']+)'|the file '(?P<path2>[^']+)' already exists", "A folder that the backend needs is not usable: {path}.", "Check [paths] in the settings: the data folder must be a folder, on an available, writable disk."),
    Row("data_folder", r"DirectoryNotFoundException|not a directory|ENOTDIR|EEXIST|the directory name is invalid", "A folder that the backend needs is not usable.", "Check [paths] in the settings: the data folder must be a folder, on an available, writable disk."),
    Row("permission", r"access to the path '(?P<path>[^']+)' is denied", "The backend has no permission to read or write {path}.", "Give your user access to that file or folder; do not run the app as administrator instead."),
    Row("permission", r"UnauthorizedAccessException|permission denied|EACCES|EPERM|access is denied|operation not permitted", "The backend has no permission to read or write a file that it needs.", "Give your user access to that file or folder; do not run the app as administrator instead."),
    Row("configuration", r"failed to load configuration from file '(?P<path>[^']+)'", "The backend's own configuration cannot be read: {path}.", "Fix or remove that file."),
    Row("configuration", r"could not parse the JSON file|an error occurred while parsing", "The backend's own configuration cannot be read.", "Fix or remove the file named in its output."),
    Row("certificate", r"no server certificate was specified|unable to configure HTTPS endpoint", "The backend is configured for HTTPS but has no certificate.", "Make it listen on http://127.0.0.1 only. Check its settings and environment for an https address."),
    Row("certificate_expired", r"certificate (?:has expired|is not yet valid)|NotTimeValid|CERT_HAS_EXPIRED", "A certificate was rejected as expired or not yet valid.", "Check the clock of this machine, then the certificate that its output names."),
    Row("certificate_untrusted", r"certificate verify failed|self[- ]signed certificate|UNABLE_TO_(?:VERIFY|GET_ISSUER)|unable to (?:verify the first|get local issuer) certificate|unable to find valid certification path|certificate signed by unknown authority|UntrustedRoot|PartialChain", "The certificate of a server that the backend uses is not trusted here.", "If an antivirus or a company's proxy inspects connections, name its root certificate in [backend.env]: NODE_EXTRA_CA_CERTS for Node, SSL_CERT_FILE for Python and others."),
    # Its surroundings
    Row("encoding", r"'(?:ascii|charmap|latin-1|gbk|cp\d+)' codec can't encode", "The backend wrote characters that the encoding of its output does not have.", "Set PYTHONUTF8=1 in [backend.env]."),
    Row("locale", r"unsupported locale setting|_S_create_c_locale name not valid", "The locale in LANG or LC_ALL does not exist on this system.", "Set LC_ALL=C.UTF-8 in [backend.env], or install the locale."),
    Row("terminal", r"input device is not a TTY|stdin is not a (?:tty|terminal)\b|raw mode is not supported|setRawMode is not a function|a terminal is required|'inappropriate ioctl for device'|\bENOTTY\b", "The backend needs a terminal, and has none here.", "Start it without its interactive part: an option such as --no-tty, docker run without -t."),
    Row("file_missing", r"^FileNotFoundError: \[Errno 2\].* '(?P<path>[^']+)'|^(?:\w+: )?Error: ENOENT: no such file or directory, \w+ '(?P<path2>[^']+)'|^(?:\w+: )?Error: spawn (?P<path3>\S+) ENOENT|FileNotFoundException: (?:could not find file|the configuration file) '(?P<path4>[^']+)'|FileNotFoundException: (?P<path5>\S+) \(No such|NoSuchFileException: (?P<path6>\S+)|^panic: open (?P<path7>\S+): no such file|@ rb_sysopen - (?P<path8>\S+)", "A file that the backend needs does not exist: {path}.", "A relative path starts at the working folder: set backend.cwd to the folder that has it. If the file is part of the app, reinstall the app."),
    Row("server_unreachable", r"^Error: connect ECONNREFUSED (?P<server>\S+:\d+)|^[\w.]+: connection to server at \"[^\"]+\", (?P<server2>port \d+) failed: connection refused|^panic: .*dial tcp (?P<server3>\S+): connect: connection refused", "Another server, which the backend needs, does not answer: {server}.", "Start that server first, or correct its address in the backend's settings or [backend.env]."),
    Row("name_unresolved", r"^Error: getaddrinfo \w+ (?P<server>\S+)|^panic: .*lookup (?P<server2>[^\s:]+).*no such host", "The backend could not find the address of {server}.", "Check that name in its settings, and this machine's connection to the network."),
)  # fmt: skip
