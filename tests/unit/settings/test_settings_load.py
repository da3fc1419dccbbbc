from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import pytest

from sidecar.errors import InvalidConfigError
from sidecar.settings.load import load
from sidecar.settings.model import Settings
from tests.support.launch import run


def mistakes(**given: object) -> list[str]:
    with pytest.raises(InvalidConfigError) as caught:
        load(**{"environ": {}, **given})  # type: ignore[arg-type]
    title, *lines = caught.value.message.splitlines()
    assert title.startswith("The settings")
    assert caught.value.exit_status == 78
    return [line.removeprefix("- ") for line in lines]


def file(folder: Path, text: str) -> str:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_without_any_source_the_generic_profile_is_in_force_and_nothing_is_auras() -> None:
    settings = load(environ={"AURA_LAUNCH_BACKEND": "false", "AURA_BACKEND_URL": "nonsense"}).settings
    assert settings == Settings()
    assert settings.profile == "generic"
    assert "aura" not in msgspec.json.encode(settings).decode().lower()


def test_a_profile_stands_above_the_defaults() -> None:
    settings = load(profile="aura", environ={}).settings
    assert settings.backend.live_path == settings.backend.health_path == "/health/live"
    assert settings.backend.events_path == "/api/jobs/{id}/events"
    assert settings.backend.volatile_keys == ("lastUpdated",)
    assert settings.timeouts == Settings().timeouts


def test_the_generic_profile_has_no_endpoints() -> None:
    backend = load(environ={}, profile="generic").settings.backend
    assert [getattr(backend, name) for name in backend.__struct_fields__ if name.endswith("_path")] == [""] * 9


def test_flags_outrank_the_environment_which_outranks_the_file_which_outranks_the_profile(tmp_path: Path) -> None:
    config = file(tmp_path, '[backend]\nready_path = "/file"\nlive_path = "/file"\ninfo_path = "/file"\n')
    environ = {"SIDECAR_BACKEND__READY_PATH": "/environment", "SIDECAR_BACKEND__LIVE_PATH": "/environment"}
    loaded = load(config=config, profile="aura", environ=environ, overrides=["backend.ready_path=/flag"])
    backend = loaded.settings.backend
    assert (backend.ready_path, backend.live_path, backend.info_path) == ("/flag", "/environment", "/file")
    assert backend.version_path == "/api/version"
    assert loaded.origins["backend.ready_path"] == "--set backend.ready_path"
    assert loaded.origins["backend.live_path"] == "SIDECAR_BACKEND__LIVE_PATH"
    assert loaded.origins["backend.info_path"] == f"{config}, line 4"
    assert "backend.version_path" not in loaded.origins


@pytest.mark.parametrize(
    ("flag", "override", "variable", "line", "expected"),
    [
        (None, [], {}, "", "generic"),
        (None, [], {}, 'profile = "aura"', "aura"),
        (None, [], {"SIDECAR_PROFILE": "generic"}, 'profile = "aura"', "generic"),
        (None, ["profile=generic"], {"SIDECAR_PROFILE": "aura"}, "", "generic"),
        (None, ['profile="generic"'], {"SIDECAR_PROFILE": "aura"}, "", "generic"),
        ("aura", ["profile=generic"], {"SIDECAR_PROFILE": "generic"}, "", "aura"),
    ],
)
def test_the_profile_is_chosen_by_the_strongest_source(
    *, tmp_path: Path, flag: str | None, override: list[str], variable: dict[str, str], line: str, expected: str
) -> None:
    loaded = load(config=file(tmp_path, line), profile=flag, overrides=override, environ=variable)
    assert loaded.settings.profile == expected


def test_the_words_after_the_dashes_are_the_command_above_all_other_sources() -> None:
    overrides = ['backend.command=["other"]']
    loaded = load(environ={}, overrides=overrides, command=["server", "--port", "{port}"])
    assert loaded.settings.backend.command == ("server", "--port", "{port}")
    assert loaded.origins["backend.command"] == "command line"


@pytest.mark.parametrize(
    ("override", "section", "key", "expected"),
    [
        ("backend.port=5005", "backend", "port", 5005),
        ("backend.port=reported", "backend", "port", "reported"),
        ('backend.port="auto"', "backend", "port", "auto"),
        ("backend.autostart=false", "backend", "autostart", False),
        ("timeouts.startup=2", "timeouts", "startup", 2.0),
        ("timeouts.startup=1e1", "timeouts", "startup", 10.0),
        ("timeouts.startup=20s", "timeouts", "startup", 20.0),
        ("timeouts.startup='500ms'", "timeouts", "startup", 0.5),
        ("timeouts.startup=1.5 m", "timeouts", "startup", 90.0),
        ("resources.interval=1h", "resources", "interval", 3600.0),
        ("limits.memory=512MB", "limits", "memory", 512_000_000),
        ("limits.memory=1.5GiB", "limits", "memory", 1_610_612_736),
        ("resources.memory_limit=64kib", "resources", "memory_limit", 65_536),
        ("app.version=20s", "app", "version", "20s"),
        ("backend.command=['a', \"b\"]", "backend", "command", ("a", "b")),
        ("app.version=1.10", "app", "version", "1.10"),
        ("app.version=007", "app", "version", "007"),
        ("app.version=true", "app", "version", "true"),
        ("app.version=2026-01-01", "app", "version", "2026-01-01"),
        (r"paths.data=C:\Users\x", "paths", "data", r"C:\Users\x"),
        (r"paths.data='C:\Users\x'", "paths", "data", r"C:\Users\x"),
        ("paths.data=a = b", "paths", "data", "a = b"),
        ("paths.data=1\nb = 2", "paths", "data", "1\nb = 2"),
        ("paths.data=[broken", "paths", "data", "[broken"),
        ("backend.live_path=", "backend", "live_path", ""),
    ],
)
def test_an_override_takes_a_toml_value_else_the_plain_text(
    override: str, section: str, key: str, expected: object
) -> None:
    value = getattr(getattr(load(environ={}, overrides=[override]).settings, section), key)
    assert value == expected
    assert type(value) is type(expected)


def test_variables_of_the_backend_are_texts_and_add_up_over_all_sources(tmp_path: Path) -> None:
    config = file(tmp_path, '[backend.env]\nA = "file"\nB = "file"\n"With.Dot" = "file"\n')
    environ = {"SIDECAR_BACKEND__ENV": '{B = "table"}', "SIDECAR_BACKEND__ENV__Level__Some.Thing": "5"}
    overrides = ["backend.env.Logging__LogLevel__Microsoft.Hosting.Lifetime=Warning", 'backend.env.Q="quoted"']
    assert load(config=config, environ=environ, overrides=overrides).settings.backend.env == {
        "A": "file",
        "B": "table",
        "With.Dot": "file",
        "Level__Some.Thing": "5",
        "Logging__LogLevel__Microsoft.Hosting.Lifetime": "Warning",
        "Q": "quoted",
    }


def test_every_mistake_of_every_source_is_in_the_one_error(tmp_path: Path) -> None:
    config = file(
        tmp_path, "[backend]\nprot = 1\nport = 70000\n[backend.env]\nA = 1\n[time]\nx = 1\n[restart]\nattempts = true\n"
    )
    found = mistakes(
        config=config,
        profile="aurra",
        overrides=["nonsense", "backend.live_path=x"],
        environ={
            "SIDECAR_PROFILE": "aura",
            "SIDECAR_BACKEND__MANAGED": "perhaps",
            "AURA_BACKEND_STARTUP_TIMEOUT_MS": "soon",
        },
    )
    expected = [
        "AURA_BACKEND_STARTUP_TIMEOUT_MS: is 'soon'; allowed: a number of milliseconds",
        "--set nonsense: not understood; write --set section.key=value",
        f"{config}, line 2: unknown setting backend.prot; did you mean backend.port?",
        f'{config}, line 3: backend.port is 70000; allowed: "auto" or "reported" or a whole number from 1 to 65535',
        f"{config}, line 5: backend.env.A is 1; allowed: a string",
        f"{config}, line 7: unknown section [time]; did you mean timeouts?",
        f"{config}, line 9: restart.attempts is true; allowed: a whole number from 0 to 1000000",
        'SIDECAR_BACKEND__MANAGED: backend.managed is "perhaps"; allowed: true or false',
        '--profile: profile is "aurra"; allowed: "generic" or "aspnet" or "aura"; did you mean aura?',
        '--set backend.live_path: backend.live_path is "x"; allowed: a path that starts with / and has no spaces, or an empty string',
    ]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    ("override", "reported"),
    [
        ("backend.live_path=C:/Program Files/Git/live", "Git Bash changes /path to this"),
        ("timeouts.startup=0", "timeouts.startup is 0; allowed: a number of seconds above 0, at most 86400"),
        ("timeouts.startup=nan", "timeouts.startup is nan; allowed: a number of seconds above 0, at most 86400"),
        ("timeouts.startup=1e999", "timeouts.startup is inf; allowed: a number of seconds above 0, at most 86400"),
        ("timeouts.restart_delay=nan", "timeouts.restart_delay is nan; allowed: a number of seconds from 0 to 86400"),
        ("timeouts.startup=inf", "allowed: a number of seconds above 0, at most 86400"),
        ("timeouts.startup=soon", 'timeouts.startup is "soon"; allowed: a number of seconds above 0, at most 86400'),
        (
            "timeouts.startup=20x",
            'is "20x"; allowed: a number of seconds above 0, at most 86400, or a string with a unit, as in "20s"',
        ),
        ("timeouts.startup=2MB", 'is "2MB"; allowed: a number of seconds'),
        ("timeouts.startup=0s", 'timeouts.startup is "0s"; allowed: a number of seconds above 0'),
        ("limits.memory=20s", 'is "20s"; allowed: a whole number of bytes from 0'),
        ("limits.memory=0.5B", 'or a string with a unit, as in "512MB" or "1GiB"'),
        ("restart.attempts=3s", 'restart.attempts is "3s"; allowed: a whole number from 0 to 1000000'),
        ("restart.attempts=1.5", "restart.attempts is 1.5; allowed: a whole number from 0 to 1000000"),
        ("restart.attempts=" + "9" * 5000, "allowed: a whole number from 0 to 1000000"),
        ("restart.attempts=99999999999999999999", "allowed: a whole number from 0 to 1000000"),
        ('backend.port="5005"', 'backend.port is "5005"; allowed: "auto" or "reported" or a whole number'),
        ("backend.host=0.0.0.0", 'backend.host is "0.0.0.0"; allowed: "127.0.0.1"'),
        ("backend.command=server", 'backend.command is "server"; allowed: a list of strings, as in ["a", "b"]'),
        ("backend.command=['']", "backend.command starts with an empty string"),
        ("backend.env=5", "backend.env is 5; allowed: a table of strings"),
        ("log.level=loud", 'log.level is "loud"; allowed: "debug" or "error" or "info"'),
        ("limits.cpu_nice=40", "limits.cpu_nice is 40; allowed: a whole number from -20 to 19"),
        ("backend.reported_pattern='('", "backend.reported_pattern is not a regular expression"),
        ("backend.reported_pattern='listening'", "backend.reported_pattern has 0 groups; allowed: exactly one"),
        ("backend.events_path=/a b", "allowed: a path that starts with /"),
        ("backend.env.A=x\0y", "backend.env has the variable"),
        ('paths.data="C:\\Users\\x"', "is not a TOML string; omit the quotes, or use single quotes"),
        ("profile=5", 'profile is "5"; allowed: "generic" or "aspnet" or "aura"'),
        ("backend.PORT=5", "unknown setting backend.PORT; did you mean backend.port?"),
        ("bakend.port=5", "unknown section [bakend]; did you mean backend?"),
        ("backend=5", "not understood; write --set section.key=value"),
        ("app.mode.x=5", "unknown setting app.mode.x; did you mean app.mode?"),
    ],
)
def test_a_wrong_value_is_reported_with_its_origin_what_was_given_and_what_is_allowed(
    override: str, reported: str
) -> None:
    (mistake,) = mistakes(overrides=[override])
    assert mistake.startswith(f"--set {override.partition('=')[0]}:")
    assert reported in mistake


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("profile = ['aura']\n", 'line 1: profile is ["aura"]; allowed: "generic" or "aspnet" or "aura"'),
        ("[backend\n", "is not valid TOML: Expected ']'"),
        ('[backend]\ncwd = "C:\\app"\n', "write a Windows path in single quotes"),
        ("a = 1\na = 2\n", "is not valid TOML: Cannot overwrite a value (at line 2"),
        ("[log]\n[log]\n", "Cannot declare [log] twice (at line 2, column 5); a section and each of its settings"),
        ("[backend]\nautostart = True\n", "a text needs quotes; write true and false in lower case"),
        ("// mine\n[backend]\n", "; a comment starts with #"),
        ('{"backend": {}}\n', "; a settings file is always TOML, not JSON or YAML"),
        ("backend:\n  port: 5\n", "; a settings file is always TOML, not JSON or YAML"),
        ("port = 1\n", "line 1: port is outside any section"),
        ("[nothing]\n", "line 1: unknown section [nothing]"),
        ("[backend]\nenv.A = 5\n", "line 2: backend.env.A is 5"),
        ("[backend]\nenv = { A = 5 }\n", "line 2: backend.env.A is 5"),
        ('[backend]\n"port" = 0 # none\n', "line 2: backend.port is 0"),
        ("backend.port = 0\n", "line 1: backend.port is 0"),
        ("[backend.env]\n'A.B' = 5\n", "line 2: backend.env.A.B is 5"),
        ("[backend]\nport = [1,\n2]\n", "line 2: backend.port is [1,2]"),
    ],
)
def test_a_mistake_in_the_file_is_reported_with_its_line(tmp_path: Path, text: str, reported: str) -> None:
    config = file(tmp_path, text)
    (mistake,) = mistakes(config=config)
    assert mistake.startswith(config)
    assert reported in mistake


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("app.json", '{"backend": {"port": 5005}}'),
        ("app.yaml", "backend:\n  port: 5005\n"),
        ("app.YML", "backend: 1\n"),
    ],
)
def test_a_file_named_as_json_or_yaml_is_reported_as_the_wrong_format(tmp_path: Path, name: str, text: str) -> None:
    config = tmp_path / name
    config.write_text(text, encoding="utf-8")
    (mistake,) = mistakes(config=str(config))
    assert mistake.startswith(f"{config}: is not valid TOML: ")
    assert mistake.endswith("; a settings file is always TOML, not JSON or YAML")


def test_only_a_file_with_another_extension_gets_the_hint_about_its_format(tmp_path: Path) -> None:
    (mistake,) = mistakes(config=file(tmp_path, "[backend\n"))
    assert "JSON" not in mistake


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = str(tmp_path / "missing.toml")
    assert mistakes(config=missing) == [f"{missing}: cannot be read: No such file or directory"]
    monkeypatch.chdir(tmp_path)
    assert mistakes(config="no.toml") == [
        f"no.toml: cannot be read: No such file or directory (working folder: {tmp_path})"
    ]
    assert mistakes(config=str(tmp_path))[0].startswith(f"{tmp_path}: cannot be read: ")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"[backend]\n\xff")
    assert mistakes(config=str(binary)) == [f"{binary}: is not UTF-8 text (byte 10)"]
    binary.write_bytes("[backend]\r\n".encode("utf-16"))
    assert mistakes(config=str(binary)) == [f"{binary}: is UTF-16, as PowerShell writes it: save it as UTF-8"]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes have no paths of this kind")
def test_a_pipe_is_refused_and_the_null_device_is_an_empty_file() -> None:
    """``--config <(…)``: an early start would read all of it, and the settings themselves would then be empty; a FIFO may never open."""
    read, write = os.pipe()
    os.write(write, b"[backend]\nport = 5005\n")
    os.close(write)
    try:
        (mistake,) = mistakes(config=f"/dev/fd/{read}")
    finally:
        os.close(read)
    assert mistake == f"/dev/fd/{read}: cannot be read: it is not a file but a pipe or a device"
    assert load(config=os.devnull, environ={}).settings == load(environ={}).settings


def test_a_file_as_notepad_writes_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "notepad.toml"
    path.write_bytes(b"\xef\xbb\xbf[backend]\r\nport = 5005\r\n")
    assert load(config=str(path), environ={}).settings.backend.port == 5005


def test_nothing_after_the_dashes_is_a_mistake() -> None:
    assert mistakes(command=[]) == ["command line: nothing follows --; write -- COMMAND ARGUMENT…"]


def test_a_secret_of_the_wrong_type_is_not_shown(tmp_path: Path) -> None:
    config = file(tmp_path, "[backend.env]\nAPI_KEY = 123456\n")
    assert mistakes(config=config) == [f"{config}, line 2: backend.env.API_KEY is ***; allowed: a string"]
    (mistake,) = mistakes(overrides=["backend.managed=false", "backend.url=http://me:hush@127.0.0.1:5"])
    assert "hush" not in mistake


def test_a_variable_without_the_double_underscore_is_noted_and_ignored() -> None:
    notes = load(environ={"SIDECAR_TIMEOUT_STARTUP": "5"}).notes
    assert notes == [
        "SIDECAR_TIMEOUT_STARTUP is not a setting and was ignored; settings are called SIDECAR_SECTION__KEY"
    ]


def test_placeholders_in_another_spelling_are_noted() -> None:
    notes = load(environ={}, command=["x", "{PORT}", '{"json": {port}}', "{ host }", "{other}"]).notes
    assert [note.partition(" ")[0] for note in notes] == ["{PORT}", "{"]
    for command in (["x", "$PORT"], ["x", "--url=http://[::]:%PORT%"]):
        (note,) = load(environ={}, command=command).notes
        assert note.endswith("because no shell reads it; write {port}")
    assert load(environ={}, command=["sh", "-c", "server $PORT"]).notes == []


def test_a_time_that_looks_like_milliseconds_is_noted() -> None:
    (note,) = load(environ={}, overrides=["timeouts.startup=20000"]).notes
    assert note == 'timeouts.startup is 20000 seconds; write "20000ms" if you mean milliseconds'
    assert load(environ={}, overrides=["timeouts.startup=3600"]).notes == []


def test_a_fixed_port_that_chromium_refuses_is_noted() -> None:
    for flag in ("backend.port=6000", "backend.url=http://127.0.0.1:6000"):
        managed = ["backend.managed=false"] if "url" in flag else []
        (note,) = load(environ={}, overrides=[flag, *managed]).notes
        assert note.startswith("Chromium refuses every request to port 6000 (ERR_UNSAFE_PORT)")
    assert load(environ={}, overrides=["backend.port=6001"]).notes == []


WATCHED = ("backend.managed=false", "backend.url=http://127.0.0.1:5005")


class TestABackendThatIsNotManaged:
    def test_needs_an_address(self) -> None:
        (mistake,) = mistakes(overrides=["backend.managed=false"])
        assert mistake.startswith("--set backend.managed: backend.managed is false and no address is given")
        (mistake,) = mistakes(profile="aura", environ={"AURA_LAUNCH_BACKEND": "false"})
        assert mistake.startswith("AURA_LAUNCH_BACKEND: backend.managed is false and no address is given")

    @pytest.mark.parametrize("url", ["http://127.0.0.1:5005", "http://127.0.0.1:5005/", "HTTP://LOCALHOST:5005"])
    def test_is_watched_at_its_loopback_address(self, url: str) -> None:
        loaded = load(profile="aura", environ={"AURA_LAUNCH_BACKEND": "FALSE", "AURA_BACKEND_URL": url})
        assert not loaded.settings.backend.managed
        assert loaded.settings.backend.url == "http://127.0.0.1:5005"
        assert bool(loaded.notes) == ("LOCALHOST" in url)

    @pytest.mark.parametrize(
        "url",
        [
            "https://127.0.0.1:5005",
            "http://127.0.0.1",
            "http://127.0.0.1:0",
            "http://127.0.0.1:65536",
            "http://127.0.0.1:port",
            "http://192.168.0.1:5005",
            "http://127.0.0.1.example.com:5005",
            "http://127.0.0.1:5005/api",
            "http://127.0.0.1:5005@example.com",
            "127.0.0.1:5005",
        ],
    )
    def test_is_never_anywhere_else(self, url: str) -> None:
        (mistake,) = mistakes(overrides=["backend.managed=false", f"backend.url={url}"])
        assert mistake.startswith("--set backend.url: backend.url is ")
        assert "allowed: http://127.0.0.1:PORT" in mistake


class TestWhatABackendIsHanded:
    @pytest.mark.parametrize(
        ("overrides", "says"),
        [
            (["backend.socket=pass", "backend.port=reported"], 'allowed with it: backend.port = "auto" or a number'),
            (["backend.socket=pass", *WATCHED], "this needs a backend that the sidecar starts"),
            (["backend.notify=true", *WATCHED], "backend.notify is set and backend.managed is false"),
            (["health.watchdog=5"], "health.watchdog is set, which needs backend.notify = true"),
        ],
    )
    def test_fits_how_it_is_started(self, overrides: list[str], says: str) -> None:
        (mistake,) = mistakes(overrides=overrides)
        assert says in mistake


class TestWhatTheAuraShellReads:
    def test_its_address_fixes_the_port_of_a_managed_backend(self) -> None:
        loaded = load(profile="aura", environ={"AURA_BACKEND_URL": "http://127.0.0.1:5272"})
        assert (loaded.settings.backend.port, loaded.settings.backend.url) == (5272, "")
        assert loaded.origins["backend.port"] == "AURA_BACKEND_URL"
        environ = {"AURA_BACKEND_URL": "http://127.0.0.1:5272", "SIDECAR_BACKEND__PORT": "auto"}
        assert load(profile="aura", environ=environ).settings.backend.port == "auto"

    def test_a_loopback_url_is_ignored_with_a_note_if_the_backend_is_managed(self) -> None:
        loaded = load(environ={}, overrides=["backend.url=http://127.0.0.1:5272"])
        assert (loaded.settings.backend.port, loaded.settings.backend.url) == ("auto", "")
        assert "is ignored: the backend is managed" in loaded.notes[0]

    def test_its_endpoints_and_milliseconds_are_understood(self) -> None:
        settings = load(
            profile="aura",
            environ={
                "AURA_BACKEND_HEALTH_ENDPOINT": "/api/health",
                "AURA_BACKEND_READY_ENDPOINT": "ready",
                "AURA_BACKEND_SSE_JOB_EVENTS_TEMPLATE": "/jobs/{id}",
                "AURA_BACKEND_STARTUP_TIMEOUT_MS": "90000",
                "AURA_BACKEND_HEALTH_POLL_INTERVAL_MS": "250",
                "AURA_LAUNCH_BACKEND": "true",
            },
        ).settings
        assert settings.backend.managed
        assert settings.backend.live_path == settings.backend.health_path == "/api/health"
        assert (settings.backend.ready_path, settings.backend.events_path) == ("/ready", "/jobs/{id}")
        assert (settings.timeouts.startup, settings.timeouts.health_interval) == (90.0, 0.25)

    def test_names_of_ours_outrank_its_names(self) -> None:
        environ = {"AURA_BACKEND_STARTUP_TIMEOUT_MS": "90000", "SIDECAR_TIMEOUTS__STARTUP": "5"}
        assert load(profile="aura", environ=environ).settings.timeouts.startup == 5.0

    def test_empty_variables_count_as_not_set(self) -> None:
        names = ("URL", "HEALTH_ENDPOINT", "READY_ENDPOINT", "SSE_JOB_EVENTS_TEMPLATE", "STARTUP_TIMEOUT_MS")
        environ = {f"AURA_BACKEND_{name}": "" for name in names}
        loaded = load(profile="aura", environ={**environ, "AURA_LAUNCH_BACKEND": ""})
        assert loaded.settings == load(profile="aura", environ={}).settings

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("AURA_BACKEND_STARTUP_TIMEOUT_MS", "0"),
            ("AURA_BACKEND_HEALTH_POLL_INTERVAL_MS", "-5"),
            ("AURA_BACKEND_STARTUP_TIMEOUT_MS", "nan"),
            ("AURA_LAUNCH_BACKEND", "maybe"),
            ("AURA_BACKEND_URL", "http://example.com:80"),
        ],
    )
    def test_their_mistakes_are_reported_by_their_names(self, name: str, value: str) -> None:
        (mistake,) = mistakes(profile="aura", environ={name: value})
        assert mistake.startswith(f"{name}: ")
        assert "allowed: " in mistake


def test_settings_without_a_file_load_neither_a_toml_parser_nor_anything_slow() -> None:
    code = (
        "import sys; from sidecar.settings.load import load;"
        "load(environ={'SIDECAR_BACKEND__PORT': '5005', 'SIDECAR_PATHS__DATA': '/x'}, overrides=['app.mode=development'], command=['x']);"
        "print(sorted({'tomllib', 'difflib', 'sidecar.settings.masking'} & set(sys.modules)))"
    )
    done = run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
    assert done.stdout.strip() == "[]"
