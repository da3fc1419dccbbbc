"""Reads the sources, without checking values: the file, the environment and the flags."""

from __future__ import annotations

import os
import stat

from ..fields import Fields
from .texts import QuotedTextError, parse_text

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

PREFIX = "SIDECAR_"
_MAX_FILE = 1 << 20  # bytes
_MAX_DOTS = 1000  # per line; tomllib's time is quadratic in a key's dots


class Given(Fields):
    """One value from a source."""

    section: str  # the table; empty for profile
    key: str  # the setting in it
    value: Any  # as TOML parses it
    origin: str  # where it was given, for people: file and line, variable or flag
    entry: str | None = None  # for backend.env, the variable in it
    text: str | None = None  # the original text if it was not in a TOML file; text settings take this

    @property
    def name(self) -> str:
        return ".".join(part for part in (self.section, self.key, self.entry) if part)


class Source:
    """The values of a source, and mistakes found while reading it."""

    def __init__(self, *mistakes: str) -> None:
        self.given: list[Given] = []
        self.mistakes = list(mistakes)
        self.notes: list[str] = []


def from_file(path: str) -> Source:
    import tomllib

    try:
        content = _read(path)
        document = tomllib.loads(content)
    except OSError as error:
        return Source(f"{path}: cannot be read: {error.strerror or error}{_looked_in(path)}")
    except UnicodeDecodeError as error:
        wide = error.object.startswith((b"\xff\xfe", b"\xfe\xff"))
        why = "UTF-16, as PowerShell writes it: save it as UTF-8" if wide else f"not UTF-8 text (byte {error.start})"
        return Source(f"{path}: is {why}")
    except tomllib.TOMLDecodeError as error:
        return Source(f"{path}: is not valid TOML: {_explained(path, content, str(error))}")
    except (ValueError, RecursionError) as error:
        return Source(f"{path}: cannot be read: {error}")
    source, places = Source(), _Places(path, content)
    for section, value in document.items():
        if isinstance(value, dict):
            source.given.extend(_table(places, section, value))
        elif section == "profile":
            source.given.append(Given("", section, value, places.of("", section)))
        else:
            where = places.of("", section)
            source.mistakes.append(f"{where}: {section} is outside any section; only profile is allowed there")
    return source


def _explained(path: str, content: str, error: str) -> str:
    """The message of tomllib, with the usual reasons for it."""
    hints = [
        *([r"write a Windows path in single quotes, as in 'C:\app'"] if "\\" in content else []),
        *(["a settings file is always TOML, not JSON or YAML"] if _looks_foreign(path, content) else []),
        *(["a comment starts with #"] if any(line.lstrip().startswith("//") for line in content.splitlines()) else []),
        *(["a text needs quotes; write true and false in lower case"] if error.startswith("Invalid value") else []),
        *(["a section and each of its settings may appear only once"] if error.startswith("Cannot ") else []),
    ]
    # tomllib shows the name of a table as a tuple
    said = error.replace("('", "[").replace("',)", "]").replace("', '", ".").replace("')", "]")
    return "; ".join([said, *hints])


def _looked_in(path: str) -> str:
    try:
        return "" if os.path.isabs(path) else f" (working folder: {os.getcwd()})"
    except OSError:
        return " (the working folder no longer exists)"


def _looks_foreign(path: str, content: str) -> bool:
    yaml = any(line.rstrip().endswith(":") and not line.lstrip().startswith("#") for line in content.splitlines())
    return not path.lower().endswith(".toml") or content.lstrip().startswith("{") or yaml


def _is_stream(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:  # open reports it, on Windows in English
        return False
    return stat.S_ISFIFO(mode) or (stat.S_ISCHR(mode) and path != os.devnull)


def _read(path: str) -> str:
    """The text of a file. ValueError: it is a pipe or a device, exceeds a limit or is not UTF-8. Raises OSError."""
    # Opening a pipe or reading a device may block forever. Besides, early.py reads the file too, and a pipe returns nothing the second time.
    if _is_stream(path):
        raise ValueError("it is not a file but a pipe or a device")
    with open(path, "rb") as file:
        raw = file.read(_MAX_FILE + 1)
    if len(raw) > _MAX_FILE:
        raise ValueError(f"it has more than {_MAX_FILE} bytes")
    content = raw.decode("utf-8-sig")
    if any(line.count(".") > _MAX_DOTS for line in content.splitlines()):
        raise ValueError(f"one of its lines has more than {_MAX_DOTS} dots")
    return content


class _Places:
    """Where each name is in a file, for people."""

    def __init__(self, path: str, content: str) -> None:
        self._path = path
        # Searched once: with a search for each name, a file of 100 KB would delay the start by minutes.
        self._sections, self._keys = _lines(content)

    def of(self, section: str, key: str, *, otherwise: str = "") -> str:
        """The file and, if found, the line of a section's key (of the section if it is empty)."""
        name = f"{section}.{key}".strip(".")
        found = [self._keys.get(name), self._sections.get(name) if not section or not key else None]
        line = min(filter(None, found), default=None)
        return f"{self._path}, line {line}" if line else otherwise or self._path


def _table(places: _Places, section: str, table: dict[str, Any]) -> Iterator[Given]:
    if not table:
        yield Given(section, "", None, places.of(section, ""))
    for key, value in table.items():
        where = places.of(section, key)
        if (section, key) == ("backend", "env") and isinstance(value, dict):
            for entry, text in value.items():
                place = places.of(f"{section}.{key}", entry, otherwise=where)
                yield Given(section, key, text, place, entry)
        else:
            yield Given(section, key, value, where)


def _lines(content: str) -> tuple[dict[str, int], dict[str, int]]:
    """The first line of each section and of each key, by its full name; this simple search misses some."""
    here = ""
    sections: dict[str, int] = {}
    keys: dict[str, int] = {}
    for number, line in enumerate(content.splitlines(), 1):
        bare = line.strip()
        if bare.startswith("["):
            here = bare.partition("#")[0].strip(" []\t").replace('"', "").replace("'", "")
            sections.setdefault(here, number)
        elif "=" in bare and not bare.startswith("#"):
            left = bare.partition("=")[0].strip().replace('"', "").replace("'", "")
            keys.setdefault(f"{here}.{left}".strip("."), number)
    return sections, keys


def is_own_variable(name: str) -> bool:
    """Whether a variable is one of the sidecar's, in upper or lower case. ASCII only: ``"\u017f".upper()`` is S, which no filter of such names expects."""
    return name[: len(PREFIX)].isascii() and name.upper().startswith(PREFIX)


def _lower(name: str) -> str:
    """The name in lower case if it is ASCII, otherwise unchanged: the Kelvin sign is not a k."""
    return name.lower() if name.isascii() else name


def from_environment(environ: Mapping[str, str]) -> Source:
    """``SIDECAR_PROFILE``, ``SIDECAR_SECTION__KEY`` and ``SIDECAR_BACKEND__ENV__NAME``."""
    source = Source()
    for variable in sorted(environ):
        if not is_own_variable(variable):
            continue
        rest, text = variable[len(PREFIX) :], environ[variable]
        section, separator, key = rest.partition("__")
        if rest.upper() == "PROFILE":
            _add(source, "", "profile", None, text=text, origin=variable)
        elif not separator:
            source.notes.append(
                f"{variable} is not a setting and was ignored; settings are called {PREFIX}SECTION__KEY"
            )
        else:
            key, _, entry = key.partition("__")
            # Only names of the backend's own variables are case-sensitive.
            _add(source, _lower(section), _lower(key), entry or None, text=text, origin=variable)
    return source


def from_flags(overrides: Sequence[str]) -> Source:
    """``--set section.key=value``, ``--set backend.env.NAME=value`` and ``--set profile=NAME``."""
    source = Source()
    for override in overrides:
        name, equals, text = override.partition("=")
        section, dot, key = name.strip().partition(".")
        if not equals or not (dot or section == "profile"):
            source.mistakes.append(f"--set {name}: not understood; write --set section.key=value")
        elif section == "profile" and not dot:
            _add(source, "", "profile", None, text=text, origin="--set profile")
        else:
            entry: str | None = None
            if section == "backend" and key.startswith("env."):
                key, _, entry = key.partition(".")
            _add(source, section, key, entry, text=text, origin=f"--set {name.strip()}")
    return source


def _add(source: Source, section: str, key: str, entry: str | None, *, text: str, origin: str) -> None:
    try:
        value = _unquoted(text) if entry or not section else parse_text(text)
    except QuotedTextError:
        from .words import shown

        source.mistakes.append(
            f"{origin}: {shown(text)} is not a TOML string; omit the quotes, or use single quotes if it has a backslash"
        )
        return
    if (section, key) == ("backend", "env") and isinstance(value, dict):
        source.given.extend(Given(section, key, one, origin, name) for name, one in value.items())
    else:
        source.given.append(Given(section, key, value, origin, entry, text))


def _unquoted(text: str) -> str:
    """The content of a TOML string, else the text unchanged, because a variable's value is always text."""
    try:
        value = parse_text(text) if text[:1] in {'"', "'"} else text
    except QuotedTextError:
        return text
    return value if isinstance(value, str) else text
