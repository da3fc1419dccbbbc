"""Masks private keys, between BEGIN and END or in other formats, and seed phrases."""

import re

from .names import Replace
from .tokens import looks_generated

_BEGIN = re.compile(
    r"----[- ]BEGIN (?=[A-Za-z0-9 ]{0,40}(?:PRIVATE KEY|AGE ENCRYPTED|Static key|PGP MESSAGE))[A-Za-z0-9 ]{3,60}[- ]----(?:-(?=\W|\w))?"
)
_ENCODED = re.compile(  # as in an address or a form
    r"BEGIN(?:%20|\+)(?:[A-Z]{1,20}(?:%20|\+)){0,3}PRIVATE(?:%20|\+)KEY-----(?P<secret>(?:[A-Za-z0-9+/=]|%[\dA-Fa-f]{2}){1,20000}+)"
)
_END = "-END "
_MIN_KEY = 40  # characters of Base64
_BASE64_LINES = re.compile(r"(?:[A-Za-z0-9+/=:,\-\s]|\\[nr]){0,20000}+")
_MAX_BLOCK = 20_000
_CUT_BLOCK = re.compile(
    r"(?<![A-Za-z0-9+/=])(?:[A-Za-z0-9+/=]{4,400}(?:\r?\n|\\n))++(?P<end>-----END [A-Z ]{0,40}PRIVATE KEY)?"
)
_PUTTY = re.compile(r"(?<=Private-Lines: )\d{1,4}\r?\n(?:[A-Za-z0-9+/=]{1,80}(?:\r?\n|\Z)){1,400}")
_SEED = re.compile(  # all of its words, before another rule takes the first one for the value of a name
    r"(?i:\b(?:mnemonic|seed|phrase|bip-?39)\b\W{1,4})(?P<secret>[a-z]{3,8}(?: [a-z]{3,8}){11}(?:(?: [a-z]{3,8}){3}){0,4})(?![\w ])"
)
_SEED_NAMES = ("nemonic", "seed", "Seed", "SEED", "hrase", "BIP", "bip")
_KEY_SET = re.compile(
    r"(?<=\")(?:d|p|q|dp|dq|qi|k)(?:\\{0,7}\"\s{0,4}:\s{0,4}\\{0,7}\")([A-Za-z0-9_\-]{16}[A-Za-z0-9_\-]*+)"
)
_KEY_SET_NAMES = ('"d', '"p', '"q', '"k')


def mask_blocks(text: str, replace: Replace) -> str:
    """The text without the content of private keys: PEM, PGP, age, OpenVPN, PuTTY, JSON web keys, and seed phrases."""
    if "BEGIN " in text:
        text = _mask_between(text, replace)
    if "KEY-----%" in text:
        text = _ENCODED.sub(
            lambda found: found[0].replace(found["secret"], replace("private key", found["secret"])), text
        )
    if "PRIVATE KEY" in text:  # the end of a block whose beginning was cut off
        text = _CUT_BLOCK.sub(lambda found: _cut_block(found, replace), text)
    if "Private-Lines: " in text:
        text = _PUTTY.sub(lambda found: replace("private key", found[0].rstrip()) + "\n", text)
    if any(name in text for name in _SEED_NAMES):
        text = _SEED.sub(lambda found: found[0].replace(found["secret"], replace("seed phrase", found["secret"])), text)
    if any(name in text for name in _KEY_SET_NAMES):
        text = _KEY_SET.sub(lambda found: _member(found, replace), text)
    return text


def _member(found: re.Match[str], replace: Replace) -> str:
    """Masks a member of a JSON web key; if the text has no ``kty``, only a value as long and as random as a key."""
    if '"kty' not in found.string and not (len(found[1]) >= _MIN_KEY and looks_generated(found[1])):
        return found[0]
    return found[0].replace(found[1], replace("JSON web key", found[1]))


def _cut_block(found: re.Match[str], replace: Replace) -> str:
    if found["end"] is None:
        return found[0]
    lines = found[0].removesuffix(found["end"])
    return replace("private key", lines.rstrip()) + "\n" + found["end"]


def _mask_between(text: str, replace: Replace) -> str:
    pieces: list[str] = []
    done = 0
    for begin in _BEGIN.finditer(text):
        if begin.start() < done:
            continue
        start = begin.end()
        end = text.find(_END, start, start + _MAX_BLOCK)
        end = start + len(text[start:end].rstrip("- ")) if end >= 0 else _BASE64_LINES.match(text, start).end()  # type: ignore[union-attr]
        content = text[start:end]
        secret = content.strip().strip("\\nr \r\n")
        if secret and secret != "***":  # noqa: S105  the mask itself
            pieces += (text[done:start], _edge(content, 1), replace("private key", secret), _edge(content, -1))
            done = end
    pieces.append(text[done:])
    return "".join(pieces)


def _edge(content: str, side: int) -> str:
    """The line break at an edge of a block, as it is written there."""
    found = re.match(r"(?:\\r)?\\n|\r?\n", content) if side > 0 else re.search(r"(?:(?:\\r)?\\n|\r?\n)\Z", content[-8:])
    return found[0] if found else ""
