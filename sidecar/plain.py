"""Makes untrusted text safe to show: removes terminal control sequences and bidirectional controls."""

_SHOWN = {"\n": " ⏎ ", "\t": " "}


def one_line(text: str) -> str:
    """The text without line breaks, and without control characters (C0, DEL, C1), bidirectional controls and lone surrogates."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _SHOWN.get(c, "\ufffd") for c in text)


def printable(text: str) -> str:
    return text if text.isprintable() else "\n".join(map(one_line, text.split("\n")))


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def encodable(text: str) -> str:
    """The text without lone surrogates, which stand for bytes of a file name that are not UTF-8 and cannot be encoded."""
    return text if text.isascii() else "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


def escaped_json(document: str) -> str:
    """The JSON document with unprintable characters escaped. Line breaks stay, because JSON strings contain none."""
    if document.isprintable():
        return document
    return "".join(c if c.isprintable() or c == "\n" else _escape(c) for c in document)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
