"""``sidecar call``: one request to a sidecar of its own, the answer as JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, DecodeError, json, to_builtins

from ..errors import InvalidConfigError, SidecarError, UsageError
from ..wire.messages import ErrorBody
from ..wire.names import CHANNEL_NAMES
from .client import Client, RemoteError
from .needed import require_command, settings_of
from .sentences import as_json
from .state import backend_state
from .surroundings import run_cancellable

# They answer without a backend, or start it themselves: none is started for them.
WITHOUT_BACKEND = frozenset(
    {
        "backend:start",
        "backend:getFirewallRule",
        "backend:getFirewallCommand",
        "backend:createFirewallRule",
        "backend:crashReports",
        "backend:crashReport",
        "backend:diagnose",
    }
)

READS_STATE = frozenset({"backend:crashReports", "backend:crashReport"})


def needs_backend(channel: str) -> bool:
    """Whether an answer of that channel says anything only while a backend runs."""
    return channel.startswith("backend:") and channel not in WITHOUT_BACKEND


def arguments(words: Sequence[str]) -> list[Any]:
    """The channel's arguments from the words of the command line. UsageError: a word is not JSON."""
    values = []
    for position, word in enumerate(words, 1):
        try:
            values.append(json.decode(word))
        except DecodeError as error:
            raise UsageError(
                f"Argument {position} of the channel is not JSON: {word} ({error})",
                hint="A text needs its own quotes, e.g. '\"suspend\"'.",
            ) from None
    return values


def run(channel: str, words: Sequence[str], serve_words: Sequence[str]) -> int:
    """Sends one request to a sidecar on the backend's own state and prints the answer.

    Returns 0, or 1 after an error answer, or 78 where the settings are wrong; errors are JSON on stderr.
    """
    values = arguments(words)
    settings = settings_of(serve_words)
    names_state = settings is not None and bool(settings.paths.data or settings.app.user_data)
    if channel in CHANNEL_NAMES and (needs_backend(channel) or channel == "backend:start"):
        require_command(f"call {channel}", serve_words)
    elif channel in READS_STATE and not names_state:
        require_command(
            f"call {channel}",
            serve_words,
            "It tells whose state to read; --data NAME does as well: see 'sidecar data'.",
        )
    try:
        result = run_cancellable(_ask(channel, values, serve_words))
    except RemoteError as error:
        print(as_json({"error": to_builtins(error.error)}), file=sys.stderr)  # noqa: T201 - the tool's output
        return 1
    except UsageError:
        raise
    except SidecarError as error:
        body = ErrorBody(error.code, error.message, UNSET if error.hint is None else error.hint)
        print(as_json({"error": to_builtins(body)}), file=sys.stderr)  # noqa: T201 - the tool's output
        return error.exit_status if isinstance(error, InvalidConfigError) else 1
    print(as_json(result))  # noqa: T201 - the tool's output
    return 0


async def _ask(channel: str, values: Sequence[Any], serve_words: Sequence[str]) -> Any:
    with backend_state(serve_words, otherwise="sidecar-call-") as words:
        starts = needs_backend(channel) or channel == "backend:waitForReady"
        client = await Client.start([*([] if starts else ["--set", "backend.autostart=false"]), *words])
        try:
            assert client.hello
            if needs_backend(channel) and channel in client.hello.channels:
                await client.call("backend:start")
            return await client.call(channel, *values)
        finally:
            await client.close()
