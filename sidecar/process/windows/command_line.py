"""Joins words to one Windows command line."""

_SPACE = frozenset(" \t")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./\\:@+#")
_CHANGED = frozenset('"%\r\n')  # by cmd.exe, even between quotation marks


def command_line(words: list[str]) -> str:
    """Returns a line that the C runtime, .NET and CommandLineToArgvW split into the same words (Parsing C command-line arguments)."""
    return " ".join(map(_quoted, words))


def batch_line(words: list[str]) -> str | None:
    """Returns a line with which cmd.exe runs only a batch file with these arguments; None: cmd.exe would change one of them."""
    # /d: no AutoRun commands of the user; /s: the text between the outermost quotation marks is taken literally.
    if any(not _CHANGED.isdisjoint(word) for word in words):
        return None
    program, *arguments = words
    quoted = [word if word and _PLAIN.issuperset(word) else f'"{word}{_trailing(word)}"' for word in arguments]
    line = " ".join([f'"{program}"', *quoted])
    return f'cmd.exe /d /e:on /v:off /s /c "{line}"'


def _quoted(word: str) -> str:
    if word and '"' not in word and _SPACE.isdisjoint(word):
        return word
    *parts, last = word.split('"')
    quotes = "".join(f'{part}{_trailing(part)}\\"' for part in parts)
    if word and _SPACE.isdisjoint(word):
        return quotes + last
    return f'"{quotes}{last}{_trailing(last)}"'


def _trailing(text: str) -> str:
    return "\\" * (len(text) - len(text.rstrip("\\")))
