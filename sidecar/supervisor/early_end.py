"""Why a backend exited by itself, if its output does not say: from how it was started and what it left behind."""

import os
import re
import shutil
from itertools import pairwise
from pathlib import Path

from ..backend.command import variable
from ..backend.reported import lifetime_events
from ..core.cause import Cause
from ..core.exit_status import ExitStatus
from ..core.last_line import last_line, printed_usage, quote_last, say_last
from ..observe.cause_table import OOM
from ..observe.causes import guess
from ..plain import capitalised
from ..process.executability import in_asar, read_start
from ..process.executability.formats import missing_bytes
from ..process.executability.installed import REMEDY, installed_at
from ..process.platform.usage import MEASURE
from ..settings.model import Settings
from ..settings.servers import unfilled
from .run import Run
from .unready import other_port_taken, what_was_denied

STDIN_SECONDS = 2.0  # within this time a backend that reads stdin has seen its end
_LAST_WORDS = 4096  # characters at the end of the output; an error in them may be why it shut down
_SOON = 10.0  # seconds within which an error in the output is the reason for an exit with code 0
_UNSETTLED = 13  # https://nodejs.org/api/process.html#exit-codes
_SIGABRT = 6  # how .NET exits after an unhandled exception
_ASKED = r"(?m)EOFError: EOF when reading a line|, in _raw_input$"  # Python's input(), getpass()
_ABORTED = (
    r"([^\n]*?)[\s:?]*\b(?:Aborted!|click\.exceptions\.Abort)\s*\Z"  # what Click prints if its prompt gets no answer
)
_STDIN_CLOSED = r"(?im)^.*\bstdin (?:(?:was|is|has been) )?(?:closed|ended)\b.*$|^.*\b(?:EOF|end of file) on (?:stdin|standard input)\b.*$"
_QUESTION = r"(?i)[(\[]y(?:es)?/n(?:o)?[)\]]\W*$"
# What a shell prints about a program that a signal ended: dash; bash and zsh add the place and the pid
_SHELL_SAYS = r"(?m)^(?:\S+: (?:line )?\d+: +\d+ )?(?P<word>Killed|Terminated|Segmentation fault|Aborted|Bus error|Illegal instruction)\b(?: \(core dumped\))?(?: {2,}.*)?$"
_BY_SIGNAL = r"(?im)^.*\b(?:killed|terminated) by (?:SIG(?!TERM|INT)[A-Z]+|signal \d+).*$"  # foreman, xargs
# What honcho, foreman and concurrently print of the process that ended first, before they end the others
_ENDED = r"(?im)^.*(?:\bstopped \(rc=|\bexited with code |\b(?:killed|terminated) by SIG).*$"
_ENDS_OTHERS = r"(?i)\bsending SIGTERM to\b"
_SHELL_KINDS = {
    "Killed": "killed",
    "Terminated": "terminated",
    "Aborted": "aborted",
    "Illegal instruction": "illegal_instruction",
}
_FOREGROUND = {
    "nginx": 'nginx -g "daemon off;"',
    "redis-server": "redis-server --daemonize no",
    "gunicorn": "gunicorn without --daemon",
    "pg_ctl": "postgres instead of pg_ctl",
    "pm2": "pm2-runtime instead of pm2 start",
    "caddy": "caddy run instead of caddy start",
    "forever": "forever without start",
    "supervisord": "supervisord -n",
    "apachectl": "apachectl -D FOREGROUND",
    "lighttpd": "lighttpd -D",
    "php-fpm": "php-fpm -F",
    "hypnotoad": "hypnotoad -f",
    "twistd": "twistd -n",
    "circusd": "circusd without --daemon",
    "mongod": "mongod without --fork",
    "setsid": "without setsid, because the sidecar starts it in its own session",
}
_BACKGROUND = frozenset(("-d", "--daemon", "--daemonize", "--detach", "--background", "--fork"))
# Daemons that programs start for themselves; they do not serve, and outlive their program by a moment or for good
_HELPERS = frozenset(("epmd", "erl_child_setup", "inet_gethost", "esbuild", "watchman", "dbus-daemon", "gpg-agent"))
# Programs that run others, so a second one need not be a copy of the first
_RUNTIMES = frozenset(("sh", "bash", "dash", "zsh", "node", "python", "python3", "ruby", "perl", "php", "java"))
_USUAL = ("nginx", "redis-server", "gunicorn", "pg_ctl")
_SCRIPTS = frozenset(
    ".py .pyz .js .mjs .cjs .ts .mts .jar .dll .rb .php .pl .lua .sh .ps1 .r .exs .psgi .ru".split()  # noqa: SIM905 - as a line
)
_BUILT = frozenset(("dist", "build", "out", "target", ".output", ".next", ".svelte-kit"))
_OPEN_STDIN = 'If it exits when stdin closes, which is empty here, set backend.stdin = "open".'
_IF_MEANT = "If it is meant to exit by itself, set restart.on_clean_exit = false."
_FOUND = {
    "asked": Cause("It asked for input on stdin, which is empty, and exited{question}.", "Pass the answer another way: an option such as --yes, a variable in backend.env, or its settings.", "stdin_ended"),
    "memory": Cause("Its processes used {used} of memory ({measure}), more than limits.memory ({allowed}) allows, and were killed.", "{remedy}", "memory_limit"),
    # For the .NET host: SIGTERM, SIGINT and SIGQUIT stop it just as its own code does
    "own_shutdown": Cause('The app shut itself down (IHostApplicationLifetime.StopApplication or a signal from outside): it reported "Application is shutting down..." and exited with code 0, although the sidecar had not stopped it.{said}', "Look for that call in its code, a background service that failed, or a program that sends signals. If it is meant to exit by itself, set restart.on_clean_exit = false.", "clean_exit"),
    "daemonized": Cause("Its first process exited with code 0 and left others running, which were ended too: {names}. The sidecar needs a backend whose first process keeps running.", "Run it in the foreground: {ways}; a script must end with exec, or wait for the program it starts (in a batch file: without start, or with start /wait).", "daemonized"),
    "in_shell": Cause("The program that its shell had started was ended by a signal ({word}); the shell went on, and exited with code 0.", "Find out what ended it: its last output, the system's log. So that its end is the backend's, make it the last command, with exec before it.", "killed"),
    "error": Cause("It exited with code 0; {said}.", "Fix what its last output reports.", "clean_exit"),
    "clean": Cause("The backend exited by itself, without an error.", f"{_IF_MEANT} {_OPEN_STDIN} Otherwise check its log.", "clean_exit"),
    "worker": Cause("Its process {pid}, which listened on its port, ended; then its first process exited with code {code}, whatever had ended that one.{said}", "Check its last output. If that shows nothing, it may have been killed: memory ran out, an antivirus, a user.{more}", "worker_ended"),
    "managed": Cause("One of the backend's processes ended, and the program that runs them ended the others; its output: {said}.", "Check the last output of that process. If it is meant to exit by itself, start it outside this program.", "worker_ended"),
    "stdin_ended": Cause("The backend exited with code 0 within {seconds:g} s, {when}. This is typical of backends that exit when stdin closes; here stdin is empty.{said}", "Set backend.stdin = \"open\" if it exits with its stdin.{asked} If it starts another program and exits, use that program's command. Otherwise check its last output.", "stdin_ended"),
    "unsettled": Cause("Nothing was left to do for the backend while its module waited (await at its top level), so Node.js exited.", "Look for a promise that never settles, such as a connection that closes without an error event.", "unsettled_await"),
    "stdin_closed": Cause("The backend exited because its stdin is empty; its output: {said}.", 'Set backend.stdin = "open".', "stdin_ended"),
    "usage": Cause("It printed its usage and exited: an argument is missing or wrong.{said}", "Correct the arguments in backend.command; its output lists them.", "usage"),
    "unfilled": Cause("{why}.{said}", "Write {meant} instead of {word}.", "unfilled"),
    "not_on_path": Cause("The program {program}, which the backend starts, was not found on PATH, but it is installed: {path}.", "{desktop} Set PATH in backend.env so that it contains {folder}, or ship the program with the app.", "command_missing"),
    "cut_off": Cause("The backend's program is incomplete: {program} ends {missing} bytes too early.", "Download or install it again: a download or an update was interrupted, or the disk is full.", "program_incomplete"),
    "script_missing": Cause("The file {word} was not found in the backend's working folder: there is no {looked_for}.", "{remedy}", "script_missing"),
}  # fmt: skip


def explain_early_end(run: Run, settings: Settings) -> Cause | None:
    """Returns cause and remedy if the facts of the run give them, else None: its output has to. The most certain come first."""
    if run.over_memory is not None:
        return _memory(run.over_memory, settings.limits.memory)
    if run.status is None or run.spec is None or run.oom_killed:
        return None
    if settings.backend.stdin == "null" and (question := _question(run)) is not None:
        return _FOUND["asked"].filled(question=question)
    if run.status.clean:
        return _clean_end(run, settings)
    denied = what_was_denied(run) if run.status.signal in {None, _SIGABRT} else None
    other = _cut_off(run) or denied or _other_port(run, settings)
    if other is not None or run.ready_at is not None or run.status.signal is not None:
        return other
    return _unfilled(run, settings) or _usage(run) or _script(run) or _not_on_path(run) or _unsettled(run)


def _unsettled(run: Run) -> Cause | None:
    """Node.js 20 and older say nothing, so that only the status is left; other programs give 13 another meaning."""
    assert run.status is not None
    assert run.spec is not None
    is_node = Path(run.spec.command[0]).stem == "node" and not run.output.strip()
    is_it = run.status.code == _UNSETTLED and (is_node or "unsettled top-level await" in run.output)
    return _FOUND["unsettled"] if is_it else None


def _clean_end(run: Run, settings: Settings) -> Cause | None:
    if lifetime_events(settings.profile, run.output)[-1:] == ["stopping"]:
        return _FOUND["own_shutdown"].filled(said=say_last(run.output[-_LAST_WORDS:], only_errors=True))
    closed = re.search(_STDIN_CLOSED, run.output[-_LAST_WORDS:]) if settings.backend.stdin == "null" else None
    if closed is not None:
        return _FOUND["stdin_closed"].filled(said=closed[0].strip())
    worker = _worker_of(run)
    at_once = run.ready_at is None or run.lasted is None or run.requested_at + run.lasted - run.ready_at < STDIN_SECONDS
    left = {process.name for process in run.forced} - _HELPERS
    in_background = worker in {process.pid for process in run.forced} or (left and at_once and worker is None)
    name = Path(run.spec.command[0]).name[:15] if run.spec is not None else ""
    if not in_background or name not in left - _RUNTIMES:  # else a copy of itself is left, which its error did not end
        if (other := _other_port(run, settings) or _in_shell(run)) is not None:
            return other
        # From a worker; its manager gives up without an error.
        if _is_early(run) and (said := _said(run)) is not None and said.fatal is not None:
            return said
    if in_background:
        return _daemon(run)
    return _usage(run) or _stdin(run, settings, worker)


def _in_shell(run: Run) -> Cause | None:
    """Reads the last output of a shell that continues after a signal has ended its program."""
    ends = re.findall(_SHELL_SAYS, run.output[-_LAST_WORDS:])
    if not ends:
        return None
    if run.oom and ends[-1] == "Killed":
        return OOM
    return _FOUND["in_shell"].filled(word=ends[-1])._replace(kind=_SHELL_KINDS.get(ends[-1], "native_crash"))


def _other_port(run: Run, settings: Settings) -> Cause | None:
    taken = other_port_taken(run, settings) if run.conflict is None else None
    return taken._replace(cause=f"{capitalised(taken.cause)}.") if taken is not None else None


def _question(run: Run) -> str | None:
    """Returns what it asked on stdin at the end, to append to a sentence; None if it asked nothing."""
    if re.search(_ASKED, run.output):
        return ""
    if run.ready_at is None and (aborted := re.search(_ABORTED, run.output[-_LAST_WORDS:])):
        return f": {aborted[1].strip()}" if aborted[1].strip() else ""
    line = last_line(run.output)[0]
    return f": {line}" if re.search(_QUESTION, line) else None


def _memory(used: int, allowed: int) -> Cause:
    sizes = [f"{size / 2**20:.0f} MiB" if size >= 2**20 else f"{size} bytes" for size in (used, allowed)]
    remedy = "Raise limits.memory, or find out why the backend needs so much."
    if 0 < allowed < 2**20:
        remedy = 'Give limits.memory a unit, as in "512MB": a number alone is bytes.'
    return _FOUND["memory"].filled(used=sizes[0], allowed=sizes[1], measure=MEASURE, remedy=remedy)


def _daemon(run: Run) -> Cause:
    left = ", ".join(f"{process.name} (pid {process.pid})" for process in run.forced[:5])
    words = {Path(word).name for word in run.spec.command} if run.spec is not None else set()
    names = words | {process.name for process in run.forced}
    programs = names | {name.rstrip(".0123456789") for name in names}  # php-fpm8.2
    known = [how for program, how in _FOREGROUND.items() if program in programs]
    if run.spec is not None and not known:
        known = [f"{Path(run.spec.command[0]).name} without {word}" for word in run.spec.command if word in _BACKGROUND]
    ways = ", ".join(known or (_FOREGROUND[program] for program in _USUAL))
    return _FOUND["daemonized"].filled(names=left, ways=ways)


def _stdin(run: Run, settings: Settings, worker: int | None) -> Cause | None:
    """``worker``: the pid of the process that listened and has ended; None if that was the first process."""
    if _is_early(run) and (said := quote_last(run.output, only_errors=True)):
        return _said(run) or _FOUND["error"].filled(said=said.rstrip("."))
    if not run.oom and (managed := _managed(run)) is not None:
        return managed
    if worker is not None:
        return _worker(run, settings, worker)
    if settings.backend.stdin == "open" or run.lasted is None:
        return None
    if run.lasted > STDIN_SECONDS:
        return None if run.ready_at is not None else _FOUND["clean"]
    listened = run.ready_at is not None or run.listener != "unknown"
    when = "and had just begun to listen" if listened else "before it listened"
    is_asked = run.ready_at is not None and settings.backend.live_path
    asked = (
        " If it serves one connection only, leave backend.live_path empty, so that it is not asked." if is_asked else ""
    )
    return _FOUND["stdin_ended"].filled(seconds=STDIN_SECONDS, when=when, said=say_last(run.output), asked=asked)


def _is_early(run: Run) -> bool:
    """Whether an error in its output is the reason for an exit with code 0. A manager of processes tries for long before it gives up."""
    return run.ready_at is None or (run.lasted is not None and run.lasted < _SOON)


def _worker_of(run: Run) -> int | None:
    return run.server if run.process is None or run.server != run.process.identity.pid else None


def _worker(run: Run, settings: Settings, worker: int) -> Cause:
    """The first process exited after its worker, which served, and hides how the worker ended."""
    if run.oom:
        return OOM
    soon = run.lasted is not None and run.lasted <= STDIN_SECONDS
    stdin = f" {_OPEN_STDIN}" if soon and settings.backend.stdin == "null" else ""
    ended = re.search(_BY_SIGNAL, run.output[-_LAST_WORDS:])
    said = f" Its output: {ended[0].strip()}." if ended else say_last(run.output[-_LAST_WORDS:], only_errors=True)
    return _FOUND["worker"].filled(pid=worker, code=0, said=said, more=f"{stdin} {_IF_MEANT}")


def _managed(run: Run) -> Cause | None:
    """Names the process of a process manager that ended first; that it served and ended says nothing."""
    before, *after = re.split(_ENDS_OTHERS, run.output[-_LAST_WORDS:], maxsplit=1)
    ends = re.findall(_ENDED, before) if after else []
    return _FOUND["managed"].filled(said=ends[-1].strip()) if ends else None


def explain_lost_worker(run: Run) -> Cause | None:
    """Returns the cause if a launcher whose worker ended exits with an error, and neither of them said why."""
    worker, status = _worker_of(run), run.status
    if status is None or status.code is None or quote_last(run.output, only_errors=True):
        return None
    if (managed := _managed(run)) is not None or worker is None:
        return managed
    if worker in {process.pid for process in run.forced}:  # it outlived the launcher
        return None
    return _FOUND["worker"].filled(pid=worker, code=status.code, said="", more="")


def _said(run: Run) -> Cause | None:
    return guess(run.output, ExitStatus(1), port=run.port)


def _cut_off(run: Run) -> Cause | None:
    """Checks for a truncated program: the kernel starts it, and it crashes where the file ends."""
    assert run.status is not None
    assert run.spec is not None
    if run.status.kind != "native_crash" or run.ready_at is not None:
        return None
    program = Path(run.spec.command[0])
    missing = missing_bytes(read_start(program), program.stat().st_size) if program.is_file() else 0
    return _FOUND["cut_off"].filled(program=program, missing=missing) if missing else None


def _usage(run: Run) -> Cause | None:
    if run.ready_at is not None or not printed_usage(run.output) or _said(run) is not None:
        return None
    unindented = re.sub(r"(?m)^[ \t].*$", "", run.output)  # the rest describes options, in words such as "fatal"
    return _script(run) or _FOUND["usage"].filled(said=say_last(unindented, only_errors=True))


def _not_on_path(run: Run) -> Cause | None:
    """Checks for a program that a launcher or a script starts, and that is installed but not on PATH."""
    assert run.spec is not None
    missing = _said(run)
    if missing is None or (path := installed_at(missing.program, variable(run.spec.env, "PATH"))) is None:
        return None
    folder = Path(path).parent
    return _FOUND["not_on_path"].filled(program=missing.program, path=path, folder=folder, desktop=REMEDY)


def _is_command_line(before: str, word: str) -> bool:
    """Whether one word is a command line: sh -c "cd server && node main.js", concurrently "node main.js"."""
    program, *more = word.split()
    return bool(more) and (re.fullmatch("-[A-Za-z]*[ce]", before) is not None or shutil.which(program) is not None)


def _unfilled(run: Run, settings: Settings) -> Cause | None:
    """Checks for a mistyped placeholder: the output quotes it, or has no more specific cause."""
    for word, why, meant in unfilled(settings.backend.command, settings.backend.env):
        said = _said(run)
        if word in run.output or said is None or said.kind == "exception":
            return _FOUND["unfilled"].filled(why=why, said=say_last(run.output), word=word, meant=meant)
    return None


def _script(run: Run) -> Cause | None:
    """Checks for a missing script: an interpreter given by its path runs in its own folder unless backend.cwd is set."""
    assert run.spec is not None
    for before, word in pairwise(run.spec.command):
        built = word == run.spec.command[1] and Path(before).stem == "node" and not _BUILT.isdisjoint(Path(word).parts)
        named = built or Path(word).suffix.lower() in _SCRIPTS  # node build, node dist/main
        if not named or word.startswith("-") or os.path.isabs(word):  # noqa: PTH117 - text
            continue
        if _is_command_line(before, word):
            continue
        looked_for = Path(run.spec.cwd, word)
        if looked_for.exists() or (built and looked_for.with_name(f"{looked_for.name}.js").exists()):
            return None
        remedy = "Set backend.cwd to its folder, or use its full path."
        if not _BUILT.isdisjoint(Path(word).parts):
            remedy = f"If it was not built yet, build it first, as with npm run build. {remedy}"
        remedy = in_asar(word) or remedy
        if Path(word).exists():
            where = f'set backend.cwd = "{Path.cwd()}", or use its full path: {Path(word).resolve()}'
            remedy = f"It is in the folder in which the sidecar was started: {where}"
        return _FOUND["script_missing"].filled(word=word, looked_for=looked_for, remedy=remedy)
    return None
