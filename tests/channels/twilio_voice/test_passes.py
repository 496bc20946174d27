"""An agent's browser becomes a telephone by a token, read here with the key that Twilio would read it with."""

from __future__ import annotations

import jwt
import pytest

from channels.contract import Context
from channels.twilio_voice import TwilioVoice, open_channel
from tests.channels import twilio_signing
from tests.channels.conformance import NOW

KEYS = {"twilio_api_key_sid": "SK1", "twilio_api_key_secret": "a secret of thirty-two characters", "x": ""}
APPLICATION = {"twilio_twiml_app_sid": "AP1"}


def channel(settings: dict[str, str], **config: str) -> TwilioVoice:
    told = twilio_signing.SETTINGS | settings
    return open_channel(Context("twilio_voice", "https://hub.example.com", told, config, b""))


def test_a_pass_is_for_one_agent_for_an_hour() -> None:
    given = channel(KEYS | APPLICATION).pass_for("mei", NOW)
    assert (given["identity"], given["expires_at"]) == ("mei", NOW + 3_600_000)
    read = jwt.decode(
        given["token"], KEYS["twilio_api_key_secret"], ["HS256"], options={"verify_exp": False, "verify_nbf": False}
    )
    assert (read["iss"], read["sub"]) == ("SK1", twilio_signing.SETTINGS["twilio_account_sid"])
    assert (read["nbf"], read["exp"]) == (NOW // 1_000, NOW // 1_000 + 3_600)
    assert read["grants"] == {
        "identity": "mei",
        "voice": {"incoming": {"allow": True}, "outgoing": {"application_sid": "AP1"}},
    }
    assert jwt.get_unverified_header(given["token"])["cty"] == "twilio-fpa;v=1"


def test_the_same_moment_gives_the_same_pass() -> None:
    assert channel(KEYS).pass_for("mei", NOW) == channel(KEYS).pass_for("mei", NOW)
    assert channel(KEYS).pass_for("mei", NOW) != channel(KEYS).pass_for("li", NOW)


def test_without_an_application_a_browser_only_takes_calls() -> None:
    token = channel(KEYS).pass_for("mei", NOW)["token"]
    grants = jwt.decode(token, options={"verify_signature": False})["grants"]
    assert grants["voice"] == {"incoming": {"allow": True}}


def test_a_region_is_told_to_the_browser_and_to_twilio() -> None:
    given = channel(KEYS, region="ie1").pass_for("mei", NOW)
    assert given["region"] == "ie1"
    assert jwt.get_unverified_header(given["token"])["twr"] == "ie1"


@pytest.mark.parametrize("missing", ["twilio_api_key_sid", "twilio_api_key_secret"])
def test_without_the_settings_there_is_no_pass(missing: str) -> None:
    assert channel({**KEYS, missing: " "}).pass_for("mei", NOW) == {}
    assert channel({**KEYS, "twilio_auth_token": ""}).pass_for("mei", NOW) == {}


@pytest.mark.parametrize("agent_id", ["", "a b", "a/b", "mei\n", "x" * 122, "美"])
def test_an_id_that_names_no_telephone_gets_no_pass(agent_id: str) -> None:
    assert channel(KEYS).pass_for(agent_id, NOW) == {}
