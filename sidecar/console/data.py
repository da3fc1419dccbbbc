"""``sidecar data``: what the tools keep of each backend, listed and cleared."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..errors import UsageError
from ..plain import one_line
from .sentences import MIB, as_json
from .state import State, clear, list_states, states_folder


def run(*, name: str | None, everything: bool, as_json_: bool) -> int:
    """Lists the states, or clears one or all; returns 1 where one is in use. UsageError: unknown name, or not removable."""
    if name is None and not everything:
        _show(list_states(), as_json_=as_json_)
        return 0
    try:
        removed, kept = clear(name)
    except OSError as error:
        reason = f"{error.filename or states_folder()} cannot be removed: {error.strerror}"
        raise UsageError(reason, hint="Close the program that has it open, or correct its permissions.") from error
    if as_json_:
        print(as_json({"removed": removed, "inUse": kept}))  # noqa: T201 - the tool's output
    for state in () if as_json_ else removed:
        print(one_line(f"Removed {state.name} ({_size(state.size)})"))  # noqa: T201 - the tool's output
    for state in kept:
        print(one_line(f"sidecar: {state.name} is in use and was kept"), file=sys.stderr)  # noqa: T201 - the tool's output
    return int(bool(kept))


def _show(states: Sequence[State], *, as_json_: bool) -> None:
    if as_json_:
        print(as_json(states))  # noqa: T201 - the tool's output
        return
    if not states:
        print(one_line(f"No state in {states_folder()}"))  # noqa: T201 - the tool's output
    for state in states:
        when = state.last_used.replace("T", " ")[:16]
        use = ", in use" if state.in_use else ""
        print(one_line(f"{state.name}  {_size(state.size)}, last used {when} UTC{use}"))  # noqa: T201 - as above
        print(one_line(f"    {' '.join(state.command)}"))  # noqa: T201 - as above
        print(one_line(f"    in {state.folder}"))  # noqa: T201 - as above
    if states:
        print(one_line(f"Folder: {states_folder()}"))  # noqa: T201 - as above


def _size(size: int) -> str:
    return f"{size / MIB:.1f} MiB" if size >= MIB // 10 else f"{size / 1024:.1f} KiB"
