"""Windows' proxy settings and 127.0.0.1."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.firewall.check import proxy_for_loopback

SERVER = {"ProxyEnable": 1, "ProxyServer": "proxy.example:3128"}


@pytest.mark.parametrize(
    ("values", "proxy"),
    [
        ({}, None),
        (SERVER, None),
        (SERVER | {"ProxyOverride": "<local>"}, None),
        (SERVER | {"ProxyOverride": "<local>;<-loopback>"}, "proxy.example:3128"),
        (SERVER | {"ProxyOverride": "*.example, <-LOOPBACK>"}, "proxy.example:3128"),
        (SERVER | {"ProxyOverride": "<-loopback>;127.0.0.1"}, None),
        (SERVER | {"ProxyEnable": 0, "ProxyOverride": "<-loopback>"}, None),
        ({"AutoConfigURL": "http://x/p.pac", "ProxyOverride": "<-loopback>"}, "http://x/p.pac"),
        ({"AutoConfigUrl": "http://x/p.pac", "ProxyOverride": "<-loopback>"}, "http://x/p.pac"),
    ],
)
def test_loopback_is_spared_unless_it_is_asked_for(values: dict[str, Any], proxy: str | None) -> None:
    assert proxy_for_loopback(values) == proxy
