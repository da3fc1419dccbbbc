from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.errors import InvalidConfigError
from sidecar.settings.load import load
from sidecar.settings.masking import masked
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


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    overrides=st.lists(OVERRIDES, max_size=4),
    environment=st.dictionaries(
        st.sampled_from([f"SIDECAR_{name.upper().replace('.', '__')}" for name in NAMES]), VALUES, max_size=4
    ),
    lines=st.lists(LINES, max_size=3),
)
def test_whatever_is_given_ends_in_settings_or_in_one_error_with_all_mistakes(
    tmp_path: Path, overrides: list[str], environment: dict[str, str], lines: list[str]
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
    try:
        loaded = load(config=str(config), overrides=overrides, environ=environment)
    except InvalidConfigError:
        return
    assert isinstance(loaded.settings, Settings)
    assert set(masked(loaded.settings)) == set(Settings.__struct_fields__)


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_has_a_flag_and_a_variable_that_take_its_own_default(name: str) -> None:
    section, key = name.split(".")
    default = getattr(getattr(Settings(), section), key)
    text = msgspec.json.encode(default).decode()  # what holds no table is TOML too
    variable = f"SIDECAR_{name.upper().replace('.', '__')}"
    by_variable = load(environ={variable: text}, profile="generic")
    by_flag = load(environ={}, overrides=[f"{name}={text}"], profile="generic")
    assert getattr(getattr(by_variable.settings, section), key) == default
    if default != {}:  # an empty table gives no value
        assert (by_variable.origins[name], by_flag.origins[name]) == (variable, f"--set {name}")
