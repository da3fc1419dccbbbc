"""Secrets that are known word for word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_MIN_SECRET = 4  # characters; shorter ones occur by chance in any text


def mask_known(text: str, secrets: Iterable[str], replace: Callable[[str, str], str]) -> str:
    """The text without the given secrets, the longest first; one that is a word is found as a word."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) < _MIN_SECRET or secret not in text:
            continue
        before = r"(?<![A-Za-z0-9])" if secret[0].isalnum() and len(secret) < 8 else ""
        after = r"(?![A-Za-z0-9])" if secret[-1].isalnum() and len(secret) < 8 else ""
        text = re.sub(before + re.escape(secret) + after, lambda found: replace("a known secret", found[0]), text)
    return text
