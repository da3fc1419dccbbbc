from __future__ import annotations

import hmac

import pytest

from sidecar.dashboard.access import Access

PORT = 8123


def token_of(access: Access) -> str:
    return access.address.rpartition("#token=")[2]


@pytest.fixture
def access() -> Access:
    return Access(PORT)


def test_the_token_stands_in_the_fragment_which_no_browser_sends(access: Access) -> None:
    before, fragment = access.address.split("#")
    assert before == f"http://127.0.0.1:{PORT}/"
    assert fragment == f"token={token_of(access)}"
    assert len(token_of(access)) >= 43  # 256 bits in base64


def test_a_token_opens_once_and_is_replaced(access: Access) -> None:
    token = token_of(access)
    key = access.exchange(token)
    assert key is not None
    assert access.knows(key)
    assert token_of(access) != token
    assert access.exchange(token) is None
    assert access.was_used(token)
    assert access.exchange(token_of(access)) not in (None, key)
    assert access.knows(key)


@pytest.mark.parametrize("wrong", ["", "x", "é", "token", "\ud800"])
def test_a_wrong_token_opens_nothing_and_uses_nothing_up(access: Access, wrong: str) -> None:
    token = token_of(access)
    for guess in (wrong, token[:-1], token + "x", token.swapcase()):
        assert access.exchange(guess) is None
        assert not access.was_used(guess)
        assert not access.knows(guess)
    assert access.exchange(token) is not None


def test_a_token_is_not_a_key_and_a_key_is_not_a_token(access: Access) -> None:
    assert not access.knows(token_of(access))
    key = access.exchange(token_of(access))
    assert key is not None
    assert access.exchange(key) is None


def test_keys_are_bounded_and_the_newest_stay(access: Access) -> None:
    keys = [access.exchange(token_of(access)) or "" for _ in range(100)]
    assert not access.knows(keys[0])
    assert all(access.knows(key) for key in keys[-30:])


def test_every_comparison_takes_the_time_of_a_whole_one(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [access.exchange(token_of(access)) or "" for _ in range(3)]
    compared: list[bytes] = []

    def spy(given: bytes, known: bytes) -> bool:
        compared.append(known)
        return given == known

    monkeypatch.setattr(hmac, "compare_digest", spy)
    assert access.knows(keys[0])  # found at once, and compared with the others all the same
    assert compared == [key.encode() for key in keys]


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "127.0.0.1",
        f"localhost:{PORT}",
        f"127.0.0.1:{PORT + 1}",
        f"evil.example:{PORT}",
        f"127.0.0.1.evil.example:{PORT}",
        f"[::1]:{PORT}",
        f"127.0.0.1:{PORT} ",
        f"127.0.0.1:{PORT},evil.example",
    ],
)
def test_another_host_is_refused(access: Access, host: str | None) -> None:
    assert access.refusal(host, None, origin_needed=False)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://127.0.0.1",
        f"http://127.0.0.1:{PORT + 1}",
        f"https://127.0.0.1:{PORT}",
        f"http://localhost:{PORT}",
        f"http://127.0.0.1:{PORT}.evil.example",
        f"http://127.0.0.1:{PORT}/",
    ],
)
@pytest.mark.parametrize("needed", [True, False])
def test_another_origin_is_refused_wherever_one_is_sent(access: Access, origin: str, needed: bool) -> None:
    assert access.refusal(f"127.0.0.1:{PORT}", origin, origin_needed=needed)


def test_the_page_itself_is_served(access: Access) -> None:
    host = f"127.0.0.1:{PORT}"
    assert access.refusal(host, access.origin, origin_needed=True) is None
    assert access.refusal(host, None, origin_needed=False) is None
    assert access.refusal(host, None, origin_needed=True)


def test_at_the_port_that_browsers_leave_out() -> None:
    access = Access(80)
    assert access.origin == "http://127.0.0.1"
    assert access.refusal("127.0.0.1", access.origin, origin_needed=True) is None
