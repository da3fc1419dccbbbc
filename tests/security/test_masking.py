"""Planted secrets are masked, harmless texts are left alone, and no text is slow."""

from __future__ import annotations

import html
import json
import re
import time
from base64 import b32encode, b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from sidecar.console.bundle import Bundle
from sidecar.errors import InvalidConfigError
from sidecar.observe.logs import BackendLog
from sidecar.settings.load import load
from sidecar.settings.masking import MASK, mask_command, mask_environment, mask_text, secrets_of, spellings
from tests.security.corpus import lines
from tests.security.planted import HARMLESS, MULTILINE, SHAPES, TOKENS, planted
from tests.support.backends import http_backend, script_backend
from tests.support.client import SidecarClient, failure
from tests.support.launch import run_sidecar, run_sidecar_here

PLANTED = list(planted())


def test_the_list_is_large() -> None:
    assert len(PLANTED) >= 150
    assert len(SHAPES.split("\n")) + len(MULTILINE) + len(TOKENS) >= 60
    assert len(HARMLESS) >= 100


def test_every_planted_secret_is_masked() -> None:
    shown = [(text, secret, mask_text(text)) for text, secret in PLANTED]
    assert [one for one in shown if one[1] in one[2] or MASK not in one[2]] == []
    assert [masked for *_, masked in shown if mask_text(masked) != masked] == [], "masked twice, they change"


def test_every_harmless_text_is_left_alone() -> None:
    assert [text for text in HARMLESS if mask_text(text) != text] == []


@pytest.mark.parametrize(
    ("names", "least"),
    [
        (("secrets.txt", "harmless.txt"), (500, 400)),
        # In command lines, calls, files of other programs, and what languages print.
        (("places.txt", "harmless_places.txt"), (600, 420)),
    ],
)
def test_of_further_lists_97_percent_are_masked_and_nothing_harmless_is(
    names: tuple[str, str], least: tuple[int, int]
) -> None:
    secrets, harmless = map(lines, names)
    assert len(secrets) >= least[0]
    assert len(harmless) >= least[1]
    left = [line.text for line in secrets if line.is_left_in(mask_text(line.text))]
    assert len(left) <= 0.03 * len(secrets), "\n".join(left)
    assert [line.text for line in harmless if mask_text(line.text) != line.text] == []


VARIABLES = {
    "SMTP_PASS": "Sommer26",
    "GITHUB_PAT": "abc123def456",
    "SESSION": "9d8f7a6b5c",
    "REDIS_PW": "opensesame",
    "BASIC_AUTH": "anna:geheim1",
    "PIN": "4711",
    "APP_SALT": "NaCl2026x",
    "JWT": "9a8b7c6d5e4f",
    "BEARER": "abcdef123456",
    "STRIPE_WEBHOOK": "wh_9a8b7c6d",
    "BACKUP_CODES": "11112222,33334444",
    "SEED_PHRASE": "apple banana cherry",
    "HTTP_PROXY": "http://anna:pw1234@proxy:3128",
    "dbPassword": "swordfish",
    "PGPASSWORD": "swordfish",
    "Auth__ClientSecret": "swordfish",
    "AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=aGVsbG8xMjM=;",
    "LOGIN": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_secret_variable_is_masked(name: str) -> None:
    shown = mask_environment({name: VARIABLES[name]})[name]
    assert MASK in shown
    secrets = secrets_of({name: VARIABLES[name]})
    assert all(secret not in shown for secret in secrets)
    assert shown == MASK or name in {"HTTP_PROXY", "AZURE_STORAGE_CONNECTION_STRING", "LOGIN"}


def test_harmless_variables_are_shown_and_never_searched_for_in_texts() -> None:
    """AUTH_ENABLED=true and a port behind a secret name once turned http://127.0.0.1:8080 into http://127.0.0.1:***."""
    env = {
        "GIT_AUTHOR_NAME": "Anna",
        "AUTH_ENABLED": "true",
        "MONKEY": "banana",
        "SESSION_PORT": "8080",
        "AUTH": "8080",
        "TOKEN": "8080",
        "XDG_SESSION_CLASS": "user",
        "KEY_FILE": "/etc/ssl/x.key",
    }
    assert mask_environment(env) == env
    text = "Anna eats a banana at http://127.0.0.1:8080, true"
    assert mask_text(text, secrets_of(env)) == text


@pytest.mark.parametrize("value", ["8080", "5432", "postgres", "admin"])
def test_a_password_that_is_a_port_or_a_common_word_is_masked_where_it_is_given_and_nowhere_else(value: str) -> None:
    assert mask_environment({"DB_PASSWORD": value}) == {"DB_PASSWORD": MASK}
    assert mask_text(f"listening on {value}", secrets_of({"DB_PASSWORD": value})) == f"listening on {value}"


SPELLINGS: dict[str, Callable[[str], str]] = {
    "json": json.dumps,
    "json of .NET": lambda text: '"' + re.sub(r"[\"&'+<>\\]|[^ -~]", _unit, text) + '"',
    "html": lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    "address": quote,
    "address in an address": lambda text: quote(quote(text, safe=""), safe=""),
    "address of .NET Framework": lambda text: re.sub("%..", lambda part: part[0].lower(), quote_plus(text)),
    "capitals": str.upper,
    "small letters": str.lower,
    "Base32": lambda text: b32encode(f"abc{text}:x".encode()).decode(),
    "Base32 in small letters": lambda text: b32encode(f"abcdef{text}".encode()).decode().lower(),
    "hexadecimal in capitals": lambda text: text.encode().hex().upper(),
    "two lines": lambda text: f"{text[:9]}\n    {text[9:]}",
    "hexadecimal": lambda text: text.encode().hex(),
    "Base64, first place": lambda text: b64encode(f"abc{text}:x".encode()).decode(),
    "Base64, second place": lambda text: b64encode(f"abcd{text}:x".encode()).decode(),
    "Base64, third place": lambda text: urlsafe_b64encode(f"abcde{text}:x".encode()).decode(),
}


def _unit(character: re.Match[str]) -> str:
    return "\\\\" if character[0] == "\\" else f"\\u{ord(character[0]):04X}"


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_known_secret_is_masked_as_other_programs_spell_it(name: str) -> None:
    secret = "aB+d/e=&f<g>'\"ü€Zk9%x\\y"  # without a name or a form that would give it away
    written = SPELLINGS[name](secret)
    shown = mask_text(f"got {written} there", spellings(secrets_of({"DB_PASSWORD": secret})))
    assert MASK in shown
    assert not any(written[at : at + 8] in shown for at in range(8, len(written) - 16))


def test_a_known_secret_of_several_lines_is_masked_line_by_line() -> None:
    lines_of_it = ["c2VjcmV0LWxpbmUtb25l", "bm90aGluZy1hYm91dC1pdA"]
    known = spellings(secrets_of({"SIGNING_KEY": "\n".join(lines_of_it)}))
    shown = mask_text("".join(f"12:00:01 INFO {line}\n" for line in lines_of_it), known)
    assert shown == f"12:00:01 INFO {MASK}\n" * 2


def test_a_known_secret_in_base64_is_masked_across_lines() -> None:
    secret = "swordFish-99+mackerel"
    written = encodebytes(f"{'before ' * 6}{secret}".encode()).decode()
    assert written.index("\n") < 80
    shown = mask_text(written, spellings(secrets_of({"DB_PASSWORD": secret})))
    assert shown == f"{written[:56]}{MASK}\n"


def test_a_text_that_ends_within_a_sentence_is_masked() -> None:
    assert mask_text("passwd: password ").startswith("passwd: ")


@pytest.mark.slow(reason="a second per thousand texts")
@pytest.mark.parametrize("name", ["harmless.txt", "harmless_places.txt", "places.txt", "secrets.txt"])
def test_a_text_that_is_cut_off_anywhere_raises_nothing(name: str) -> None:
    for line in lines(name):
        for cut in re.finditer(r"\W", line.text):
            mask_text(line.text[: cut.end()])
            mask_text(line.text[cut.start() :])


def test_a_secret_that_is_not_utf_8_is_masked_and_ends_no_log() -> None:
    """Its percent-encoded form raised for every line of the log, and for every crash report."""
    raw = b"sw\xe4rdf\xefsh99"  # as Latin-1 has it
    secret = raw.decode("utf-8", "surrogateescape")
    known = spellings(secrets_of({"DB_PASSWORD": secret, "API_TOKEN": "sword\ud83dfish99"}))
    for written in (secret, raw.decode("utf-8", "replace"), quote(raw), "sword\ud83dfish99"):
        assert mask_text(f"got {written} there", known) == f"got {MASK} there"


def test_what_powershell_wrote_as_utf_16_is_masked() -> None:
    shown = mask_text("before\n" + "password=Swordfish99\r\n".encode("utf-16-le").decode() + "after")
    assert "Swordfish99" not in shown.replace("\0", "")
    assert mask_text("A=1\0B=2\0C=3\0") == "A=1\0B=2\0C=3\0"  # an environment as Linux shows it


def test_a_seed_phrase_is_masked_whole() -> None:
    """A rule for names masked the first word, and nothing marked the other eleven as secret."""
    words = "abandon ability able about above absent absorb abstract absurd abuse access accident"
    assert mask_text(f"seed phrase: {words}\n") == f"seed phrase: {MASK}\n"


def test_what_a_line_of_a_program_calls_is_masked_at_most_once() -> None:
    text = "token = self._file.read(1)[0] & 0xF\nsize = self._file.read(1)[0] & 0x3\n"
    assert mask_text(text).endswith("\nsize = self._file.read(1)[0] & 0x3\n")


def test_the_line_behind_a_key_of_putty_stays() -> None:
    key = "Private-Lines: 1\nAAAAIV5aeLpEQc3j4t4k\nPrivate-MAC: 00"
    assert mask_text(key) == f"Private-Lines: {MASK}\nPrivate-MAC: 00"


COMMANDS = (
    ["x", "--password", "swordfish"],
    ["x", "--pass=swordfish"],
    ["x", "-p", "swordfish9x"],
    ["x", "/password:swordfish"],
    ["x", "-Dspring.datasource.password=swordfish"],
    ["x", "--header", "X-Api-Key: swordfish"],
    ["x", "--header", "Authorization: Custom swordfish"],
    ["x", "--db-url", "postgres://anna:swordfish@db/app"],
    ["x", '{"password":"swordfish"}'],
    ["x", "-e", "SMTP_PASS=swordfish"],
    ["x", "--connection-string", "Server=x;Password=swordfish"],
    ["curl", "-u", "anna:swordfish", "http://x"],
    ["curl", "-uanna:swordfish", "http://x"],
    ["mysql", "-u", "root", "-pswordfish", "app"],
    ["/usr/bin/redis-cli", "-a", "swordfish"],
    ["bash", "-c", "PGPASSWORD=swordfish psql"],
    ["sshpass", "-p", "swordfish", "ssh", "x"],
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_secret_word_of_a_command_is_masked(command: list[str]) -> None:
    assert "swordfish" not in " ".join(mask_command(command))


@pytest.mark.parametrize(
    "command",
    [
        ["docker", "run", "-p", "8080:80", "-u", "node:node", "nginx"],
        ["ssh", "-p", "2222", "anna@host"],
        ["mkdir", "-p", "build/out"],
        ["x", "--key-file", "/etc/x.key", "--token-ttl", "30", "--auth-enabled", "true"],
        ["node", "--max-tokens=512", "server.js", "--port", "8080"],
        ["python", "-m", "http.server", "8000"],
    ],
)
def test_a_harmless_command_is_left_alone(command: list[str]) -> None:
    assert mask_command(command) == command


# Slowness ---------------------------------------------------------------------------------------------------------------

PIECES = (
    *("eyJ-", "eyJ.", "a eyJ-", "password=", "key=key ", '"', '\\"', "\\", "a:", "a=", "://", "a@", "http://a:b/", "<a>", "</"),
    *("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----\n", "AAAA\n", "authorization: is ", "Authorization: a=", "cookie: "),
    *("-p ", "curl ", "mysql -pa\n", "login a ", "a", "a.", "a-", "1", "1.", "sk-", "ghp_", "$1$", "A3-", 'key=["a",', "key=[", "key={{"),
    *('name="key" ', 'password "a" ', "?s=a", "&s=", "password is ", 'password=\\"', "password='", "password=&quot;", "[;", "\x1b[0m"),
    *("key: |\n a\n", "key=1 ", "PASS ", "AUTH ", "machine a ", "a:1234:a:a:", "identified by ", "bearer ", "basic ", " ", "\n", "\t"),
    *("=>", "%22", "&quot;", "[", "{", "=,", "pat", "s.a1B", "xprv", "https://a:", "token|", "password for a ", "echo a|", "ü", "\x00"),
    *("set-cookie: a=b; c, d=e ", "authorization: bearer ", "cookie: a=b; c ", "x: string = ", "password={a;", "password=(", "пароль: "),
    *("%3A%2F%2Fa%3Ab", "net use ", "htpasswd -b a a ", "x://a:/@ ", "x://a:b/c@", "token:\n  a1", "a_b_", "ab_1A2", 'key=os.getenv("a'),
    *('""', "''", "password=''a", 'password=""a', ';s:8:"', "p\x00", "%253D", "a LOGIN a a\n", "seed: abc ", "abc ", "set-cookie: a; path=/, b="),
    *("curl -u \n", "vault unseal ", "rabbitmqctl add_user ", 'mysqli("a",', "jwt.sign(", "ACL SETUSER ", "<<<", "password ....", "/reset/1"),
    *('pragma key ="', "secret loaded: a", "_secret_", "00a", "(string) ", "sqlplus a/b@ ", "{password,\"a\"", '"password:" send "', "AKIA", "password for a (", "key loaded a "),
    *("%253A%252F%252Fa%253Ab", 'value="a" name=', "value: a name: b ", "? key\n", "eyJaaaaaaaaa\n", "eyJaaaaaaaaa\naaaaaaaaaaaaaaaaaaA1\n"),
    *('variable "key" {', "<key>key</key>", "identified by ", 'name="key" a="b" '),
    *("MIIaaIBA", "TOKEN    ", "password" + " " * 40, "--a:", "--key:a ", "auth('a', '", "UGFzc3dvcmQ6 ", "AUTH a ", "u+", "<<\""),
    *("INSERT INTO a (key) VALUES ('", "insert into a(token,b)values(1,", "('a',", "(b(", "key\n a input_value='", "key (a", "API key [", "<![CDATA["),
    *("password for a is ", "password=a1b2c3d4e5 ", "seed abandon ability ", "<key><![CDATA[", "os.environ[", 'key=env("a', "--key KEY "),
    *("a,password\n", "a,password\nb,c\n", '"a",', "|-", "login for a:", "4111 1111 1111 ", "4111111111111111 ", '"d":"aA1'),
    *("secrets:\n ", "secrets:\n a: ", "password:\n- ", "password:\n- a\n", "secrets:\n- a password:\n", '"secrets":{', "[secrets]\n", "[secrets]\na=1\n", "- a1b\n"),
)  # fmt: skip


@pytest.mark.parametrize("large", [16 * 1024, pytest.param(64 * 1024, marks=pytest.mark.slow)])
@pytest.mark.parametrize("part", range(4))
def test_no_text_takes_longer_than_its_length(part: int, large: int) -> None:
    """Eight times the text takes about eight times the time; a quadratic search would take 64 times."""

    def seconds(piece: str, size: int) -> float:
        text = piece * (size // len(piece))
        begin = time.thread_time()
        mask_text(text)
        return time.thread_time() - begin

    def is_slow(piece: str) -> bool:
        took = seconds(piece, large)
        if took < 0.05:
            return False
        limit = min(1.0, 20 * seconds(piece, large // 8) + 0.05)
        return took >= limit and seconds(piece, large) >= limit  # a second time, as the machine is shared

    assert [piece for piece in PIECES[part::4] if is_slow(piece)] == []


def test_a_value_of_backslashes_takes_no_longer_than_its_length() -> None:
    """Each of them was looked at once for each before it: 64 KiB, which a crash report has, took half a minute."""
    begin = time.thread_time()
    mask_text('password="' + "\\" * 65_536)
    assert time.thread_time() - begin < 1


@pytest.mark.parametrize("piece", ["a", 'x="""', "x='''a", '"a', "x = \n", '"--a",\n', '"--a", # \n', "x='", "-"])
def test_no_file_of_settings_takes_longer_than_its_length(piece: str) -> None:
    """64 KiB of letters took 38 s of the bundle, and 2 MiB would have taken hours."""
    begin = time.thread_time()
    mask_text(piece * (65_536 // len(piece)))
    assert time.thread_time() - begin < 1


async def test_the_output_in_a_crash_report_begins_with_a_whole_line(tmp_path: Path) -> None:
    """Nothing would show what half a token is."""
    log = BackendLog(tmp_path, pytest.fail)
    log.begin_run(1)
    log.write("stdout", b"password=Swordfish99Swordfish\n" + b"y" * 65_520 + b"\nlast\n")
    assert b"fish" not in log.tail()
    assert log.tail().endswith(b"y\nlast\n")
    for length in range(65_480, 65_520, 3):  # a line of JSON, longer than what is kept
        log.begin_run(2)
        log.write("stdout", b'{"a":"b","db_password":"Swordfish99Swordfish","c":"' + b"z" * length + b'"}\n')
        assert b"fish" not in mask_text(log.tail().decode()).encode()
        assert len(log.tail()) > 65_400
    assert await log.close(60)


async def test_a_word_of_the_command_that_a_variable_knows_as_secret_is_shown_nowhere(tmp_path: Path) -> None:
    """As `app $API_TOKEN` passes it: nothing but the variable says what it is. A page sees the command in backend:status."""
    backend = script_backend("import time; time.sleep(600)")
    settings = {"backend.health_path": "/health?who=swordfish-mackerel", "backend.cwd": str(tmp_path)}
    client = SidecarClient(
        [*backend, "swordfish-mackerel"], settings=settings, env={"API_TOKEN": "swordfish-mackerel"}, data=tmp_path
    )
    async with client:
        await client.state("STARTING")
        shown = [await client.call(name) for name in ("backend:status", "sidecar:info")]
        assert "swordfish" not in repr(shown)
        assert repr(shown).count(MASK) >= 2
    done = run_sidecar(
        *("call", "sidecar:ping", "--", *backend, "swordfish-mackerel"),
        env={"API_TOKEN": "swordfish-mackerel", "XDG_DATA_HOME": str(tmp_path / "state")},
        encoding=None,
    )
    assert done.returncode == 0
    kept = [path.read_text() for path in (tmp_path / "state").rglob("backend.json")]
    assert "swordfish" not in "".join(kept)


async def test_a_known_secret_in_a_folder_or_a_path_is_shown_in_no_answer(tmp_path: Path) -> None:
    folder = tmp_path / "swordfish-mackerel"
    folder.mkdir()
    settings = {"backend.cwd": str(folder), "restart.attempts": 0}
    env = {"API_TOKEN": "swordfish-mackerel"}
    async with SidecarClient(http_backend(), settings=settings, env=env, data=tmp_path) as client:
        await client.state("RUNNING")
        assert (await client.call("backend:status"))["folder"] == str(tmp_path / MASK)
    missing = [str(folder / "missing")]
    settings = {"backend.autostart": False}
    async with SidecarClient(missing, settings=settings, env=env, data=tmp_path) as client:
        failed = await failure(client.call("backend:start"))
        assert failed.data == {"path": str(tmp_path / MASK / "missing")}
        assert "mackerel" not in repr((failed.message, failed.hint, client.events))


def test_a_mistake_in_the_settings_shows_no_known_secret() -> None:
    with pytest.raises(InvalidConfigError) as wrong:
        load(overrides=["timeouts.startup=swordfish-mackerel"], environ={"API_TOKEN": "swordfish-mackerel"})
    assert f"timeouts.startup is {json.dumps(MASK)}" in str(wrong.value)


def test_a_tool_keeps_no_secret_of_the_backends_variables(tmp_path: Path) -> None:
    done = run_sidecar_here(
        *(
            "call",
            "sidecar:ping",
            "--set",
            "backend.autostart=false",
            "--set",
            'backend.env={API_TOKEN="swordfish-mackerel"}',
        ),
        *("--", *script_backend(""), "swordfish-mackerel"),
        env={"XDG_DATA_HOME": str(tmp_path)},
    )
    assert done.returncode == 0
    (kept,) = (path.read_text() for path in tmp_path.rglob("backend.json"))
    assert MASK in kept
    assert "mackerel" not in kept


async def test_a_secret_that_is_coloured_in_part_is_shown_nowhere(tmp_path: Path) -> None:
    """What takes the escapes out joined it again, after the masking: in the crash report, and in a dialog that shows the answer."""
    code = "import os, time; time.sleep(0.5); s = os.environ['API_TOKEN']; print(s[:6] + '\\x1b[1;31m' + s[6:] + '\\x1b[m', flush=True); os._exit(3)"
    settings = {"backend.autostart": False, "restart.attempts": 0}
    backend, env = script_backend(code), {"API_TOKEN": "swordfish-mackerel"}
    async with SidecarClient(backend, settings=settings, env=env, data=tmp_path) as client:
        failed = await failure(client.call("backend:start"))
        assert failed.data is not None
        assert failed.data["output"].strip() == MASK
        (crash,) = await client.call("backend:crashReports")
        report = await client.call("backend:crashReport", {"name": crash["name"]})
    assert "mackerel" not in repr(report)
    shown = Bundle(
        [], {"logs": str(tmp_path / "logs")}, ["--set", 'backend.env={API_TOKEN="swordfish-mackerel"}']
    ).texts
    assert MASK in shown["logs/backend/backend-000001.log"]
    assert "mackerel" not in repr(shown)


async def test_a_secret_in_a_path_of_an_endpoint_is_shown_in_no_answer(tmp_path: Path) -> None:
    """A page sees the hint of a failed request, what a start waited for, and the diagnosis."""
    paths = {f"backend.{name}_path": f"/{name}/swordfish-mackerel" for name in ("info", "health", "shutdown")}
    late = {"timeouts.startup": 2, "restart.attempts": 0, "timeouts.shutdown_request": 0.1}
    env = {"API_TOKEN": "swordfish-mackerel"}
    async with SidecarClient(http_backend(), settings=paths, env=env, data=tmp_path) as client:
        await client.state("RUNNING")
        asked = await failure(client.call("backend:info"))
        assert asked.hint == f"The backend has no /info/{MASK}; correct that path in the settings."
        checks = await client.call("backend:diagnose")
        assert MASK in repr(checks)
        assert "mackerel" not in repr(checks)
    live = {"backend.live_path": "/live/swordfish-mackerel", "backend.autostart": False}
    async with SidecarClient(http_backend(), settings={**paths, **late, **live}, env=env, data=tmp_path) as client:
        failed = await failure(client.call("backend:start"))
        assert f"/live/{MASK}" in failed.message
        assert "mackerel" not in repr((failed.message, failed.hint, client.events))
