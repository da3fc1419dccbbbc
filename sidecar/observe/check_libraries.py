"""Whether the system libraries that every .NET backend on Linux needs are installed, even a self-contained one.

Source of the list: the prerequisites of .NET on Linux in Microsoft's documentation. The libraries are searched by name
and never loaded: loading runs their code in the sidecar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import SidecarError
from ..process.platform.libraries import MAY_LACK_LIBRARIES, installed_libraries
from ..wire.observe import Check
from .check_files import FindCommand, read_settings

# Every .NET program starts with a host that contains this number, a SHA-256 (dotnet/runtime, apphost's bundle_marker.cpp).
_HOST_MARK = bytes.fromhex("8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae")
_INVARIANT = re.compile(rb'"System\.Globalization\.(?:Invariant"\s*:\s*"?true|AppLocalIcu")', re.IGNORECASE)
_SWITCH = "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"
_PIECE = 256 * 1024  # bytes
_OVERLAP = 256  # bytes; longer than what is looked for


class Library(NamedTuple):
    """``file``: how the names of its files begin; ``remedy``: what to install."""

    name: str
    file: str
    remedy: str


_CPP = Library("libstdc++", "libstdc++.so.6", "Install libstdc++ (Debian, Ubuntu: libstdc++6; Fedora, Alpine: libstdc++).")  # fmt: skip
_GCC = Library("libgcc_s", "libgcc_s.so.1", "Install libgcc (Debian, Ubuntu: libgcc-s1; Fedora, Alpine: libgcc).")
_ICU = Library("libicu", "libicuuc.so.", f"Install libicu (Debian, Ubuntu: the package libicu7x; Fedora: libicu; Alpine: icu-libs), or set {_SWITCH}=1 in backend.env.")  # fmt: skip


def check_libraries(find: FindCommand, env: Mapping[str, str]) -> Check:
    """Whether a .NET backend, with that environment, finds its libraries; what other programs need is unknown."""
    if not MAY_LACK_LIBRARIES:
        return Check("libraries", "ok", "No library check needed: this system includes what a .NET backend needs")
    try:
        program = Path(find()[0])
        kind = look_at(program)
    except (SidecarError, OSError):  # no program, or none that may be read
        return Check("libraries", "unknown", "The libraries cannot be checked without a program")
    if kind is None:
        return Check("libraries", "ok", "No library check needed: the backend is not a .NET program")
    invariant = kind == "invariant" or env.get(_SWITCH, "").lower() in {"1", "true"}
    wanted = [_CPP, _GCC] if invariant else [_CPP, _GCC, _ICU]
    installed = set(installed_libraries(env.get("LD_LIBRARY_PATH", "")))
    return judge(wanted, installed, beside={path.name for path in program.parent.iterdir()})


def judge(wanted: Sequence[Library], found: set[str], *, beside: set[str]) -> Check:
    """What is missing; ``beside`` are the names of the files in the backend's own folder, where it looks first."""
    missing = [library for library in wanted if not any(name.startswith(library.file) for name in found | beside)]
    if not missing:
        return Check("libraries", "ok", f"The .NET backend finds {', '.join(library.name for library in wanted)}")
    seen = f"The .NET backend needs {' and '.join(library.name for library in missing)}, which is missing"
    return Check("libraries", "failed", seen, " ".join(library.remedy for library in missing))


def look_at(program: Path) -> str | None:
    """``invariant`` for a .NET program that works without libicu, ``dotnet`` for any other, None for other programs. Raises OSError.

    Read in pieces: a mapped file would hold up other threads, and end this process (SIGBUS) if it is rewritten meanwhile.
    """
    settings = program.with_name(program.name + ".runtimeconfig.json")
    hosted = invariant = False
    with program.open("rb") as file:
        end = b""
        while piece := file.read(_PIECE):
            piece = end + piece
            hosted = hosted or _HOST_MARK in piece
            # A single file holds its settings uncompressed.
            invariant = invariant or _INVARIANT.search(piece) is not None
            end = piece[-_OVERLAP:]
    if not hosted:
        return None
    return "invariant" if invariant or (settings.exists() and _INVARIANT.search(read_settings(settings))) else "dotnet"
