"""A text in quotes is the TOML string that it is, whether or not the parser is asked."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sidecar.settings.texts import QuotedTextError, parse_text


def by_toml(text: str) -> Any:
    """As parse_text gives it; a text with a line break may be more than one value, and then stays as it is."""
    try:
        document = tomllib.loads(f"value = {text}")
    except ValueError:
        return QuotedTextError
    return document["value"] if len(document) == 1 else text


@given(st.sampled_from("\"'"), st.text(st.one_of(st.sampled_from("\"'\\\t\n\u00a0a "), st.characters()), max_size=8))
def test_a_text_in_quotes_is_what_toml_says(quote: str, inner: str) -> None:
    text = f"{quote}{inner}{quote}"
    try:
        found = parse_text(text)
    except QuotedTextError:
        found = QuotedTextError
    assert found == by_toml(text)
