r"""Whether Windows' proxy settings send an app's requests for 127.0.0.1 to a proxy.

Chromium, and so every Electron page, leaves loopback addresses out of any proxy, unless the list of exceptions holds
``<-loopback>`` (Chromium's net/docs/proxy.md, "Implicit bypass rules"). Debugging proxies and some security products put it there.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

KEY = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_TAKES_LOOPBACK = "<-loopback>"


def proxy_for_loopback(values: Mapping[str, object]) -> str | None:
    """The proxy that gets what is meant for 127.0.0.1, or None. ``values``: of the key above, name to data. Pure."""
    known = {name.lower(): value for name, value in values.items()}  # Windows ignores the case of names
    exceptions = [part.strip().lower() for part in str(known.get("proxyoverride", "")).replace(",", ";").split(";")]
    if _TAKES_LOOPBACK not in exceptions or any(part in {"127.0.0.1", "127.*", "127.0.0.*"} for part in exceptions):
        return None
    script = str(known.get("autoconfigurl") or "")
    server = str(known.get("proxyserver") or "") if known.get("proxyenable") == 1 else ""
    return server or script or None


def read_proxy() -> str | None:
    """As ``proxy_for_loopback``, of the user who runs this; None off Windows."""
    if sys.platform == "win32":
        import winreg

        from .registry import read_key

        return proxy_for_loopback(read_key(winreg.HKEY_CURRENT_USER, KEY).values)
    return None
