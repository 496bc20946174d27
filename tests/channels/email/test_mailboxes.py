from __future__ import annotations

from typing import Any

import pytest

from channels.contract import Context
from channels.email import open_channel
from channels.email.mailboxes import mailboxes_from

BOX: dict[str, Any] = {
    "name": "Support",
    "address": "Support@Hub.Test",
    "imap_url": "imaps://support%40hub.test:p%40ss@imap.hub.test",
    "smtp_url": "smtp://smtp.hub.test:2525?starttls=1",
    "smtp_user": "u",
    "smtp_password": "p",
}


def context(config: dict[str, Any], **settings: str) -> Context:
    return Context("email", "https://hub.test", settings, config, b"secret")


def test_a_mailbox_from_the_configuration_has_its_servers() -> None:
    (mailbox,), missing = mailboxes_from(context({"mailboxes": [BOX]}))
    assert missing == ""
    assert mailbox.address == "support@hub.test"
    imap, smtp = mailbox.imap, mailbox.smtp
    assert (imap.host, imap.port, imap.user, imap.security) == ("imap.hub.test", 993, "support@hub.test", "tls")
    assert imap.password.get_secret_value() == "p@ss"
    assert (smtp.host, smtp.port, smtp.user, smtp.security) == ("smtp.hub.test", 2525, "u", "starttls")


def test_the_configuration_counts_before_the_settings() -> None:
    (mailbox,), _ = mailboxes_from(context({"mailboxes": [BOX]}, email_address="other@hub.test"))
    assert mailbox.address == "support@hub.test"


@pytest.mark.parametrize(
    "change, said",
    [
        ({"address": "nobody"}, "Mailbox 1: address"),
        ({"address": "a@b, c@d"}, "Mailbox 1: address"),
        ({"aliases": ["x"]}, "Mailbox 1: aliases"),
        ({"imap_url": "http://hub.test"}, "imaps://"),
        ({"imap_url": "imap://u:p@imap.hub.test?starttls=1"}, "imaps://"),
        ({"imap_url": "imap://u:p@imap.hub.test"}, "in the clear"),
        ({"smtp_url": "smtp://u:p@smtp.hub.test"}, "in the clear"),
        ({"smtp_url": "smtps://smtp.hub.test:99999"}, "Mailbox 1"),
        ({"imapurl": "x"}, "imapurl"),
        ({"aliases": ["support@hub.test"]}, "support@hub.test"),
    ],
)
def test_a_wrong_mailbox_switches_the_channel_off_and_says_what_is_wrong(change: dict[str, Any], said: str) -> None:
    state, reason = open_channel(context({"mailboxes": [{**BOX, **change}]})).state()
    assert state == "off"
    assert said in reason


def test_no_password_is_ever_shown() -> None:
    (mailbox,), _ = mailboxes_from(context({"mailboxes": [BOX]}))
    assert "p@ss" not in repr(mailbox)
    assert "p%40ss" not in repr(mailbox)
    _, reason = mailboxes_from(context({"mailboxes": [{**BOX, "imap_url": "imap://u:hunter2@imap.hub.test"}]}))
    assert "hunter2" not in reason


def test_a_plain_road_may_be_declared_safe() -> None:
    (mailbox,), _ = mailboxes_from(context({"mailboxes": [{**BOX, "imap_url": "imap://u:p@mail?plaintext=1"}]}))
    assert mailbox.imap.security == "none"


GRANT = {
    "token_url": "https://login.example.com/token",
    "client_id": "hub",
    "client_secret": "cs3cret",
    "refresh_token": "rt0ken",
}


def test_a_mailbox_by_oauth_needs_no_password_and_logs_in_as_its_address() -> None:
    box = {**BOX, "imap_url": "imaps://imap.hub.test", "smtp_user": "", "smtp_password": "", "oauth": GRANT}
    (mailbox,), missing = mailboxes_from(context({"mailboxes": [box]}))
    assert missing == ""
    assert (mailbox.imap.user, mailbox.smtp.user) == ("support@hub.test", "support@hub.test")
    assert "cs3cret" not in repr(mailbox)
    assert "rt0ken" not in repr(mailbox)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"oauth": {**GRANT, "token_url": "http://login.example.com"}}, "oauth.token_url"),
        ({"oauth": {**GRANT, "refresh_token": ""}}, "oauth.refresh_token"),
        ({"oauth": {**GRANT, "secret": "hunter2"}}, "oauth.secret"),
        ({"oauth": GRANT, "imap_url": "imap://imap.hub.test"}, "in the clear"),
        ({"sent_folder": "INBOX"}, "same folder"),
        ({"bounce_address": "bounces@hub.test"}, "bounce_address"),
        ({"bounce_address": "{token}{token}@hub.test"}, "bounce_address"),
        ({"bounce_address": "a b{token}@hub.test"}, "bounce_address"),
        ({"signature": {"en": "x" * 10_001}}, "signature"),
        ({"signature": 5}, "signature"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_with_it(change: dict[str, Any], said: str) -> None:
    state, reason = open_channel(context({"mailboxes": [{**BOX, **change}]})).state()
    assert state == "off"
    assert said in reason
    assert not any(secret in reason for secret in ("hunter2", "cs3cret", "rt0ken"))


@pytest.mark.parametrize(
    "signature, language, found",
    [
        ({"en": "Yours", "zh": "此致"}, "zh", "此致"),
        ({"en": "Yours", "zh": "此致"}, "zh-Hans", "此致"),
        ({"en": "Yours", "zh": "此致"}, "de", "Yours"),
        ({"zh": "此致"}, "de", "此致"),
        ("For all", "zh", "For all"),
        ({}, "en", ""),
    ],
)
def test_a_signature_is_the_one_of_the_language(signature: Any, language: str, found: str) -> None:
    box = {**BOX, "aliases": ["help@hub.test"], "signature": signature}
    channel = open_channel(context({"mailboxes": [box]}))
    assert channel.signature("Support@hub.test", language) == found
    assert channel.signature("help@hub.test", language) == found
    assert channel.signature("other@hub.test", language) == ""
