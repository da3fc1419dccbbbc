from __future__ import annotations

import re
from typing import Any

from sidecar.settings.load import load
from tools.generate import settings_page


def test_each_variable_of_the_aura_shell_sets_what_the_page_says() -> None:
    table = dict(re.findall(r"^\| `(AURA_\w+)` \| (.+) \|$", settings_page.page(), re.MULTILINE))
    assert table
    values = {"AURA_LAUNCH_BACKEND": "true", "AURA_BACKEND_URL": "http://127.0.0.1:5005"}
    for variable, settings_named in table.items():
        text = values.get(variable, "500" if variable.endswith("_MS") else "/path")
        settings: Any = load(profile="aura", environ={variable: text}).settings
        named = re.findall(r"`(\w+\.\w+)`", settings_named)
        assert named
        for name in named:
            section, _, key = name.partition(".")
            value = getattr(getattr(settings, section), key)
            expected = {"managed": True, "port": 5005, "url": "", "startup": 0.5, "health_interval": 0.5}
            assert value == expected.get(key, "/path"), name
