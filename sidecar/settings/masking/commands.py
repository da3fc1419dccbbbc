"""Secrets among the words of a command."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .names import Strength, flag_strength, is_harmless, is_random

# Programs whose short flags take a secret: as the next word (``-a x``), glued (``-px``), and as USER:PASSWORD.
_NEXT = {
    "sshpass": "-p", "redis-cli": "-a", "docker": "-p", "podman": "-p", "helm": "-p", "zip": "-P", "unzip": "-P",
    "sqlcmd": "-P", "bcp": "-P", "mongo": "-p", "mongosh": "-p", "mongodump": "-p", "mongorestore": "-p",
    "mosquitto_pub": "-P", "mosquitto_sub": "-P", "ldapsearch": "-w", "ldapmodify": "-w", "ldapadd": "-w", "ldapwhoami": "-w",
    "ldapdelete": "-w", "ldappasswd": "-w -s", "az": "-p", "openssl": "-k -K -pass -passin -passout", "plink": "-pw", "pscp": "-pw",
    "keytool": "-storepass -keypass", "schtasks": "/rp /p", "ssh-keygen": "-N -P", "psexec": "-p",
}  # fmt: skip
_GLUED = {
    "mysql": "-p", "mysqldump": "-p", "mysqladmin": "-p", "mysqlimport": "-p", "mariadb": "-p", "mariadb-dump": "-p",
    "mariadb-admin": "-p", "7z": "-p", "7za": "-p", "7zr": "-p", "unrar": "-p", "rar": "-p", "sshpass": "-p", "redis-cli": "-a",
    "sqlcmd": "-P", "xfreerdp": "/p:", "wfreerdp": "/p:",
}  # fmt: skip
_PAIRED = {
    "curl": "-u --user -U --proxy-user", "http": "-a --auth", "https": "-a --auth", "xh": "-a --auth", "smbclient": "-U --user",
    "rpcclient": "-U", "winexe": "-U",
}  # fmt: skip
_FLAG = re.compile(
    r"(?P<flag>(?:--?|/)?[A-Za-z_][\w.:-]*)=(?P<value>.+)|(?P<other>(?:--?|/)[A-Za-z][\w.-]*):(?P<behind>.+)", re.DOTALL
)

_PERHAPS = ("-p", "-P")  # a port, a project or a password: the value decides

Span = tuple[int, int]  # where in a word the secret is


class _Flags(NamedTuple):
    """What the short flags of one program take."""

    following: Sequence[str]
    glued: Sequence[str]
    paired: Sequence[str]


def secret_spans(words: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """The secrets of a command that it passes behind a flag or in one: which word, and where in it."""
    if not words:
        return
    program = re.split(r"[/\\]", words[0])[-1].removesuffix(".exe").lower()
    flags = _Flags(*(table.get(program, "").split() for table in (_NEXT, _GLUED, _PAIRED)))
    if program in {"docker", "podman", "helm"} and "login" not in words:
        flags = _Flags((), (), ())  # -p is a port there
    expected: Strength | None = None
    for index, word in enumerate(words):
        if expected is Strength.NONE:
            expected, span = None, _of_pair(word)
        elif expected is not None and not word.startswith("-") and not is_harmless(word, expected):
            expected = None
            span = len(word) - len(word.removeprefix("pass:")) if program == "openssl" else 0, len(word)
        else:
            span = _within(word, flags, program) if index or "=" in word else None
            expected = None if span or not index else _expected_behind(word, words[index + 1 : index + 2], flags)
        if span is not None:
            yield index, *span


def _within(word: str, flags: _Flags, program: str) -> Span | None:
    """The secret in a word: ``-pX``, ``--password=X``."""
    glued = next((flag for flag in flags.glued if word.startswith(flag) and len(word) > len(flag)), None)
    if glued is not None and not word.startswith("--"):
        return len(glued), len(word)
    if program == "curl" and word.startswith("-u") and len(word) > 2:
        return _of_pair(word, 2)
    if word.startswith(_PERHAPS) and is_random(word[2:]):
        return 2, len(word)
    given = _FLAG.fullmatch(word)
    return _of_flag(given, flags.paired) if given is not None else None


def _expected_behind(word: str, following: Sequence[str], flags: _Flags) -> Strength | None:
    """How secret the next word is; NONE: it is USER:PASSWORD."""
    if word in flags.paired or (word in {"-u", "--user", "--username"} and _names_password(following)):
        return Strength.NONE
    if word in flags.following:
        return Strength.PASSWORD
    if word in _PERHAPS and not (flags.following or flags.glued):
        return Strength.WEAK
    # A path is not a flag: /opt/key/server is a program.
    if word.startswith(("-", "/")) and not {"/", "=", ":"} & set(word[1:].replace(":", "", word.startswith("--"))):
        return flag_strength(word) or None
    return None


def _names_password(following: Sequence[str]) -> bool:
    """Whether the word behind ``-u`` is USER:PASSWORD, not the numbers or names of a user and a group."""
    return any(":" in word and is_random(word.partition(":")[2]) for word in following)


def _of_flag(given: re.Match[str], paired: Sequence[str]) -> Span | None:
    """``--password=x``, ``/password:x``, ``ConnectionStrings:Default=x``."""
    kind, value_kind = ("flag", "value") if given["flag"] else ("other", "behind")
    flag, value, start = given[kind], given[value_kind], given.start(value_kind)
    if flag in paired:
        return _of_pair(given[0], start)
    level = flag_strength(flag)
    if kind == "other" and flag.lower() in {"/p", "-p"} and is_random(value):
        level = Strength.STRONG
    return None if level is Strength.NONE or is_harmless(value, level) else (start, start + len(value))


def _of_pair(word: str, start: int = 0) -> Span | None:
    """The password of USER:PASSWORD, which begins at ``start``; a token as the user's name, without password."""
    pair = word[start:]
    user, sign, password = pair.partition(":") if ":" in pair else pair.partition("%")
    if sign and password:
        return start + len(user) + 1, len(word)
    return (start, start + len(user)) if sign and user else None
