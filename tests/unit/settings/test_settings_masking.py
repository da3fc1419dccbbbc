from __future__ import annotations

import codecs

import msgspec
import pytest

from sidecar.settings.load import load
from sidecar.settings.masking import (
    MASK,
    mask_command,
    mask_environment,
    mask_text,
    masked,
    secrets_of,
    spellings,
)


def test_an_environment_is_shown_without_secrets_and_an_empty_secret_is_seen_to_be_empty() -> None:
    env = {"API_KEY": "hush", "EMPTY_TOKEN": "", "HOME": "/home/me", "DATABASE": "postgres://me:hush@host/db?x=1"}
    assert mask_environment(env) == {
        "API_KEY": MASK,
        "EMPTY_TOKEN": "",
        "HOME": "/home/me",
        "DATABASE": f"postgres://{MASK}@host/db?x=1",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Server=x;User=me;Password=hush;Port=5", "Server=x;User=me;Password=***;Port=5"),
        ('{"api_key": "hush", "a": 1}', '{"api_key": "***", "a": 1}'),
        ("GET http://me:hush@127.0.0.1:5/x?token=hush&a=1", "GET http://***@127.0.0.1:5/x?token=***&a=1"),
        ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer ***"),
        ("MY_API_TOKEN=hush", "MY_API_TOKEN=***"),
        ('{"db_password": "hu sh; x", "a": 1}', '{"db_password": "***", "a": 1}'),
        (r"{\"client_secret\":\"hush\",\"a\":1}", r"{\"client_secret\":\"***\",\"a\":1}"),
        ("password='it is hush'", "password='***'"),
        ('password="it is hush and the text ends', 'password="***'),
        ('{"password": "hu\\"sh", "a": 1}', '{"password": "***", "a": 1}'),
        (r"{\"token\":\"hu\\\"sh\",\"a\":1}", r"{\"token\":\"***\",\"a\":1}"),
        (r"PASSWORD=hu\sh", "PASSWORD=***"),
        (r'"PASSWORD=hush\" and more"', r'"PASSWORD=***\" and more"'),
        ("Set-Cookie: session=hush; Path=/", "Set-Cookie: ***; Path=/"),
        ("ConnectionString: hush", "ConnectionString: ***"),
        ("key sk-proj-abcdefghijklmnop1234 was refused", "key *** was refused"),
        ("token is eyJhbGciOiJI.eyJzdWIiOiIx.abc-def", "token is ***"),
        ("used 512 tokens, 3 secrets", "used 512 tokens, 3 secrets"),
        ("http://127.0.0.1:5005/a@b", "http://127.0.0.1:5005/a@b"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_a_text_loses_what_is_assigned_to_passwords_and_credentials_in_addresses(text: str, expected: str) -> None:
    assert mask_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        'password="hush"',
        "password='hush'",
        "password='hush",
        "PASSWORD=hush\\",
        'password="hush\\',
        '{"token": "hu\\"sh"}',
        'token="hush\nnext',
    ],
)
def test_a_json_text_stays_a_text(text: str) -> None:
    masked_text = mask_text(msgspec.json.encode({"output": text, "next": 1}).decode())
    assert "sh" not in masked_text
    assert msgspec.json.decode(masked_text)["next"] == 1


def test_a_secret_is_masked_after_a_wrong_decoding() -> None:
    for encoding in ("cp1252", "cp850"):
        for errors in ("replace", "surrogateescape"):
            text = "hüsh-hush".encode(encoding).decode("utf-8", errors)
            assert mask_text(text, spellings(["hüsh-hush"])) == MASK


def test_a_secret_is_masked_where_windows_reads_one_code_page_as_another() -> None:
    """The codec of the console, which only Windows has, reads what programs print in that of the windows."""

    def oem(name: str) -> codecs.CodecInfo | None:
        return codecs.lookup("cp850") if name == "oem" else None

    codecs.register(oem)
    try:
        assert mask_text("hüsh-hush".encode("cp1252").decode("oem"), spellings(["hüsh-hush"])) == MASK
    finally:
        codecs.unregister(oem)


def test_a_text_loses_the_values_of_secret_variables() -> None:
    env = {"API_KEY": "abcd-efgh", "OTHER_TOKEN": "abcd", "SHORT_KEY": "a", "HOME": "/home/me"}
    assert secrets_of(env) == ["abcd-efgh", "abcd"]
    assert mask_text("abcd-efgh, abcd, a and /home/me", secrets_of(env)) == "***, ***, a and /home/me"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["x", "--api-key=hush", "--port=5"], ["x", "--api-key=***", "--port=5"]),
        (["x", "--api-key", "hush", "--port", "5"], ["x", "--api-key", "***", "--port", "5"]),
        (["x", "--token", "--port", "5"], ["x", "--token", "--port", "5"]),
        (["/opt/keys/server", "run"], ["/opt/keys/server", "run"]),
        (["x", "ConnectionStrings:Default=hush"], ["x", "ConnectionStrings:Default=***"]),
    ],
)
def test_a_command_is_shown_without_secret_arguments(command: list[str], expected: list[str]) -> None:
    assert mask_command(command) == expected


def test_settings_are_shown_except_for_the_secrets() -> None:
    overrides = ["backend.env.API_KEY=hush", "backend.env.MODE=fast"]
    plain = masked(load(environ={}, overrides=overrides, command=["x", "--password=hush"]).settings)
    assert "hush" not in str(plain)
    assert plain["backend"]["env"] == {"API_KEY": MASK, "MODE": "fast"}
    assert plain["timeouts"]["startup"] == 60.0
    assert plain["profile"] == "generic"
