"""Time stamps in the format of the protocol and the log."""

import time
from datetime import UTC, datetime


def iso(seconds: float | None = None) -> str:
    """Formats seconds since the epoch, by default now, as ISO 8601 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(time.time() if seconds is None else seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
