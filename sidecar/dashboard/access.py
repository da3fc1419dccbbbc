"""Who may use the dashboard: a one-time token, the keys that tokens were exchanged for, and the headers of a request."""

import hmac
import secrets
from collections import deque
from collections.abc import Iterable

ADDRESS = "127.0.0.1"
_BYTES = 32  # random bytes in a token or key: 256 bits cannot be guessed
_KEPT = 32  # keys, and used tokens


class Access:
    """Tokens, keys and the check of Host and Origin, for one port.

    The token is in the address's fragment, which browsers do not send; the page exchanges it for a key. Not a cookie: browsers
    share cookies between all ports of 127.0.0.1, so the backend would get it too.
    """

    def __init__(self, port: int) -> None:
        # A browser omits the scheme's default port in both headers.
        self._host = ADDRESS if port == 80 else f"{ADDRESS}:{port}"
        self._token = _secret()
        self._used: deque[str] = deque(maxlen=_KEPT)
        self._keys: deque[str] = deque(maxlen=_KEPT)

    @property
    def origin(self) -> str:
        return f"http://{self._host}"

    @property
    def address(self) -> str:
        return f"{self.origin}/#token={self._token}"

    def exchange(self, token: str) -> str | None:
        """Returns a key for the token, which is then invalid; None if it is invalid already."""
        if not _is_one_of(token, [self._token]):
            return None
        self._used.append(self._token)
        self._token = _secret()
        key = _secret()
        self._keys.append(key)
        return key

    def was_used(self, token: str) -> bool:
        return _is_one_of(token, self._used)

    def knows(self, key: str) -> bool:
        return _is_one_of(key, self._keys)

    def refusal(self, host: str | None, origin: str | None, *, origin_needed: bool) -> str | None:
        """Returns why a request is refused, or None. DNS rebinding shows in Host, another site in Origin, which only a plain GET lacks."""
        if host != self._host:
            return f"This is {self.origin}, not the requested host."
        if origin is None and origin_needed:
            return "A request without an Origin does not come from this dashboard's page."
        if origin is not None and origin != self.origin:
            return "The request comes from another site."
        return None


def _secret() -> str:
    return secrets.token_urlsafe(_BYTES)


def _is_one_of(given: str, known: Iterable[str]) -> bool:
    """Compares in a time that depends neither on which one matches nor on how much of it."""
    found = False
    for one in known:
        found |= hmac.compare_digest(given.encode("utf-8", "replace"), one.encode())
    return found
