"""A text becomes the same TOML value with and without the parser."""

from __future__ import annotations

import sys
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.settings.texts import QuotedTextError, parse_text


def by_toml(text: str) -> Any:
    """What parse_text must return; a text with a line break may be more than one value, and then stays unchanged."""
    try:
        document = tomllib.loads(f"value = {text}")
    except ValueError:
        return QuotedTextError
    return document["value"] if len(document) == 1 else text


STRINGS = st.text(st.sampled_from("\"'\\ =,[]{}a"), max_size=4)
ITEMS = st.one_of(st.sampled_from(['"a"', "'b'", '"C:\\\\x"', '"a" = "b"', "'k'='v'", '"é" = "1"']), STRINGS)


@given(st.sampled_from(["[]", "{}"]), st.lists(ITEMS, max_size=4), st.sampled_from([",", ", ", " ,  "]))
def test_an_array_or_a_table_is_what_toml_says(brackets: str, items: list[str], comma: str) -> None:
    text = f"{brackets[0]}{comma.join(items)}{brackets[1]}"
    found = by_toml(text)
    assert parse_text(text) == (text if found is QuotedTextError else found)


def test_what_client_js_writes_needs_no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tomllib", None)
    assert parse_text('["C:\\\\app\\\\server.exe", "--port", "{port}"]') == ["C:\\app\\server.exe", "--port", "{port}"]
    assert parse_text('{"A" = "1", "B" = "x y"}') == {"A": "1", "B": "x y"}


@given(st.sampled_from("\"'"), st.text(st.one_of(st.sampled_from("\"'\\\t\n\u00a0a "), st.characters()), max_size=8))
def test_a_text_in_quotes_is_what_toml_says(quote: str, inner: str) -> None:
    text = f"{quote}{inner}{quote}"
    try:
        found = parse_text(text)
    except QuotedTextError:
        found = QuotedTextError
    assert found == by_toml(text)
