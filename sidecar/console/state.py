"""``sidecar data``, and the state that the tools keep for each backend: one data folder per command and working folder.

Another backend's port, crash reports and failures would mislead. An explicit data folder wins, and ``serve`` keeps its own rules.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, structs

from ..clock import iso
from ..errors import UsageError
from ..plain import encodable, one_line
from ..process.identity import own_identity, pid_namespace
from ..process.platform.files import make_folder, read_file, replace_file
from ..process.reclaim import TOOL, Reclaim
from ..process.record import RunRecord
from ..settings.checks import lacks_command
from ..settings.masking import mask_command, secrets_of
from ..settings.model import Settings
from ..settings.paths import app_folder
from .needed import settings_of
from .sentences import MIB, as_json
from .surroundings import temporary_folder

_ABOUT = "backend.json"
_MAX_BYTES = 64 * 1024
_NAME_LENGTH = 32


class About(Struct):
    """Whose state a folder holds; secrets in the command are masked."""

    command: list[str]
    folder: str
    used: Annotated[float, Meta(ge=0, le=1e11)]  # seconds since 1970; a time after the year 5000 means damage


class State(Struct, frozen=True, rename="camel"):
    """One backend's state: ``size`` in bytes, ``last_used`` as ISO 8601."""

    name: str
    command: list[str]
    folder: str
    path: str
    size: int
    last_used: str
    in_use: bool


def states_folder() -> Path:
    return Path(app_folder("generic"), "backends")


@contextmanager
def backend_state(serve_words: Sequence[str], *, otherwise: str | None = None) -> Iterator[list[str]]:
    """Yields the words of ``serve`` with the data folder of the backend that they name, and marks it as in use meanwhile.

    Yields them unchanged if the settings name a data folder, or are wrong. If they name no backend and ``otherwise`` is
    given, adds a temporary folder whose name begins with it.
    """
    settings = settings_of(serve_words)
    if settings is None or settings.paths.data or settings.app.user_data:
        yield list(serve_words)
    elif not lacks_command(settings):
        name, about = _identity(settings)
        path = states_folder() / name
        with _used(path, about):
            yield [*data_words(str(path)), *serve_words]
    elif otherwise is not None:
        with temporary_folder(otherwise) as folder:
            yield [*data_words(folder), *serve_words]
    else:
        yield list(serve_words)


def data_words(folder: str) -> list[str]:
    return ["--set", f"paths.data={json.dumps(folder, ensure_ascii=False)}"]  # msgspec rejects names that are not UTF-8


@contextmanager
def _used(path: Path, about: About) -> Iterator[None]:
    me = own_identity()
    use = path / f"{TOOL}{me.pid}-{me.started:.0f}.json"
    try:
        make_folder(path)
        replace_file(use, msgspec.json.encode(RunRecord(pid_namespace=pid_namespace(), owner=me)))
        replace_file(path / _ABOUT, msgspec.json.encode(about))
    except OSError:
        pass  # the sidecar reports a folder that cannot be written
    try:
        yield
    finally:
        with suppress(OSError):
            use.unlink(missing_ok=True)


def list_states() -> list[State]:
    """Returns all states, the most recently used first."""
    try:
        folders = [path for path in states_folder().iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:
        folders = []
    states = [state for path in folders if (state := _read(path)) is not None]
    return sorted(states, key=lambda state: state.last_used, reverse=True)


def data_folder(given: str) -> str:
    """Returns the folder of the backend of that name if there is one, else ``given`` as a folder."""
    return next((state.path for state in list_states() if state.name == given), given)


def clear(name: str | None) -> tuple[list[State], list[State]]:
    """Removes one state, or all; returns those removed and those kept because they are in use. UsageError: no such name. Raises OSError."""
    states = [state for state in list_states() if name in {None, state.name}]
    if not states and name is not None:
        raise UsageError(f"No state named {name!r}", hint="'sidecar data' lists the names.")
    removed = [state for state in states if _remove(Path(state.path))]
    return removed, [state for state in states if state not in removed]


def _remove(path: Path) -> bool:
    """Renames the folder first: a tool that starts meanwhile creates a new one, or is seen in the renamed one."""
    if Reclaim(path).in_use():
        return False
    aside = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    path.rename(aside)
    if Reclaim(aside).in_use() and not path.exists():
        aside.rename(path)
        return False
    shutil.rmtree(aside)
    return True


def _identity(settings: Settings) -> tuple[str, About]:
    backend = settings.backend
    command = list(backend.command) if backend.managed else [backend.url]
    if not command and settings.profile != "generic":
        command = [settings.profile]  # the profile finds the command
    try:
        folder = os.path.abspath(os.path.expanduser(backend.cwd or "."))  # noqa: PTH100, PTH111 - pathlib keeps no symlinks
    except OSError:  # our folder was removed: the sidecar reports that, unless the backend is named by its full path
        folder = os.environ.get("PWD", os.sep)
    same = os.path.normcase(folder)  # on Windows terminals differ in the drive's case (microsoft/vscode#9448)
    key = hashlib.sha256(msgspec.json.encode([[*map(_as_text, command)], _as_text(same)])).hexdigest()[:8]
    shown = [*map(_as_text, mask_command(command, secrets_of({**os.environ, **backend.env})))]
    words = [Path(word).name for word in shown if word and not word.startswith("-") and not re.search(r"\s", word)][:2]
    readable = re.sub(r"[^\w.]+", "-", "-".join([Path(same).name, *words]), flags=re.ASCII).strip("-.")
    return f"{readable[:_NAME_LENGTH]}-{key}", About(shown, _as_text(folder), time.time())


def _as_text(name: str) -> str:
    """Returns a word or path as UTF-8; different ones stay different even if they are not UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def _read(path: Path) -> State | None:
    try:
        about = msgspec.json.decode(read_file(path / _ABOUT, _MAX_BYTES), type=About)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None  # not a folder of ours
    return State(
        path.name, about.command, about.folder, str(path), _size(path), iso(about.used), Reclaim(path).in_use()
    )


def _size(path: Path) -> int:
    size = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                size += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118 - thousands of files
            except OSError:
                continue
    return size


def run(*, name: str | None, everything: bool, as_json_: bool) -> int:
    """Lists the states, or clears one or all; returns 1 if one is in use. UsageError: unknown name, or not removable."""
    if name is None and not everything:
        states = list_states()
        print(as_json(_encodable(states)) if as_json_ else "\n".join(map(one_line, _listed(states))))
        return 0
    try:
        removed, kept = clear(name)
    except OSError as error:
        reason = f"{error.filename or states_folder()} cannot be removed: {error.strerror}"
        raise UsageError(reason, hint="Close the program that has it open, or correct its permissions.") from error
    if as_json_:
        print(as_json({"removed": _encodable(removed), "inUse": _encodable(kept)}))
    for state in () if as_json_ else removed:
        print(one_line(f"Removed {state.name} ({_shown(state.size)})"))
    for state in kept:
        print(one_line(f"sidecar: {state.name} is in use and was kept"), file=sys.stderr)
    return int(bool(kept))


def _encodable(states: Sequence[State]) -> list[State]:
    return [structs.replace(state, path=encodable(state.path)) for state in states]


def _listed(states: Sequence[State]) -> Iterator[str]:
    for state in states:
        when = state.last_used.replace("T", " ")[:16]
        yield f"{state.name}  {_shown(state.size)}, last used {when} UTC{', in use' if state.in_use else ''}"
        yield f"    {' '.join(state.command)}"
        yield f"    in {state.folder}"
    yield f"{'Folder:' if states else 'No state in'} {states_folder()}"


def _shown(size: int) -> str:
    return f"{size / MIB:.1f} MiB" if size >= MIB // 10 else f"{size / 1024:.1f} KiB"
