"""Masks secrets that follow a name: ``NAME=value`` in the notations of settings, programs, JSON, YAML, XML and forms."""

import re
from collections.abc import Callable

from .names import (
    Replace,
    Strength,
    is_bare,
    is_harmless,
    is_metavar,
    is_plain,
    is_prose,
    is_random,
    is_sentence,
    strength,
)
from .nesting import Nesting, Value, depth_of, line_before, list_below, read_value, rest_of_line

_ANSI = r"(?:\x1b?\[[\d;]{0,12}m){0,3}"  # colours
_CLOSE = r"(?:\\{0,15}[\"'`]|&quot;|&\#(?:0?3[49]|x2[27]);|%(?:25)?2[27]|\\{1,8}u002[27]|\]|%5[Dd]|\*{1,2}|:(?:\"?[\w\\]{1,80}\"?:)?(?:private|protected)(?=\])){0,3}"
# A whole name, what closes it, and the separator before its value. The name matches as a whole or not at all, so that each
# character is examined once.
_PAIR = re.compile(
    rf"(?<![\w.$-])(?P<name>(?:[\w.$]|-(?!>))++)(?P<close>{_CLOSE}){_ANSI}"
    rf"(?P<gap>[ \t\xa0]{{0,8}}(?:(?:is|was)(?=:)|(?:\|\||\?\?)(?==))?)(?P<sign>:[ ]{{1,2}}[A-Za-z][\w.]{{0,20}}(?:\[[\w, ]{{0,20}}\])?[ ]{{1,2}}=(?!=)|={{1,2}}>|:=|->|===?|=|::?|[\uff1a\uff1d\u2192]|%(?:25)?3[AaDd]|\\{{1,8}}u003[adAD]|;s:\d{{1,5}}:(?=\\{{0,7}}\")|,(?:[ \t]{{0,8}}\#[^\n]{{0,200}}\n)?(?=\s{{0,4}}(?:<<)?\\{{0,15}}[\"'])|\((?=\s{{0,4}}[\"']))"
    rf"(?P<space>\s{{0,24}})(?:(?:\x1b?\[[\d;]{{0,12}}m){{1,3}}[ ]{{0,2}})?{_ANSI}"
)
_TYPED = re.compile(r":[ ]{1,2}([\w.]+)")
# Session id, API key, mot de passe.
_SECOND_WORDS = frozenset({"id", "code", "codes", "phrase", "words", "string", "key", "keys", "passe"})
_FIRST_WORD = re.compile(r"[A-Za-z0-9-]{2,16} \Z")
_KEY_END = re.compile(r"(?:\\{0,15}[\"'])\s{0,4}(?:[:=]|=>)")
_FURTHER = re.compile(r"(?:, ?(?=[^\s,]{0,40}[0-9])[\w-]{4,40}(?![\w:=-]))+")  # codes: 1234-5678, 8765-4321
_BLOCK = re.compile(r"[|>][+-]?\d?[ \t]{0,8}\r?\n(?P<lines>(?:[ \t]{1,40}[^\n]{1,2000}\n?){1,200})")
_LIST = re.compile(r"\[[^\[\]]{0,4096}\]|\([^()]{0,4096}\)")
_BRACED = re.compile(r"\{(?P<value>(?=[^}]{0,200}[^\w.}])(?:[^{}\"'\n]|\}\}){1,200}+)\}")  # of ODBC and JDBC
_ITEM = re.compile(r"\"(?:\\.|[^\"\\\n]){1,2000}\"|'(?:\\.|[^'\\\n]){1,2000}'")
_LINE_START = re.compile(r"[ \t]{0,40}(?:export|set|setx|ENV|ARG|declare -x|local|-)?[ \t]{0,4}\\?")
_MORE = re.compile(r"\s[\w.-]{1,40}[=:]|\s[#-]")  # another pair, a comment or a flag after a value
_MAX_PASSPHRASE = 300
_MASKED = re.compile(r"[\w.:-]{1,80}=\*{3}")  # as commands and settings with a masked secret are shown
# YAML's references to a value elsewhere.
_REFERENCE = re.compile(r"!(?:Ref|GetAtt|Sub|ImportValue|vault|secret|reference|env_var)\b")
# In source code.
_LOOKUP = re.compile(r"[\w.$]{0,60}(?i:env|variable|secret|property|setting)\(\\?[\"'][\w.:-]{1,80}\\?[\"']\)")
_COLOUR = re.compile(r"^\d{1,3}m")  # the rest of a colour sequence before a name


def mask_assignments(text: str, replace: Replace) -> str:
    """The text with the value after every secret name replaced by ``replace("value of NAME", value)``."""
    pieces: list[str] = []
    done = 0
    nesting = Nesting(text)
    for pair in _PAIR.finditer(text):
        if pair.start() < done:
            continue
        name = pair["name"]
        before = text[pair.start() - 1] if pair.start() else ""
        if before in {"[", ";"}:
            name = _COLOUR.sub("", name)
        elif before == "\\" and name[0] in "nrt":  # the escape of a line break in JSON
            name = name[1:]
        if name.lower() in _SECOND_WORDS:
            first = _FIRST_WORD.search(text, max(0, pair.start() - 24), pair.start())
            name = f"{first[0]}{name}" if first is not None else name
        found = _HEADERS.get(name.lower())
        level = strength(name)
        if level is Strength.NONE and (
            inner := _TYPED.match(pair["sign"])
        ):  # log: password = "x", not password: str = "x"
            name, level = inner[1], strength(inner[1])
        nested = nesting.strength(pair.start(), name)
        if found is None and max(level, nested) is Strength.NONE:
            continue
        value = found(text, pair) if found is not None else _value(text, pair, max(level, nested))
        if value is None or value.start >= value.end:
            nesting.open(name, level, pair.start(), pair.end(), pair["sign"])
            continue
        secret = text[value.start : value.end]
        if is_metavar(name, secret):
            continue
        pieces += (text[done : value.start], replace(f"value of {name.strip('-$.')}", secret))
        done = value.end
    pieces.append(text[done:])
    return "".join(pieces)


def _value(text: str, pair: re.Match[str], level: Strength) -> Value | None:
    """The secret after a name; None if the value is not a secret."""
    start, sign = pair.end(), pair["sign"]
    if not _may_be_pair(text, pair, level) or _is_elsewhere(text, pair):
        return None
    character = text[start : start + 1]
    braced = _BRACED.match(text, start) if character == "{" and sign == "=" else None
    if braced is not None:
        return Value(*braced.span("value"), quoted=True)
    is_list = "\n" in pair["space"] and text.startswith("- ", start)
    if is_list or (character in {"{", "[", "("} and not text.startswith("(string) ", start)):
        return _listed(text, start, level, pair["name"])
    block = _BLOCK.match(text, start) if character in {"|", ">"} and sign == ":" else None
    if block is not None:
        return Value(*_indented(text, pair, block), quoted=True)
    value = read_value(text, start)
    if not value.quoted and sign in {"=", ":", "=>"}:
        line = _whole_line(text, pair, level)
        value = line if line is not None and line.end > value.end else value
        further = _FURTHER.match(text, value.end) if level >= Strength.PASSWORD else None
        value = value._replace(end=further.end()) if further is not None else value
    if sign == ":" and is_bare(pair["name"], text[value.start : value.end]):
        return None
    return None if not value.quoted and _is_sentence(text, pair, value, level) else _checked(text, value, level)


def _is_elsewhere(text: str, pair: re.Match[str]) -> bool:
    """Whether the text after the name only refers to a value elsewhere, or is another name: ``!Ref X``, ``"password:" ``, ``=> "key": x``."""
    start = pair.end()
    if _LOOKUP.match(text, start):
        return True
    if pair["sign"] == "=>":
        value = read_value(text, start)
        return value.quoted and text[value.start : value.end].isidentifier() and bool(_KEY_END.match(text, value.end))
    if pair["sign"] != ":":
        return False
    quote = text[start : start + 1]
    closes = quote in {'"', "'"} and text[pair.start() - 1 : pair.start()] == quote and not pair["close"]
    return closes or _REFERENCE.match(text, start) is not None


def _may_be_pair(text: str, pair: re.Match[str], level: Strength) -> bool:
    """Whether the separator really stands between a name and its value."""
    start, sign, is_quoted = pair.end(), pair["sign"], bool(pair["close"])
    if sign == "(":  # setPassword("x"), not token("x")
        value = read_value(text, start)
        return level >= Strength.PASSWORD or is_random(text[value.start : value.end])
    if sign[0] == ",":  # "--password", "x", but neither "password", "x": 1 nor "--password", "--verbose"
        value = read_value(text, start)
        word = text[value.start : value.end]
        if text[pair.start() - 1 : pair.start()] == "{" and not is_quoted:  # {password,"x"} in Erlang
            return text.startswith(("}", ">>}"), value.end + 1)
        is_other = word.startswith("-") or _KEY_END.match(text, value.end) is not None
        return is_quoted and not is_other and (pair["name"][0] == "-" or not word.isalpha())
    if "\n" in pair["space"]:
        if text.startswith("- ", start):
            return sign == ":" and level >= Strength.STRONG
        word = text[start : read_value(text, start).end]
        return sign in {":", "=>"} and (is_quoted or (len(word) >= 8 and is_random(word)))
    return not (sign == ":" and text.startswith(("//", "="), start))


def _checked(text: str, value: Value, level: Strength) -> Value | None:
    secret = text[value.start : value.end]
    return None if is_harmless(secret, level) or _MASKED.fullmatch(secret) else value


def _is_sentence(text: str, pair: re.Match[str], value: Value, level: Strength) -> bool:
    """``Password: required``, ``Unexpected token: identifier``, ``token == x``, ``auth:Signature: x``."""
    word = text[value.start : value.end]
    if pair["sign"] in {"==", "==="} or (word.endswith(":") and level < Strength.PASSWORD):
        return True
    if (
        level >= Strength.PASSWORD
        and text[value.start : value.end + 1] == "password "
        and text[value.end + 1 : value.end + 2].islower()
    ):
        return True  # passwd: password updated successfully
    if pair["sign"] == "->" and not pair["space"]:  # token->next in C
        return not is_random(word)
    if pair["sign"] not in {":", "::", "->"} or not pair["space"]:
        return False
    return is_prose(word)


def _whole_line(text: str, pair: re.Match[str], level: Strength) -> Value | None:
    """The value of a line that is only ``NAME=value``, as in a file of variables: all characters up to the end of the line.

    None if the value has spaces and looks like a sentence: a passphrase in YAML may have spaces, but so has an error message.
    """
    if _LINE_START.fullmatch(line_before(text, pair.start())) is None:
        return None
    rest = rest_of_line(text, pair.end())
    value = text[rest.start : rest.end]
    if " " not in value:
        return rest
    if len(value) > _MAX_PASSPHRASE or _MORE.search(value) or level < Strength.PASSWORD:
        return None
    return None if is_sentence(value) else rest


def _indented(text: str, pair: re.Match[str], block: re.Match[str]) -> tuple[int, int]:
    """The lines of a YAML block that are indented more than the name before it."""
    depth = depth_of(text, pair.start())
    start = end = block.start("lines")
    for line in block["lines"].splitlines(keepends=True):
        if len(line) - len(line.lstrip()) <= depth:
            break
        end += len(line)
    start += len(text[start:end]) - len(text[start:end].lstrip())
    return start, start + len(text[start:end].rstrip())


def _listed(text: str, start: int, level: Strength, name: str = "") -> Value | None:
    """A list of strings, all of them secret. None for braces, because their content has its own names."""
    if text[start] == "-":
        below = list_below(text, start, level)
        return Value(*below, quoted=True) if below is not None else None
    found = _LIST.match(text, start)
    if found is None:
        return None
    items = list(_ITEM.finditer(found[0]))
    if not items and is_random(found[0][1:-1]) and not is_harmless(found[0][1:-1], level):
        return Value(start + 1, found.end() - 1, quoted=True)  # password=[x], as logs print it
    texts = [item[0][1:-1] for item in items]
    if all(is_harmless(one, level) or is_bare(name, one) or is_sentence(one) for one in texts):
        return None
    return Value(start + items[0].start() + 1, start + items[-1].end() - 1, quoted=True)


_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9-]{1,30})(?:\r?\n)?[ \t]{1,4}(?=[^\s\"'\\])")
_ONE_WORD = frozenset(
    {"bearer", "basic", "token", "apikey", "api-key", "negotiate", "ntlm", "key", "jwt", "dpop", "sso-key", "bot"}
)
_HEADER_SIGNS = frozenset({":", "=", "=>", ",", "%3A", "->", ":="})
_PARAMETER = re.compile(r"[\w-]{1,40}=\\{0,15}[\"']")
# A quote belongs to a header only after an equals sign: Digest username="x", response="y".
_HEADER_REST = re.compile(r"(?:=[ ]?(\\{0,15})\"[^\"\n\\]{0,2000}(?:\1\")|[^\"\n\r\\]|\\(?![\"nr])){0,8000}+")


def _authorization(text: str, pair: re.Match[str]) -> Value | None:
    """The credentials, without their scheme."""
    scheme = _SCHEME.match(text, pair.end())
    if scheme is not None and scheme["scheme"].lower() in _ONE_WORD and not _PARAMETER.match(text, scheme.end()):
        word = read_value(text, scheme.end())
        return None if is_prose(text[word.start : word.end]) or pair["sign"] not in _HEADER_SIGNS else word
    value = _header_value(text, pair)
    if value is None:
        return None
    scheme = _SCHEME.match(text, value.start, value.end)
    if scheme is None:
        return (
            None
            if is_prose(text[value.start : value.end].split(" ", maxsplit=1)[0])
            else _checked(text, value, Strength.WEAK)
        )
    if is_prose(scheme["scheme"]):
        return None
    return Value(scheme.end(), value.end, quoted=value.quoted)


_ONE_COOKIE = re.compile(r"[^\"\n\r;]{0,8000}+")


def _cookie(text: str, pair: re.Match[str]) -> Value | None:
    """All cookies of a header; the attributes of a Set-Cookie stay visible."""
    is_one = pair["name"].lower() == "set-cookie"
    value = _header_value(text, pair, _ONE_COOKIE if is_one else _HEADER_REST)
    if value is None:
        return None
    content = text[value.start : value.end]
    if "=" not in content:
        return None if is_prose(content.split(" ")[0]) else _checked(text, value, Strength.WEAK)
    first = content.split(";", 1)[0] if is_one else content
    if all(map(_is_harmless_cookie, first.split(";"))):
        return None
    if is_one and ";" in content:
        return Value(value.start, value.start + content.index(";"), quoted=value.quoted)
    return value


def _is_harmless_cookie(cookie: str) -> bool:
    """``lang=en``, ``SameSite=Lax``, ``Secure``."""
    name, sign, value = cookie.strip().partition("=")
    return not sign or (strength(name) is Strength.NONE and is_plain(value) and len(value) < 16)


def _header_value(text: str, pair: re.Match[str], rest: re.Pattern[str] = _HEADER_REST) -> Value | None:
    if pair["sign"] not in _HEADER_SIGNS or (pair["sign"] == "," and not pair["close"]):
        return None
    start = pair.end()
    if text[start : start + 1] == "[":
        return _listed(text, start, Strength.WEAK)
    value = read_value(text, start)
    if value.quoted:
        return value
    if is_prose(text[value.start : value.end]):
        return None
    before = text[pair.start() - 1 : pair.start()]
    if before in {"'", '"'} and pair["close"] == "":  # -H 'Authorization: Digest username="x"'
        preceding = text[max(0, pair.start() - 16) : pair.start() - 1]
        slashes = len(preceding) - len(preceding.rstrip("\\"))
        end = text.find("\\" * slashes + before, start, start + 8000)
        if end >= 0 and "\n" not in text[start:end]:
            return Value(start, end, quoted=True)
    end = rest.match(text, start).end()  # type: ignore[union-attr]  # it also matches the empty string
    end = start + len(text[start:end].rstrip())
    return Value(start, end, quoted=False) if end > start else None


_HEADERS: dict[str, Callable[[str, re.Match[str]], Value | None]] = {
    **dict.fromkeys(("authorization", "proxy-authorization", "x-authorization", "http_authorization"), _authorization),
    **dict.fromkeys(("cookie", "cookie2", "set-cookie", "http_cookie"), _cookie),
}
