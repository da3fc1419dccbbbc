"""Ports to which Chromium, and with it Electron, sends no request: net::ERR_UNSAFE_PORT.

They are those of old services that could be attacked through a browser: kRestrictedPorts of Chromium's net/base/port_util.cc,
the "bad ports" of the Fetch standard (section 2.9).
"""

from __future__ import annotations

UNSAFE_PORTS = frozenset({
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111,
    113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548,
    554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665,
    6666, 6667, 6668, 6669, 6679, 6697, 10080,
})  # fmt: skip


def describe_unsafe(port: int) -> str:
    """What happens on such a port."""
    return (
        f"Chromium refuses every request to port {port} (ERR_UNSAFE_PORT), so no page of the app can reach the backend"
    )
