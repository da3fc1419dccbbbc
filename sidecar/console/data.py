"""``sidecar data``: lists and clears the state that the tools keep for each backend."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from msgspec import structs

from ..errors import UsageError
from ..plain import encodable, one_line
from .sentences import MIB, as_json
from .state import State, clear, list_states, states_folder


def run(*, name: str | None, everything: bool, as_json_: bool) -> int:
    """Lists the states, or clears one or all; returns 1 where one is in use. UsageError: unknown name, or not removable."""
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
        print(one_line(f"Removed {state.name} ({_size(state.size)})"))
    for state in kept:
        print(one_line(f"sidecar: {state.name} is in use and was kept"), file=sys.stderr)
    return int(bool(kept))


def _encodable(states: Sequence[State]) -> list[State]:
    return [structs.replace(state, path=encodable(state.path)) for state in states]


def _listed(states: Sequence[State]) -> Iterator[str]:
    for state in states:
        when = state.last_used.replace("T", " ")[:16]
        yield f"{state.name}  {_size(state.size)}, last used {when} UTC{', in use' if state.in_use else ''}"
        yield f"    {' '.join(state.command)}"
        yield f"    in {state.folder}"
    yield f"{'Folder:' if states else 'No state in'} {states_folder()}"


def _size(size: int) -> str:
    return f"{size / MIB:.1f} MiB" if size >= MIB // 10 else f"{size / 1024:.1f} KiB"
