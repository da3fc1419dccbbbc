"""The settings read before msgspec is imported equal those that load returns, or are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from sidecar.errors import InvalidConfigError
from sidecar.settings.load import load
from sidecar.settings.masking import masked
from sidecar.settings.merge import collect, quick_settings
from sidecar.settings.model import Settings

NAMES = [
    f"{section}.{key}"
    for section, part in ((name, getattr(Settings(), name)) for name in Settings.__struct_fields__)
    if section != "profile"
    for key in part.__struct_fields__
]
VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "nan", "-inf", "[]", "{}", "[[1]]", "1e999", "0x10", "'''", '"', "\0", "1979-05-27", "{a={b=1}}", "true"]
    ),
    st.integers().map(str),
    st.floats().map(str),
)
OVERRIDES = st.one_of(
    st.text(max_size=20),
    st.tuples(st.sampled_from([*NAMES, "profile", "backend.env.A", "backend.env.", "x.y"]), VALUES).map("=".join),
)
LINES = st.one_of(st.text(max_size=30), st.tuples(st.sampled_from([*NAMES, "profile", "x"]), VALUES).map(" = ".join))
VARIABLES = [f"SIDECAR_{name.upper().replace('.', '__')}" for name in NAMES]


def quick(
    config: Path | None = None,
    *,
    overrides: list[str] | None = None,
    environ: dict[str, str] | None = None,
    profile: str | None = None,
    command: list[str] | None = None,
) -> Any:
    merge = collect(
        str(config) if config else None,
        profile,
        overrides or [],
        ["./serve"] if command is None else command,
        environ or {},
    )
    return quick_settings(merge)


def values(found: Any) -> dict[str, Any]:
    names = {name.partition(".")[0] for name in NAMES}
    return {
        name: vars(part) if hasattr(part := getattr(found, name), "__dict__") else structs.asdict(part)
        for name in names
    }


@settings(max_examples=2 * settings.default.max_examples, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    overrides=st.lists(OVERRIDES, max_size=4),
    environment=st.dictionaries(st.sampled_from(VARIABLES), VALUES, max_size=4),
    lines=st.lists(LINES, max_size=3),
)
def test_whatever_is_given_is_settings_or_one_error_and_what_is_read_quickly_is_what_load_gives(
    tmp_path: Path, overrides: list[str], environment: dict[str, str], lines: list[str]
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
    try:
        found = quick(config, overrides=overrides, environ=environment)
    except Exception:  # noqa: BLE001 - what early.launch takes for "not plainly right"
        found = None
    try:
        loaded = load(config=str(config), overrides=overrides, environ=environment, command=["./serve"])
    except InvalidConfigError:
        assert found is None
        return
    assert set(masked(loaded.settings)) == set(Settings.__struct_fields__)
    if found is not None and not found.backend.url:  # a url is never launched early
        assert values(found) == values(loaded.settings)


TYPICAL = {
    "backend": {"port": 5005, "live_path": "/live", "stdin": "open", "stop_signal": "SIGINT"},
    "timeouts": {"startup": 30, "graceful_shutdown": 0, "restart_delay": 0.5, "force_kill": "500ms"},
    "sandbox": {"connect": [53, 443]},
    "resources": {"memory_limit": "1.5 GiB"},
    "restart": {"attempts": 0, "jitter": 1},
    "limits": {"memory": 1 << 30, "cpu_nice": -5, "env_allow": ["A*", "PATH"]},
    "app": {"user_data": "/data", "version": "1.10", "is_packaged": True},
    "log": {"level": "debug"},
}


def toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


@pytest.mark.parametrize("way", ["flags", "environment", "file"])
def test_usual_values_are_valid_from_every_source(tmp_path: Path, way: str) -> None:
    config = tmp_path / "settings.toml"
    overrides, environ, lines = [], {}, []
    for section, given_values in TYPICAL.items():
        lines.append(f"[{section}]")
        for key, value in given_values.items():
            overrides.append(f"{section}.{key}={toml(value)}")
            environ[f"SIDECAR_{section}__{key}".upper()] = toml(value)
            lines.append(f"{key} = {toml(value)}")
    config.write_text("\n".join([*lines, "[backend.env]", 'KEY = "1"']))
    given_: dict[str, Any] = {"flags": {"overrides": [*overrides, "backend.env.KEY=1"]}}
    given_["environment"] = {"environ": {**environ, "SIDECAR_BACKEND__ENV__KEY": "1"}}
    chosen = given_.get(way, {})
    path = config if way == "file" else None
    found = quick(path, **chosen)
    loaded = load(config=str(path) if path else None, command=["./serve"], **{"environ": {}, **chosen}).settings
    assert values(found) == values(loaded)
    assert (found.profile, found.backend.port, found.backend.env) == (loaded.profile, 5005, {"KEY": "1"})


@pytest.mark.parametrize("profile", ["aura", "generic"])
def test_a_profile_counts_however_it_is_chosen(profile: str) -> None:
    for chosen in (
        {"profile": profile},
        {"overrides": [f"profile={profile}"]},
        {"environ": {"SIDECAR_PROFILE": profile}},
    ):
        found = quick(**chosen)  # type: ignore[arg-type]
        assert values(found) == values(load(command=["./serve"], profile=profile, environ={}).settings)
        assert found.profile == profile


@pytest.mark.parametrize(
    "wrong",
    [
        "backend.port=0",
        "backend.port=70000",
        "backend.prot=1",
        "bakcend.port=1",
        "backend.host=0.0.0.0",
        "timeouts.startup=0",
        "timeouts.startup=nan",
        "restart.attempts=1.5",
        "restart.attempts=true",
        "resources.hysteresis=1",
        "backend.live_path=live",
        "backend.reported_pattern=(",
        "backend.command=[1]",
        "backend.stop_signal=SIGKILL",
        "profile=nobody",
    ],
)
def test_what_is_wrong_is_left_to_load(wrong: str) -> None:
    assert quick(overrides=[wrong]) is None
    with pytest.raises(InvalidConfigError):
        load(overrides=[wrong], command=["./serve"], environ={})


def test_the_variables_of_a_profile_are_left_to_load() -> None:
    assert quick(profile="aura", environ={"AURA_BACKEND_URL": "http://127.0.0.1:5005"}) is None


def test_every_setting_has_a_flag_and_a_variable_that_accept_its_default() -> None:
    for name in NAMES:
        section, key = name.split(".")
        default = getattr(getattr(Settings(), section), key)
        text = msgspec.json.encode(default).decode()  # what holds no table is TOML too
        variable = f"SIDECAR_{name.upper().replace('.', '__')}"
        by_variable = load(environ={variable: text}, profile="generic")
        by_flag = load(environ={}, overrides=[f"{name}={text}"], profile="generic")
        assert getattr(getattr(by_variable.settings, section), key) == default, name
        if default != {}:  # an empty table gives no value
            assert (by_variable.origins[name], by_flag.origins[name]) == (variable, f"--set {name}")
