"""Masks secrets in everything that is shown, logged or sent to support."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from ..model import Settings
from .names import Strength, is_harmless, is_random, strength, words_of
from .names import looks_secret as looks_secret

MASK = "***"

_OTHER_ENCODINGS = ("cp1252", "cp850")  # what Western Windows programs write to a file and to a console
_WIDE = re.compile(r"(?:[\t-~]\0){4}(?:[\t-~]\0)*+")
_MAX_KIND = 80  # characters; a name may be a whole line
_MIN_SECRET = 4  # characters; shorter ones occur by chance in any text
_MIN_REPEATED = 8  # characters of a secret that is also masked where the same text repeats it
_MAX_REPEATED = 100  # such secrets
_MIN_LINE = 16  # characters of one line of a multi-line secret, and of a secret that is split over lines
_BREAK = r"[\\=]?\r?\n[ \t]{0,40}+"
_PERCENT = re.compile("%[0-9A-F]{2}")
_ESCAPED_BY_NET = re.compile("[\"&'+<>`\x7f]|[^\x00-\x7f]")  # System.Text.Json escapes more than JSON requires
_OTHER_SURROGATES = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # those that surrogateescape never uses
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
# Passwords of test databases that are ordinary words in every log.
_COMMON = words_of(
    """
    admin changeit changeme default demo dev development docker example guest hello local localhost master
    mongo mysql none null password pass postgres postgresql production public redis root sample secret server
    service staging system test testing token true user username
    """
)


class Found:
    """What was masked: how often each kind, and the secrets themselves."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.secrets: list[str] = []

    def __call__(self, kind: str, secret: str) -> str:
        """Records a secret and returns the mask."""
        if secret != MASK:
            self.kinds[kind[:_MAX_KIND]] += 1
            self.secrets.append(secret)
        return MASK


def mask_text(text: str, secrets: Iterable[str] = (), found: Found | None = None) -> str:
    """Masks ``secrets`` and everything that looks like a secret, in time linear in the length. ``found`` records what was masked."""
    from .assignments import mask_assignments
    from .blocks import mask_blocks
    from .forms import mask_addresses, mask_forms
    from .tables import mask_statements, mask_tables
    from .tokens import mask_tokens

    note = found or Found()
    if "\0" in text:  # UTF-16, as PowerShell writes it into a file of another encoding
        text = _WIDE.sub(lambda wide: wide[0].replace("\0", ""), text)
    text = _mask_known(text, secrets, note)
    for rule in (mask_blocks, mask_tokens, mask_addresses, mask_statements, mask_tables, mask_assignments, mask_forms):
        text = rule(text, note)
    # A repeated secret may lack its name: in an error message, among the arguments of a call.
    found_here = dict.fromkeys(note.secrets)
    repeated = [one for one in found_here if len(one) >= _MIN_REPEATED and "(" not in one and is_random(one)]
    return _mask_known(text, repeated[:_MAX_REPEATED], note)


def _mask_known(text: str, secrets: Iterable[str], note: Found) -> str:
    """Masks the given secrets, the longest first. A short one matches only as a whole word."""
    known = sorted(set(secrets), key=len, reverse=True)
    for secret in known:
        if len(secret) < _MIN_SECRET or secret not in text:
            continue
        before = r"(?<![A-Za-z0-9])" if secret[0].isalnum() and len(secret) < 8 else ""
        after = r"(?![A-Za-z0-9])" if secret[-1].isalnum() and len(secret) < 8 else ""
        text = re.sub(before + re.escape(secret) + after, lambda found: note("a known secret", found[0]), text)
    return _mask_broken(text, known, note) if "\n" in text else text


def _mask_broken(text: str, secrets: Iterable[str], note: Found) -> str:
    """Masks the given secrets where a line break splits them: at the line width of a terminal, a mail or Base64."""
    unbroken = re.sub(_BREAK, "", text)
    for secret in secrets:
        if len(secret) >= _MIN_LINE and "\n" not in secret and secret in unbroken:
            broken = f"(?:{_BREAK})?+".join(map(re.escape, secret))
            text = re.sub(broken, lambda found: note("a known secret", found[0]), text)
    return text


def spellings(secrets: Iterable[str]) -> list[str]:
    """The secrets, each also as JSON, HTML, URLs and Base64 encode it, and as decoded with a wrong encoding, for ``mask_text``."""
    from urllib.parse import quote, quote_plus

    found = list(secrets)
    # A log may put a prefix before each line of a key.
    found += [line for secret in found if "\n" in secret for line in secret.splitlines() if len(line) >= _MIN_LINE]
    for secret in found[:]:
        raw = _OTHER_SURROGATES.sub("\ufffd", secret).encode("utf-8", "surrogateescape")
        text = raw.decode("utf-8", "replace")  # as a log shows bytes that are not UTF-8
        json = msgspec.json.encode(text).decode()[1:-1]
        quoted = {quote(raw), quote(raw, safe=""), quote_plus(raw)}
        quoted |= {quote(one, safe="") for one in quoted}  # in an address that is a parameter of another
        lower = {_PERCENT.sub(lambda part: part[0].lower(), one) for one in quoted}  # as .NET Framework writes it
        ascii_json = _NOT_ASCII.sub(_escaped, json)
        net_json = _ESCAPED_BY_NET.sub(lambda one: _escaped(one).upper().replace("U", "u"), json.replace('\\"', '"'))
        found += {text, json, ascii_json, net_json, text.translate(_ENTITIES), *quoted, *lower} - {secret}
        if len(secret) >= 8:
            found += [*dict.fromkeys(_encoded(raw)), raw.hex(), raw.hex().upper()]
            found += {text.upper(), text.lower()} - {text} if any(map(str.isdigit, text)) else ()
        if not secret.isascii():
            for encoding in (*_OTHER_ENCODINGS, "mbcs"):
                with suppress(
                    LookupError
                ):  # only Windows has mbcs, and oem, in which the output of a backend is read there
                    raw = secret.encode(encoding, "replace")
                    found += [raw.decode("utf-8", errors) for errors in ("replace", "surrogateescape")]
                    found.append(raw.decode("oem", "replace"))
    return found


def _escaped(character: re.Match[str]) -> str:
    digits = character[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{digits[at : at + 4]}" for at in range(0, len(digits), 4))


def _encoded(secret: bytes) -> Iterator[str]:
    """The secret in Base64 and Base32; the latter also in lower case, as case-insensitive tools print it."""
    from base64 import b32encode, b64encode, urlsafe_b64encode

    for encode in (b64encode, urlsafe_b64encode):
        yield from _within(secret, encode, (0, 2, 3))
    for coded in _within(secret, b32encode, (0, 2, 4, 5, 7)):
        yield from (coded, coded.lower())


def _within(secret: bytes, encode: Callable[[bytes], bytes], starts: Sequence[int]) -> Iterator[str]:
    """The secret at each alignment within a longer encoded text, without the characters that depend on that text."""
    for before, start in enumerate(starts):
        coded = encode(bytes(before) + secret).decode().rstrip("=")
        yield coded[start : len(coded) - bool((before + len(secret)) % len(starts))]


def mask_environment(env: Mapping[str, str]) -> dict[str, str]:
    """The variables, each secret one as ``***``; an empty one stays empty, because that is often the mistake."""
    return {name: MASK if _is_secret(name, value) else mask_text(value) for name, value in env.items()}


def secrets_of(env: Mapping[str, str]) -> list[str]:
    """The values, and the parts of values, that must not appear in a text, for ``mask_text``."""
    secrets: dict[str, None] = {}
    for name, value in env.items():
        if _is_secret(name, value):
            secrets[value] = None
        found = Found()
        mask_text(value, found=found)
        secrets.update(dict.fromkeys(found.secrets))
    return [secret for secret in secrets if _is_distinctive(secret)]


def mask_command(command: Iterable[str], secrets: Iterable[str] = ()) -> list[str]:
    """The words of a command without secrets: in ``--api-key=x``, in ``--api-key x``, and those in ``secrets``."""
    from .commands import secret_spans

    words = list(command)
    shown = words[:]
    for index, start, end in reversed(list(secret_spans(words))):
        shown[index] = f"{shown[index][:start]}{MASK}{shown[index][end:]}"
    known = list(secrets)
    return [mask_text(word, known) for word in shown]


def secrets_of_command(command: Iterable[str]) -> list[str]:
    """The secrets in the words of a command, to mask them wherever else they appear."""
    from .commands import secret_spans

    words = list(command)
    found = Found()
    spans = list(secret_spans(words))
    for index, word in enumerate(words):
        if not any(index == at and start == 0 for at, start, _ in spans):
            mask_text(word, found=found)
    secrets = [words[index][start:end] for index, start, end in spans] + found.secrets
    return [secret for secret in dict.fromkeys(secrets) if _is_distinctive(secret)]


def masked(settings: Settings, mask: Callable[[str], str] = mask_text) -> dict[str, Any]:
    """The settings as plain data, to show to people; ``mask`` is applied to every text."""
    plain: dict[str, Any] = msgspec.to_builtins(settings)
    backend = plain["backend"]
    backend["env"] = mask_environment(settings.backend.env)
    backend["command"] = mask_command(settings.backend.command)
    return {section: _without_secrets(values, mask) for section, values in plain.items()}


def _without_secrets(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _without_secrets(one, mask) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(one, mask) for one in value]
    return mask(value) if isinstance(value, str) else value


def _is_secret(name: str, value: str) -> bool:
    level = strength(name)
    return level is not Strength.NONE and not is_harmless(value, level)


def _is_distinctive(secret: str) -> bool:
    """Whether the secret can be searched for in any text: it is not short, a small number or an ordinary word in logs."""
    return len(secret) >= _MIN_SECRET and not (secret.isdigit() and len(secret) < 6) and secret.lower() not in _COMMON
