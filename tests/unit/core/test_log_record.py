from __future__ import annotations

import pytest

from sidecar.core.last_line import readable


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('{"level":50,"time":1,"msg":"no config"}', "ERROR: no config"),
        ('{"level":"fatal","msg":"cannot start","error":"open x: denied"}', "FATAL: cannot start\nopen x: denied"),
        ('{"level":60,"msg":"x","err":{"message":"x","stack":"Error: x\\n    at f (a.js:1)"}}', "FATAL: x\nError: x"),
        (
            '{"@t":"1","@l":"Error","@mt":"ended","@x":"System.Exception: x\\n   at A.B()"}',
            "ERROR: ended\nSystem.Exception: x",
        ),
        ('{"s":"E","msg":"ended","attr":{"error":"DBPathInUse"}}', "ERROR: ended\nDBPathInUse"),
        ('{"level":"info","msg":"first\\nsecond"}', "INFO: first second"),
        ('{"error":"x"}', "x"),
        ('{"level":["odd"],"msg":"x"}', "['ODD']: x"),
    ],
)
def test_a_record_in_json_becomes_the_text_that_it_is(line: str, text: str) -> None:
    assert readable(line) == text


@pytest.mark.parametrize("line", ["", "{", "{}", '{"a":1}', "{not json}", "text", "[1]", '{"msg":1}', "{" * 9999 + "}"])
def test_any_other_line_stays_as_it_is(line: str) -> None:
    assert readable(line) == line
