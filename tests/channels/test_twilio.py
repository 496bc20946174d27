"""Twilio's signature: its published vectors, and its own package as an oracle for everything else."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from channels import twilio
from channels.contract import Context, Forged, Malformed, Request
from tests.channels.twilio_signing import Multi

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
FORM_TYPE = "application/x-www-form-urlencoded"


def posted(url: str, pairs: list[tuple[str, str]] | dict[str, str], proof: str, settings_header: str = "") -> Request:
    headers = {"x-twilio-signature": proof, "content-type": FORM_TYPE}
    if settings_header:
        headers["x-twilio-webhooks-signature-settings"] = settings_header
    query = url.partition("?")[2]
    return Request("POST", url, "", query, headers, urlencode(pairs).encode())


def believed(request: Request, *secrets: str) -> bool:
    try:
        twilio.verify(request, tuple(secret.encode() for secret in secrets or (TOKEN,)))
    except Forged:
        return False
    return True


@pytest.mark.parametrize(
    ("signed_url", "seen_url", "proof"),
    [
        (URL, URL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        # Twilio signs with or without the port, and we are not told which.
        (URL, URL.replace(".com", ".com:443"), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (URL.replace(".com", ".com:443"), URL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (URL, URL.replace("https", "http"), "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        (URL, URL.replace("https://mycompany.com", "http://mycompany.com:1234"), "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    ],
)  # fmt: skip
def test_the_published_vectors_are_believed(signed_url: str, seen_url: str, proof: str) -> None:
    assert believed(posted(seen_url, FORM, proof))
    assert not believed(posted(seen_url, FORM | {"Digits": "1235"}, proof))
    assert not believed(posted(seen_url, FORM, proof), "54321")


def test_a_repeated_field_is_signed_sorted_and_once() -> None:
    pairs = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234")]
    proof = "IK+Dwps556ElfBT0I3Rgjkr1wJU="
    assert believed(posted(URL, pairs, proof))
    assert believed(posted(URL, [*pairs, ("Digits", "1234")], proof))
    assert believed(posted(URL, pairs[::-1], proof))
    assert not believed(posted(URL, pairs[:-1], proof))


def test_a_request_without_fields_is_signed_by_its_address_alone() -> None:
    assert believed(posted(URL, {}, "zYQTYrRWXE7LtzbG4PfP7/bkkGo="))


def test_a_webhook_key_signs_with_sha_256() -> None:
    proof = "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s="
    assert believed(posted(URL, FORM, proof, "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"))
    assert believed(posted(URL, FORM, proof, "key=webhooks_sharedkey_1, algorithm = hmac_sha256 "))
    assert not believed(posted(URL, FORM, proof)), "as HMAC_SHA1 it proves nothing"
    assert not believed(posted(URL, FORM, proof, "algorithm=HMAC_MD5"))
    assert not believed(posted(URL, FORM, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "algorithm=HMAC_SHA256"))


def as_json(body: bytes, told: str, proof: str = "") -> Request:
    url = f"{URL}&bodySHA256={told}"
    proof = proof or RequestValidator(TOKEN).compute_signature(url, {})
    headers = {"x-twilio-signature": proof, "content-type": "application/json"}
    return Request("POST", url, "", url.partition("?")[2], headers, body)


def test_a_json_body_is_vouched_for_by_its_digest_in_the_address() -> None:
    body = b'{"property": "value", "boolean": true}'
    told = hashlib.sha256(body).hexdigest()
    assert told.startswith("0a1ff763")
    genuine = as_json(body, told, "a9nBmqA0ju/hNViExpshrM61xv4=")
    assert believed(genuine)
    assert not believed(replace(genuine, body=body + b" "))
    assert not believed(as_json(body, ""))
    assert not believed(as_json(body, "é"))
    assert not believed(as_json(body, told[:-1]))


def test_a_json_body_that_nothing_vouches_for_is_forged_and_no_error() -> None:
    url_alone = RequestValidator(TOKEN).compute_signature(URL, {})
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
        headers = {"x-twilio-signature": url_alone, "content-type": kind}
        assert not believed(Request("POST", URL, "", "foo=1&bar=2", headers, b'{"a": 1}'))


def test_a_token_is_rotated_without_losing_a_call() -> None:
    def proof(token: str) -> str:
        return RequestValidator(token).compute_signature(URL, FORM)

    opened = {"twilio_account_sid": "AC1", "twilio_auth_token": "old", "twilio_auth_token_secondary": "new"}
    channel = twilio.TwilioChannel(Context("twilio_sms", "https://mycompany.com", opened, {}, b""))
    channel.verify(posted(URL, FORM, proof("old")))
    channel.verify(posted(URL, FORM, proof("new")))
    with pytest.raises(Forged, match="CONTACT_CENTER_TWILIO_AUTH_TOKEN"):
        channel.verify(posted(URL, FORM, proof("older")))


def test_an_empty_secret_verifies_nothing() -> None:
    settings = {"twilio_account_sid": "AC1", "twilio_auth_token": " ", "twilio_auth_token_secondary": ""}
    channel = twilio.TwilioChannel(Context("twilio_sms", "https://mycompany.com", settings, {}, b""))
    proof = RequestValidator("").compute_signature(URL, FORM)
    with pytest.raises(Forged, match="CONTACT_CENTER_TWILIO_AUTH_TOKEN"):
        channel.verify(posted(URL, FORM, proof))


def test_a_channel_without_a_public_address_is_off() -> None:
    settings = {"twilio_account_sid": "AC1", "twilio_auth_token": "t"}
    state, reason = twilio.TwilioChannel(Context("twilio_sms", "", settings, {}, b"")).state()
    assert (state, "CONTACT_CENTER_PUBLIC_URL" in reason) == ("off", True)


@pytest.mark.parametrize("algorithm", ["HMAC_SHA1", "HMAC_SHA256"])
@pytest.mark.parametrize("port_signed", [False, True])
@pytest.mark.parametrize("port_seen", [False, True])
@pytest.mark.parametrize("secret", ["the token", "the next token", "the webhook key"])
@pytest.mark.parametrize("kind", ["form", "json", "empty", "get"])
def test_every_way_in_which_twilio_signs_is_believed_by_a_channel_and_nothing_beside_it(
    kind: str, secret: str, port_seen: bool, port_signed: bool, algorithm: str
) -> None:
    """Behind a proxy with a prefix of its own, with a token being rotated and a key for webhooks."""
    told = {
        "twilio_account_sid": "AC1",
        "twilio_auth_token": "the token",
        "twilio_auth_token_secondary": "the next token",
        "twilio_webhook_key": "the webhook key",
    }
    public = f"https://hub.example.com{':443' if port_seen else ''}/behind/a/proxy"
    channel = twilio.TwilioChannel(Context("twilio_voice", public + "/", told, {}, b""))
    tail = "/input?position=main.3%2B%E4%BD%A0&x=%20a+b"
    body, content_type, pairs = b"", "", list[tuple[str, str]]()
    if kind == "form":
        pairs = [("Digits", " 1 "), ("Body", "你好 & bye"), ("Empty", ""), ("Digits", "2"), ("b", "1"), ("B", "2")]
        body, content_type = urlencode(pairs).encode(), FORM_TYPE
    if kind == "json":
        body, content_type = b'{"a": 1}', "application/json; charset=utf-8"
        tail += f"&bodySHA256={hashlib.sha256(body).hexdigest()}"
    signed_url = f"https://hub.example.com{':443' if port_signed else ''}/behind/a/proxy/webhooks/twilio_voice{tail}"
    proof = RequestValidator(secret).compute_signature(signed_url, Multi.of(pairs), algorithm)
    headers = {"x-twilio-signature": proof}
    headers |= {"content-type": content_type} if content_type else {}
    if algorithm != "HMAC_SHA1":
        headers["x-twilio-webhooks-signature-settings"] = f"key=k1,algorithm={algorithm}"
    url = channel.url("") + tail
    request = Request("GET" if kind == "get" else "POST", url, "/input", tail.partition("?")[2], headers, body)
    channel.verify(request)
    channel.verify(request)  # a repetition is as genuine; that it is one is for the idempotency key to notice
    flipped = {"HMAC_SHA1": "key=k1,algorithm=HMAC_SHA256", "HMAC_SHA256": "key=k1,algorithm=HMAC_SHA1"}[algorithm]
    spoilt = [
        replace(request, url=request.url.replace("/behind/a/proxy", "")),
        replace(request, url=request.url.replace("%20a+b", "+a%20b")),
        replace(request, url=request.url.replace("https://", "http://")),
        replace(request, url=request.url.replace("hub.example.com", "hub.example.com.evil.example")),
        replace(request, body=request.body + b"&x=1", headers=headers | {"content-type": FORM_TYPE}),
        replace(request, headers=headers | {"x-twilio-webhooks-signature-settings": flipped}),
        replace(request, headers=headers | {"x-twilio-signature": proof.lower()}),
        replace(request, headers=headers | {"x-twilio-signature": ""}),
    ]
    for each in spoilt:
        with pytest.raises(Forged):
            channel.verify(each)


def test_an_address_with_and_without_a_last_slash_are_two() -> None:
    for signed, seen in (("https://e.com", "https://e.com/"), ("https://e.com/a/", "https://e.com/a")):
        proof = RequestValidator(TOKEN).compute_signature(signed, {})
        assert believed(posted(signed, {}, proof))
        assert not believed(posted(seen, {}, proof))


def test_spaces_around_a_value_are_signed() -> None:
    proof = RequestValidator(TOKEN).compute_signature(URL, {"Body": " hello "})
    assert believed(posted(URL, {"Body": " hello "}, proof))
    assert not believed(posted(URL, {"Body": "hello"}, proof))


def test_a_list_that_twilio_refuses_is_refused_in_its_words() -> None:
    """The package raises another error for a page of a list than for everything else."""
    assert twilio._read_refusal('{"code": 20003, "message": "Authenticate"}') == (20003, "Authenticate")
    for text in ("", "[]", "<html>", '{"code": "x"}', "\ud800"):
        code, _ = twilio._read_refusal(text)
        assert code is None


names = st.text(min_size=0, max_size=12)
pairs_of_anything = st.lists(st.tuples(names, st.text(max_size=30)), max_size=12)
hosts = st.sampled_from(["hub.example.com", "hub.example.com:443", "hub.example.com:80", "hub.example.com:8443"])
tails = st.sampled_from(["", "/", "/a", "/a?", "/a?b=c&b=c", "/a%20b?x=%E4%BD%A0+y", "/a?b=1:2", "?q=/:80"])


@given(
    st.sampled_from(["https", "http"]), hosts, tails, pairs_of_anything, st.text(min_size=1, max_size=20),
    st.sampled_from(["HMAC_SHA1", "HMAC_SHA256"]), st.booleans(),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_whatever_twilios_own_package_signs_is_believed_and_nothing_else(
    scheme: str, host: str, tail: str, pairs: list[tuple[str, str]], token: str, algorithm: str, other: bool
) -> None:
    url = f"{scheme}://{host}{tail}"
    pairs = [(name, value) for name, value in pairs if name or value]
    body = urlencode(pairs, errors="replace").encode()
    read = parse_qsl(body.decode(), keep_blank_values=True)
    oracle = RequestValidator(token)
    proof = oracle.compute_signature(url, Multi.of(read), algorithm)
    headers = {
        "x-twilio-signature": proof,
        "content-type": FORM_TYPE,
        "x-twilio-webhooks-signature-settings": f"key=k,algorithm={algorithm}",
    }
    seen = Request("POST", url, "", url.partition("?")[2], headers, body)
    if not url.endswith("?"):  # the package forgets a question mark with nothing behind it
        assert oracle.validate(url, Multi.of(read), proof, algorithm)
    assert believed(seen, token)
    assert not believed(seen, token + "x")
    if other:
        changed = [*read, ("Extra", "1")]
        seen = replace(seen, body=urlencode(changed).encode())
        assert not believed(seen, token)
        assert not oracle.validate(url, Multi.of(changed), proof, algorithm)


@given(
    st.lists(st.sampled_from([b"&", b"=", b"+", b"%", b"%4", b"%E4%BD%A0", b"%FF", b"a", b";", b"\xff"])).map(
        b"".join
    )
)
@settings(max_examples=300, deadline=None)
def test_a_form_is_read_as_the_standard_library_reads_it(body: bytes) -> None:
    assert list(twilio.pairs_in(body)) == parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


@given(st.binary(max_size=300))
@example(b"&=&=&")
@example(b"a=%00")
@example(b"\xff\xfe=%ff")
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_form_or_refused(body: bytes) -> None:
    fields = twilio.Fields(twilio.pairs_in(body))
    for name, _ in twilio.pairs_in(body):
        assert "\x00" not in fields.text(name)
        assert 0 <= fields.count(name) < 10_000
        assert 0.0 <= fields.fraction(name) <= 1.0
        assert fields.moment(name, 7) >= 0 or fields.text(name)


def test_the_first_of_a_repeated_field_counts() -> None:
    assert twilio.Fields(twilio.pairs_in(b"From=1&From=2")).text("From") == "1"


@pytest.mark.parametrize(
    "body", [b"a=" + b"b" * twilio.MAX_BODY, b"&".join(b"a%d=" % n for n in range(twilio.MAX_FIELDS + 1))]
)
def test_a_form_larger_than_twilio_sends_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        twilio.pairs_in(body)


def test_the_largest_form_that_twilio_may_send_is_taken() -> None:
    body = b"&".join(b"a%d=" % n for n in range(twilio.MAX_FIELDS))
    assert len(twilio.pairs_in(body)) == twilio.MAX_FIELDS


def test_a_number_of_another_script_is_no_count() -> None:
    assert twilio.Fields((("NumMedia", "٣"),)).count("NumMedia") == 0
    assert twilio.Fields((("NumMedia", "3"),)).count("NumMedia") == 3


@pytest.mark.parametrize("zone", ["+0000", "-0000", "GMT", ""])
def test_every_way_of_writing_utc_is_the_same_moment(zone: str) -> None:
    read = twilio.Fields((("at", f"Sat, 21 Nov 2026 19:26:40 {zone}"),))
    assert read.moment("at", 7) == 1_795_289_200_000


@pytest.mark.parametrize(
    "told", ["", "soon", "Sat, 99 Nov 2026 19:26:40 +0000", "9" * 64, "Sat, 21 Nov 0000 0:0 +9999"]
)
def test_what_is_no_time_is_now(told: str) -> None:
    assert twilio.Fields((("at", told),)).moment("at", 7) == 7


def test_verifying_a_genuine_and_a_forged_request_costs_no_more_than_hashing_it_a_few_times() -> None:
    """A flood of forged requests must cost the sender more than us."""
    request = posted(URL, {f"field{n}": "x" * 100 for n in range(400)}, "A" * 28)
    started = time.process_time()
    for _ in range(50):
        assert not believed(request)
    assert (time.process_time() - started) / 50 < 0.02
