"""What a terminal would show of a program's output. Pure."""

import re

# Patterns are compiled at first use, and re caches them: a successful start never needs them.
_HOME = rb"\x1b\[[01]?G"
# ECMA-48: control sequences (CSI), operating system commands (OSC) and the other escapes of two characters; the other
# C0 and C1 controls mean nothing in a line either; bidirectional controls would reach beyond it. Tab is text.
_CONTROL = (
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def home_as_return(output: bytes) -> bytes:
    """Replaces each sequence that moves the cursor to the first column (CHA, ECMA-48 8.3.9) with a carriage return."""
    return re.sub(_HOME, b"\r", output) if b"\x1b[" in output else output


def without_controls(text: str) -> str:
    """Removes control sequences and control characters except line ends and tabs; a backspace deletes a character."""
    if text.isprintable():  # the common case, without a regular expression
        return text
    if "\b" in text:
        kept: list[str] = []
        for character in text:
            if character != "\b":
                kept.append(character)
            elif kept and kept[-1] not in "\r\n":
                kept.pop()
        text = "".join(kept)
    return re.sub(_CONTROL, "", text)


def without_half(output: bytes) -> bytes:
    """Drops the partial first line of output that was cut off; if it is the only line, its first word (a word of 4 KiB is not a secret)."""
    # Half a secret would not be recognised, nor a whole one whose name was cut off.
    return output.partition(b"\n")[2] or re.sub(rb"\A[^\s,;&]{0,4096}+[\s,;&]", b"", output)
