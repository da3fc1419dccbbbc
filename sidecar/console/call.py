"""``sidecar call``: sends one request to a temporary sidecar and prints the reply as JSON."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from msgspec import DecodeError, ValidationError, convert, inspect, json, structs, to_builtins

from ..errors import InvalidArgsError, InvalidConfigError, SidecarError, UsageError
from ..settings.words import allowed, close_to
from ..wire.channels import CHANNELS
from ..wire.messages import ErrorBody
from .client import Client, RemoteError
from .needed import require_command, settings_of
from .sentences import as_json
from .state import backend_state
from .surroundings import run_cancellable

# Channels that answer without a backend or start it themselves, so none is started for them.
READS_STATE = frozenset({"backend:crashReports", "backend:crashReport"})
_FIREWALL = frozenset({"backend:getFirewallRule", "backend:getFirewallCommand", "backend:createFirewallRule"})
WITHOUT_BACKEND = frozenset({"backend:start", "backend:diagnose"}) | READS_STATE | _FIREWALL

_LOOK_TIMEOUT = 2.0  # seconds


def needs_backend(channel: str) -> bool:
    """Whether the channel is useful only while a backend runs."""
    return channel.startswith("backend:") and channel not in WITHOUT_BACKEND


def arguments(words: Sequence[str]) -> list[Any]:
    """Returns the channel's arguments, decoded from the command line. UsageError: a word is not JSON."""
    values = []
    for position, word in enumerate(words, 1):
        try:
            values.append(json.decode(word))
        except (DecodeError, RecursionError) as error:
            text = f"Argument {position} of the channel is not JSON: {word} ({error})"
            example = word if word.replace("-", "").replace(".", "").isalnum() else "suspend"
            raise UsageError(text, hint=f"A string needs its own quotes, as in '\"{example}\"'.") from None
    return values


def check_arguments(channel: str, values: Sequence[Any]) -> None:
    """InvalidArgsError: the arguments do not match the channel's schema. The sidecar itself ignores unknown keys."""
    spec = CHANNELS.get(channel)
    if spec is None or spec.args is None:
        return
    for kind, value in zip(spec.args, values, strict=False):
        keys = [field.encode_name for field in structs.fields(kind)] if inspect.is_struct_type(kind) else []
        hint = f"{channel} takes {', '.join(keys)}." if keys else f"{channel} takes {allowed(kind)}."
        unknown = [key for key in value if key not in keys] if keys and isinstance(value, dict) else []
        if unknown:
            raise InvalidArgsError(f"The argument has no key {unknown[0]!r}{close_to(unknown[0], keys)}", hint=hint)
        try:
            convert(value, kind)
        except ValidationError as error:
            close = close_to(value, get_args(kind)) if isinstance(value, str) and not keys else ""
            raise InvalidArgsError(f"The argument is wrong: {error}{close}", hint=hint) from None


def run(channel: str, words: Sequence[str], serve_words: Sequence[str]) -> int:
    """Sends one request and prints the answer. Returns 0; 1, or 78 for wrong settings, with the error as JSON on stderr."""
    values = arguments(words)
    try:
        check_arguments(channel, values)
    except InvalidArgsError as error:
        return _complain(error)
    settings = settings_of(serve_words)
    names_state = settings is not None and bool(settings.paths.data or settings.app.user_data)
    if channel in CHANNELS and (needs_backend(channel) or channel == "backend:start"):
        require_command(f"call {channel}", serve_words)
    elif channel in READS_STATE and not names_state:
        why = "The command selects whose state to read; --data NAME works too: see 'sidecar data'."
        require_command(f"call {channel}", serve_words, why)
    elif channel in READS_STATE and settings and settings.paths.data and not Path(settings.paths.data).exists():
        raise UsageError(
            f"No state named {settings.paths.data!r}, and no such folder", hint="'sidecar data' lists the names."
        )
    try:
        managed = settings is None or settings.backend.managed
        result = run_cancellable(_ask(channel, values, serve_words, managed=managed))
    except UsageError:
        raise
    except SidecarError as error:
        return _complain(error)
    print(as_json(result))
    return 0


def _complain(error: SidecarError) -> int:
    body = error.error if isinstance(error, RemoteError) else ErrorBody(error.code, error.message, error.hint)
    print(as_json({"error": to_builtins(body)}), file=sys.stderr)
    return error.exit_status if isinstance(error, InvalidConfigError) else 1


async def _ask(channel: str, values: Sequence[Any], serve_words: Sequence[str], *, managed: bool) -> Any:
    with backend_state(serve_words, otherwise="sidecar-call-") as words:
        starts = (channel in CHANNELS and needs_backend(channel)) or channel == "backend:waitForReady"
        client = await Client.start([*([] if starts else ["--set", "backend.autostart=false"]), *words])
        try:
            assert client.hello
            if needs_backend(channel) and channel in client.hello.channels:
                if managed:
                    await client.call("backend:start")
                else:  # wait a little; then the channel answers for the backend as it is
                    with contextlib.suppress(RemoteError):
                        await client.call("backend:waitForReady", {"timeout": _LOOK_TIMEOUT})
            return await client.call(channel, *values)
        finally:
            await client.close()
