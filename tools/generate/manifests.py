"""The version in the shim's manifest and lock file, and of the platform packages, which npm cannot look up before a release."""

from __future__ import annotations

import re

from sidecar import __version__

FILES = ("electron-shim/package.json", "electron-shim/package-lock.json")
_OWN = re.compile(r'("name": "electron-backend-sidecar",\n\s+"version": |"electron-backend-sidecar-[\w-]+": )"[^"]+"')
_LOCKED = re.compile(
    r'("node_modules/electron-backend-sidecar-[\w-]+": \{\n\s+"version": )"([^"]+)",(?:\n\s+"(?:resolved|integrity)": "[^"]+",)*'
)


def filled(old: str) -> str:
    """Returns the text of either file with this version, without npm's entries for platform packages of another version."""

    def renewed(match: re.Match[str]) -> str:
        return match[0] if match[2] == __version__ else f'{match[1]}"{__version__}",'

    return _LOCKED.sub(renewed, _OWN.sub(rf'\g<1>"{__version__}"', old))
