from __future__ import annotations

import re

from sidecar.dashboard.server import page_files
from sidecar.dashboard.tab import FORWARDED, SERVED, SUBSCRIBE, UNSUBSCRIBE
from sidecar.wire.channels import CHANNELS

# Each with the reason why no page may have it.
KEPT_FROM_PAGES = {
    "sidecar:shutdown": "the command that started the sidecar ends it",
    "sidecar:power": "a browser knows of no suspend",
    "sidecar:info": "the settings, masked or not",
    "backend:createFirewallRule": "asks for administrator rights",
}


def asked_by_the_page() -> set[str]:
    scripts = [file.content.decode() for name, file in page_files().items() if name.endswith(".js")]
    return {name for text in scripts for name in re.findall(r'"((?:backend|runtime|sidecar):\w+)"', text)} & set(
        CHANNELS
    )


def test_a_page_may_ask_what_the_page_asks_and_nothing_else() -> None:
    assert asked_by_the_page() == SERVED - {UNSUBSCRIBE}


def test_what_is_dangerous_is_not_served() -> None:
    assert not SERVED & KEPT_FROM_PAGES.keys()
    assert CHANNELS.keys() >= SERVED | KEPT_FROM_PAGES.keys()


def test_subscriptions_are_each_tabs_own() -> None:
    assert not FORWARDED & {SUBSCRIBE, UNSUBSCRIBE}
