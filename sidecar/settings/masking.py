"""Secrets taken out of whatever is shown, logged or handed to support."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from .model import Settings

MASK = "***"

# Parts of names (upper case, without separators) behind which people keep secrets. Rather one too many than one too few.
_SECRET_WORDS = (
    "KEY",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PWD",
    "CREDENTIAL",
    "CONNECTIONSTRING",
    "CONNSTR",
    "AUTH",
    "COOKIE",
    "SIGNATURE",
    "DSN",
)
_HARMLESS = {"PWD", "OLDPWD", "SSHAUTHSOCK", "XAUTHORITY"}  # folders and sockets
_SEPARATORS = str.maketrans("", "", "_-.: ")
_OTHER_ENCODINGS = ("cp1252", "cp850")  # what Western Windows programs write to a file and to a console
_SHORTEST_SECRET = 4  # shorter ones occur by chance in any text

# Texts, compiled at the first use (re keeps them): this module is imported at start-up and seldom needed there.
_URL_CREDENTIALS = r"(?<=://)[^/\s?#@\"']+(?=@)"
# The end of a name, then = or :, as in API_TOKEN=x, "password": "x y" (also within a JSON text), client_secret: x.
# A quote that is never closed hides the rest of its line: the text may be the beginning of something longer.
_ASSIGNMENT = (
    r"(?i)((?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|accountkey|credentials?"
    r"|connection[_-]?string|connstr|dsn|cookie|signature)"
    r"\\?[\"']?\s*[=:]\s*)"
    r"(?:(\\[\"'])(?:\\\\(?:\\.)?|(?!\2)[^\n\"])*(\2)?"
    r"|([\"'])(?:(?:\\.|(?!\4)[^\n\\])*(\4)|(?:\\.|[^\n\"\\])*)"
    r"|(?:[^\s;,&\"'\\]|\\[^\s\"'])+)"
)
_BEARER = r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"
# What gives itself away: keys of OpenAI and Stripe, GitHub, Slack, AWS, Google, and JSON web tokens.
_TOKENS = (
    r"\b(?:[sr]k[-_][A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|xox[abeprs]-[A-Za-z0-9-]{10,}"
    r"|AKIA[0-9A-Z]{16}|AIza[A-Za-z0-9_-]{30,}|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"
)


def looks_secret(name: str) -> bool:
    """Whether a variable, a setting or a flag of that name is likely to hold a secret."""
    bare = name.upper().translate(_SEPARATORS)
    return bare not in _HARMLESS and any(word in bare for word in _SECRET_WORDS)


def mask_text(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the given secrets, without credentials in addresses and without what is assigned to a password."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, MASK)
    text = re.sub(_URL_CREDENTIALS, MASK, text)
    text = re.sub(_BEARER, rf"\1 {MASK}", text)
    text = re.sub(_TOKENS, MASK, text)
    return re.sub(_ASSIGNMENT, rf"\1\2\4{MASK}\3\5", text)


def spellings(secrets: Iterable[str]) -> list[str]:
    """The secrets, each also as JSON and addresses spell it and as it looks where its encoding was mistaken, for ``mask_text``."""
    from urllib.parse import quote, quote_plus

    found = list(secrets)
    for secret in found[:]:
        found += {msgspec.json.encode(secret).decode()[1:-1], quote(secret, safe=""), quote_plus(secret)} - {secret}
        if not secret.isascii():
            for raw in (secret.encode(encoding, "replace") for encoding in _OTHER_ENCODINGS):
                found += [raw.decode("utf-8", errors) for errors in ("replace", "surrogateescape")]
    return found


def mask_environment(env: Mapping[str, str]) -> dict[str, str]:
    """The variables, each secret one as ``***``; an empty one stays empty, for that is often the mistake."""
    return {name: MASK if value and looks_secret(name) else mask_text(value) for name, value in env.items()}


def secrets_of(env: Mapping[str, str]) -> list[str]:
    """The values that must not appear in a text, for ``mask_text``."""
    return [value for name, value in env.items() if len(value) >= _SHORTEST_SECRET and looks_secret(name)]


def mask_command(command: Iterable[str]) -> list[str]:
    """The words of a command without secrets: ``--api-key=x`` and ``--api-key x`` alike."""
    masked: list[str] = []
    next_is_secret = False
    for word in command:
        flag, equals, value = word.partition("=")
        is_flag = word.startswith(("-", "/")) and looks_secret(flag)
        if next_is_secret and not word.startswith("-"):
            masked.append(MASK)
        elif equals and value and looks_secret(flag):
            masked.append(f"{flag}={MASK}")
        else:
            masked.append(mask_text(word))
        # A path is no flag: on POSIX /opt/key/server is a program.
        next_is_secret = is_flag and not equals and "/" not in flag[1:]
    return masked


def secrets_of_command(command: Iterable[str]) -> list[str]:
    """The secret words of a command, to be masked wherever else they turn up."""
    words = list(command)
    hidden = zip(words, mask_command(words), strict=True)
    return [word.partition("=")[2] or word for word, shown in hidden if word != shown]


def masked(settings: Settings) -> dict[str, Any]:
    """The settings as plain data, for people to see."""
    plain: dict[str, Any] = msgspec.to_builtins(settings)
    backend = plain["backend"]
    backend["env"] = mask_environment(settings.backend.env)
    backend["command"] = mask_command(settings.backend.command)
    backend["url"] = mask_text(settings.backend.url)
    return plain
