"""How a run learns of the listening socket that it is handed.

As systemd does it, sd_listen_fds(3); Windows has no descriptors, so there it is the number of an inherited handle.
"""

from __future__ import annotations

import sys

SOCKET_NAME = "http"
HANDLE_VARIABLE = "LISTEN_HANDLE"

if sys.platform == "win32":

    def socket_variables(descriptor: int) -> tuple[dict[str, str], tuple[str, ...]]:
        """As below."""
        return {HANDLE_VARIABLE: str(descriptor)}, ()

else:

    def socket_variables(descriptor: int) -> tuple[dict[str, str], tuple[str, ...]]:  # noqa: ARG001 - it will be 3
        """The variables, and the names of those whose value is the run's own pid."""
        return {"LISTEN_FDS": "1", "LISTEN_FDNAMES": SOCKET_NAME}, ("LISTEN_PID",)
