"""Where installers put programs that PATH lacks: it differs between a terminal and an app started from the desktop."""

import os
import shutil
import sys
from glob import glob
from pathlib import Path

# macOS gives an app started from the Finder /usr/bin:/bin:/usr/sbin:/sbin; no system adds what a shell's start files add.
_POSIX = (
    "/usr/local/bin", "/opt/homebrew/bin", "/opt/local/bin", "/home/linuxbrew/.linuxbrew/bin", "/snap/bin",
    "/nix/var/nix/profiles/default/bin", "/run/current-system/sw/bin", "~/.nix-profile/bin", "~/.local/bin", "~/bin",
    "/usr/local/share/dotnet", "/usr/share/dotnet", "/usr/lib/dotnet", "~/.dotnet", "~/.dotnet/tools",
    "~/.nvm/versions/node/*/bin", "~/.local/share/fnm/node-versions/*/installation/bin", "~/.volta/bin", "~/.npm-global/bin",
    "~/.local/share/pnpm", "~/Library/pnpm", "~/.yarn/bin", "~/.bun/bin", "~/.deno/bin",
    "/Library/Frameworks/Python.framework/Versions/*/bin", "~/.pyenv/shims", "~/*conda3/bin", "/opt/*conda3/bin", "~/miniforge3/bin",
    "~/.asdf/shims", "~/.local/share/mise/shims", "~/.rbenv/shims", "~/.sdkman/candidates/*/current/bin",
    "~/.cargo/bin", "/usr/local/go/bin", "~/go/bin", "/usr/lib/postgresql/*/bin", "/usr/sbin", "/sbin",
)  # fmt: skip
# An installed program is on the PATH of apps that the desktop starts later, in some cases only after the next sign-in.
_WINDOWS = (
    r"%ProgramFiles%\nodejs", r"%APPDATA%\npm", r"%LOCALAPPDATA%\pnpm", r"%LOCALAPPDATA%\Volta\bin", r"%ProgramFiles%\dotnet",
    r"%USERPROFILE%\.dotnet\tools", r"%LOCALAPPDATA%\Programs\Python\Python3*", r"%ProgramFiles%\Python3*",
    r"%USERPROFILE%\*conda3", r"%ProgramFiles%\Go\bin", r"%USERPROFILE%\go\bin", r"%ProgramFiles%\Git\bin", r"%ProgramFiles%\PowerShell\7",
    r"%USERPROFILE%\.cargo\bin", r"%USERPROFILE%\.bun\bin", r"%USERPROFILE%\.deno\bin", r"%USERPROFILE%\.local\bin",
    r"%USERPROFILE%\scoop\shims", r"%ProgramData%\chocolatey\bin", r"%LOCALAPPDATA%\Microsoft\WinGet\Links",
)  # fmt: skip
REMEDY = "An app that is started from the desktop does not have the PATH of a terminal." + (
    " If the program was installed while the app ran, start the app again." if sys.platform == "win32" else ""
)


def installed_at(name: str, search_path: str) -> str | None:
    """Returns the path of a program that is installed but not on ``search_path``; None: not found."""
    if not name or Path(name).name != name or shutil.which(name, path=search_path or os.defpath):
        return None
    places = [
        os.path.expandvars(Path(place).expanduser()) for place in (_WINDOWS if sys.platform == "win32" else _POSIX)
    ]
    folders = [folder for place in places for folder in sorted(glob(place), reverse=True)]  # noqa: PTH207 - absolute patterns
    found = shutil.which(name, path=os.pathsep.join(folders))
    return found if found and Path(found).is_absolute() else None  # Windows also searches the working folder
