"""Masks secrets that only their column's name gives away: in CSV, in tables that programs print, in INSERT statements."""

import re

from .names import Replace, Strength, is_harmless, is_prose, is_random, strength

_HEAD = re.compile(
    r"(?m)^(?P<names>[\ufeff|]?[\w\" -]{1,60}+(?P<sign>[,;\t|])(?:[\w\" -]{0,60}+(?P=sign)){0,60}[\w\" -]{0,60}+)\r?\n"
)
_LINE = re.compile(r"([^\r\n]{1,20000}+)\r?(?:\n|\Z)")
_RULE = re.compile(r"[-+|: ]+")
_CELLS = {sign: re.compile(rf'"(?:""|[^"])*+"|[^{sign}]++|(?<![^{sign}])(?={sign}|\Z)') for sign in ",;\t|"}


def mask_tables(text: str, replace: Replace) -> str:
    """The text without the values under secret column names, as long as each line has one cell per name."""
    pieces: list[str] = []
    done = end = 0
    for head in _HEAD.finditer(text):
        cells = _CELLS[head["sign"]]
        names = [name.strip('"| \ufeff') for name in cells.findall(head["names"])]
        levels = [strength(name) if name.count(" ") < 3 else Strength.NONE for name in names]
        if (
            head.start() < end
            or max(levels) < Strength.STRONG
            or (head["sign"] in ",;" and f"{head['sign']} " in head["names"])
        ):
            continue  # in a sentence a space follows the comma
        at = head.end()
        while (line := _LINE.match(text, at)) is not None:
            found = list(cells.finditer(line[1]))
            at, begin = line.end(), at
            if _RULE.fullmatch(line[1]):
                continue
            if len(found) != len(names):
                break
            for name, level, cell in zip(names, levels, found, strict=False):
                value = cell[0].strip('"| ')
                if value and _is_secret(value, level):
                    start = begin + cell.start() + cell[0].index(value)
                    pieces += (text[done:start], replace(f"value of {name}", value))
                    done = start + len(value)
        end = at
    pieces.append(text[done:])
    return "".join(pieces)


def _is_secret(value: str, level: Strength) -> bool:
    if level < Strength.PASSWORD:
        return level is Strength.STRONG and is_random(value)
    return not (is_harmless(value, level) or is_prose(value))


_INSERT = re.compile(
    r"(?i:\b(?:insert|replace)(?: or \w{1,10}| ignore)?(?: into)?) [\w.\"`\[\]]{1,100} ?\((?P<columns>[^()]{1,2000}+)\)\s{1,8}(?i:values)\s{0,8}"
)
_VALUE = re.compile(r"[NEeBx]?'(?P<text>(?:''|\\.|[^'\\]){0,4000}+)'|[^\s,'()]++(?:\([^()']{0,200}+\))?+")
_ROW_END = re.compile(r"\s{0,8}\)")
_NEXT = re.compile(r"\s{0,8},\s{0,8}")
# Of the statement, or of the parameters that SQLAlchemy prints after it.
_NEXT_ROW = re.compile(r"\s{0,8},?\s{0,8}\(\s{0,8}|[^\[\]()]{0,200}+\]\s{0,8}\[parameters: \[?\(")


def mask_statements(text: str, replace: Replace) -> str:
    if "VALUES" not in text and "values" not in text:
        return text
    pieces: list[str] = []
    done = 0
    for insert in _INSERT.finditer(text):
        names = [name.strip().strip('"`[]') for name in insert["columns"].split(",")]
        levels = [strength(name) for name in names]
        if insert.start() < done or max(levels) < Strength.STRONG:
            continue
        at = insert.end()
        while (row := _NEXT_ROW.match(text, at)) is not None:
            at = row.end()
            for name, level in zip(names, levels, strict=True):
                value = _VALUE.match(text, at)
                if value is None:
                    break
                if value["text"] and level >= Strength.STRONG and not is_harmless(value["text"], level):
                    start, end = value.span("text")
                    pieces += (text[done:start], replace(f"value of {name}", value["text"]))
                    done = end
                at = value.end()
                following = _NEXT.match(text, at)
                at = following.end() if following is not None else at
            end_of_row = _ROW_END.match(text, at)
            if end_of_row is None:
                break
            at = end_of_row.end()
    pieces.append(text[done:])
    return "".join(pieces)
