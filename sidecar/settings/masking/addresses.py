"""Credentials in addresses."""

from __future__ import annotations

import re

from .names import Replace, Strength, is_harmless, is_plain

_ADDRESS = re.compile(
    r"(?<=:)//(?P<rest>[^\s\"'<>`\\]{1,2000}+)|(?<=:)\\/\\/(?P<escaped>(?:[^\s\"'<>`\\]|\\/){1,2000}+)"
)
_LOGIN = re.compile(r"[A-Za-z][\w.+-]{0,30}")
_QUERY = re.compile(
    r"(?<=[?&#;])(?P<name>code|sig|signature|sign|hmac|key|auth|apikey|pass|pwd|pw|otp|ticket|sid|session|jwt|assertion|samlresponse|samlrequest"
    r"|oobcode|code_verifier|code_challenge|verifier|hash|credential|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)"
    r"|appid|awsaccesskeyid|googleaccessid|policy|s|t|k)=(?P<value>[^\s&#\"'<>`;\\]{1,4000}+)",
    re.IGNORECASE,
)


def mask_addresses(text: str, replace: Replace) -> str:
    """The text without credentials in addresses: before the host, and in their parameters."""
    if "//" in text or "\\/\\/" in text:
        text = _ADDRESS.sub(lambda found: _without_user(found, replace), text)
    if "=" in text:
        text = _QUERY.sub(lambda found: _without_parameter(found, replace), text)
    return text


def _without_user(found: re.Match[str], replace: Replace) -> str:
    address = found["rest"] or found["escaped"]
    lead = found[0][: len(found[0]) - len(address)]
    authority = re.split(r"[/?#\\]", address, maxsplit=1)[0]
    at = authority.rfind("@")
    is_page = (
        found.string[max(0, found.start() - 6) : found.start()].lower().endswith(("http:", "https:", "ws:", "wss:"))
    )
    if "@" in address and (at < 0 or (not is_page and ":" in authority[:at])):
        host, colon, port = authority.partition(":")
        # A port or nothing before the slash: a path with an @ in it. Else a password that holds a slash or a question mark.
        if colon and not (
            port.isdigit() and (len(port) <= 5) and ("." in host or host in {"localhost", ""} or len(port) >= 4)
        ):
            path = address.split("?", 1)[0]
            at = (path if "@" in path else address).rfind("@")
    if at <= 0:
        return found[0]
    user = address[:at]
    name, colon, password = user.partition(":")
    if user == "***" or (not colon and _LOGIN.fullmatch(user) and (is_plain(user) or len(user) < 8)):
        return found[0]  # git@host
    if colon and is_harmless(password, Strength.PASSWORD) and not is_harmless(name, Strength.STRONG) and "***" in user:
        return lead + "***" + address[at:]
    return lead + replace("credentials in an address", password or name) + address[at:]


def _without_parameter(found: re.Match[str], replace: Replace) -> str:
    name, value = found["name"], found["value"]
    least = 16 if name.lower() in {"s", "t", "k", "policy", "hash", "appid"} else 4
    if value == "***" or len(value) < least or is_harmless(value, Strength.WEAK):
        return found[0]
    return f"{name}={replace(f'parameter {name}', value)}"
