"""What the two Twilio channels share: who may call us, what a form says, how Twilio is asked for something.

Webhooks are verified as https://www.twilio.com/docs/usage/webhooks/webhooks-security says; REST goes through
Twilio's own package, whose errors become the few words of ``channels.contract`` at the one edge in here.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import importlib
import json
import re
from base64 import b64encode
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from channels.contract import (
    Channel,
    Context,
    Forged,
    Hub,
    Malformed,
    Rejected,
    Request,
    Retry,
    Uncertain,
)
from contact_center.domain.time import SECOND, Moment

REST_URL = "https://api.twilio.com"
UNBELIEVED_WAIT_MS = 60 * SECOND
"""Between two attempts with a password that is wrong: more would only get the account locked."""
MOST_REMEMBERED = 10_000
"""Of each kind, at one asking: ten pages of Twilio's."""
MAX_BODY = 64 * 1024
MAX_FIELDS = 500
XML = "text/xml"

CALLBACK_RETRIES = "#rc=2&rp=all"
"""Twilio tells a status once and forgets it, unless the URL asks for more: two retries, on any failure.
Twilio cuts the fragment off before it calls and signs (docs: webhooks-connection-overrides)."""

_DIGESTS: Mapping[str, Literal["sha1", "sha256"]] = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_DEFAULT_PORTS = {"https": 443, "http": 80}
_SID = re.compile(r"[A-Za-z0-9]{1,64}")

T = TypeVar("T")


# --- who may call us ---------------------------------------------------------------------------------------


def signature(secret: bytes, url: str, pairs: frozenset[tuple[str, str]], algorithm: str) -> bytes:
    """Twilio's signature: the URL, then every field's name and value, by name and then by value in code-point
    order, a repeated pair once; hashed with the account's auth token (HMAC_SHA1) or a webhook key
    (HMAC_SHA256)."""
    signed = url + "".join([name + value for name, value in sorted(pairs)])
    return b64encode(hmac.digest(secret, signed.encode("utf-8", "replace"), _DIGESTS[algorithm]))


def verify(request: Request, secrets: tuple[bytes, ...]) -> None:
    """Raises :class:`Forged` unless one of ``secrets`` signed the request. Pure; the time it takes says
    nothing about a secret. Only the signature's two headers and the content type have a say, and the URL is
    the one that the hub built from its own public address."""
    given = request.headers.get("x-twilio-signature", "").encode("utf-8", "replace")
    if not given:
        raise Forged("The request has no X-Twilio-Signature.")
    algorithm = _algorithm(request.headers.get("x-twilio-webhooks-signature-settings", ""))
    pairs = _signed_pairs(request)
    if _signed_by(secrets, request.url, pairs, algorithm, given):
        return
    if _signed_by(secrets, _other_port(request.url), pairs, algorithm, given):
        return
    raise Forged(
        "The X-Twilio-Signature is not of this account: check that CONTACT_CENTER_TWILIO_AUTH_TOKEN is the "
        "account's and that CONTACT_CENTER_PUBLIC_URL is the address that Twilio was given."
    )


def _signed_by(
    secrets: tuple[bytes, ...], url: str, pairs: frozenset[tuple[str, str]], algorithm: str, given: bytes
) -> bool:
    return any(hmac.compare_digest(signature(secret, url, pairs, algorithm), given) for secret in secrets)


def _algorithm(header: str) -> str:
    """The name in ``key=…,algorithm=…``; without one, what Twilio has always used."""
    for part in header.split(",") if header else ():
        name, equals, value = part.partition("=")
        if equals and name.strip() == "algorithm" and value.strip():
            algorithm = value.strip().upper()
            if algorithm not in _DIGESTS:
                raise Forged(f"The request is signed with {algorithm[:40]!r}, which is not known here.")
            return algorithm
    return "HMAC_SHA1"


def _signed_pairs(request: Request) -> frozenset[tuple[str, str]]:
    """The fields that the signature covers. A JSON body has none: the URL carries its digest instead."""
    try:
        if "bodySHA256=" in request.query:
            _check_digest(request)
            return frozenset()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("", "application/x-www-form-urlencoded"):
            raise Forged(f"Nothing vouches for the body, which is {kind[:60]!r} and no form.")
        return frozenset(pairs_in(request.body))
    except Malformed as malformed:  # who cannot prove who they are is not worth a second look
        raise Forged(malformed.reason) from malformed


def _check_digest(request: Request) -> None:
    if len(request.body) > MAX_BODY:
        raise Malformed("The body is larger than Twilio sends.")
    told = dict(parse_qsl(request.query)).get("bodySHA256", "").lower()
    found = hashlib.sha256(request.body).hexdigest()
    if not hmac.compare_digest(told.encode("utf-8", "replace"), found.encode()):
        raise Forged("The body is not the one that was signed.")


def _other_port(url: str) -> str:
    """The URL with its port left out, or with its scheme's default one written: Twilio signs either."""
    scheme, separator, rest = url.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(host) :]
    bare = re.sub(r":\d*$", "", host)
    port = f":{_DEFAULT_PORTS.get(scheme.lower(), 80)}" if bare == host else ""
    return f"{scheme}{separator}{bare}{port}{tail}"


# --- what a form says --------------------------------------------------------------------------------------


@lru_cache(maxsize=128)  # verifying, parsing and answering read the same bytes, others' in between
def pairs_in(body: bytes) -> tuple[tuple[str, str], ...]:
    """The fields of a form, decoded, in order, empty values kept. Raises :class:`Malformed` above 64 KB or 500
    fields. The same as ``urllib.parse.parse_qsl``, in half the time: most of what Twilio sends is plain."""
    if len(body) > MAX_BODY:
        raise Malformed("The body is larger than Twilio sends.")
    if body.count(b"&") >= MAX_FIELDS:
        raise Malformed("The form has more fields than Twilio sends.")
    split = [pair.partition("=") for pair in body.decode("utf-8", "replace").split("&") if pair]
    return tuple([(_decoded(name), _decoded(value)) for name, _, value in split])


def _decoded(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


class Fields:
    """A form by name: the first value of each, without the null characters that no database stores."""

    __slots__ = ("_values",)

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self._values = dict(reversed(pairs))

    def text(self, name: str, limit: int = 255) -> str:
        """The field's value, cut at ``limit`` characters; empty where it is missing."""
        value = self._values.get(name, "")[:limit]
        return value.replace("\x00", "") if "\x00" in value else value

    def sid(self, name: str) -> str:
        """A Twilio identifier, or empty where the field holds none."""
        value = self._values.get(name, "")
        return value if _SID.fullmatch(value) else ""

    def needed_sid(self, name: str) -> str:
        """A Twilio identifier. Raises :class:`Malformed` where the field holds none."""
        sid = self.sid(name)
        if not sid:
            raise Malformed(f"The form has no {name}: is this address the one meant for this callback?")
        return sid

    def count(self, name: str) -> int:
        """A small number; 0 where the field holds none."""
        value = self._values.get(name, "")
        return int(value) if value.isascii() and value.isdigit() and len(value) < 5 else 0

    def fraction(self, name: str) -> float:
        return fraction(self._values.get(name, ""))

    def moment(self, name: str, now: Moment) -> Moment:
        """RFC 2822, as Twilio's callbacks tell the time; ``now`` where the field holds none."""
        value = self._values.get(name, "")[:64]
        try:
            at = parsedate_to_datetime(value) if value else None
            if at is None:
                return now
            # "-0000" is UTC too (RFC 5322, 3.3), and Twilio knows no other zone.
            return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)
        except (ValueError, TypeError, IndexError, OverflowError, OSError):
            return now


def form(request: Request) -> Fields:
    """The fields of a verified webhook, which are in the address where Twilio was told to use GET. Raises
    :class:`Malformed`."""
    if request.method == "GET":
        return Fields(pairs_in(request.query.encode("utf-8", "replace")))
    if request.method != "POST":
        raise Malformed("Twilio must be told to use POST for this address.")
    return Fields(pairs_in(request.body))


def query(request: Request) -> Fields:
    """What the address that we gave Twilio carries; genuine, since Twilio signs it."""
    try:
        return Fields(_pairs_in_address(request.query))
    except ValueError as error:
        raise Malformed("The address has more parameters than we give.") from error


@lru_cache(maxsize=128)  # read when the request comes in, and once more for its answer
def _pairs_in_address(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(text, keep_blank_values=True, max_num_fields=50))


def fraction(value: object) -> float:
    """A confidence between 0 and 1; 0 where ``value`` is no such thing."""
    try:
        number = float(value) if isinstance(value, (str, int, float)) else 0.0
    except (ValueError, OverflowError):
        return 0.0
    return number if 0.0 <= number <= 1.0 else 0.0


def sendable(text: str) -> str:
    """``text`` without halves of surrogate pairs, which JSON can carry and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode()


def safe_id(value: str, limit: int = 128) -> bool:
    """Whether ``value`` can stand in a path, a room's name or a label without meaning anything else."""
    return 0 < len(value) <= limit and re.fullmatch(r"[A-Za-z0-9_.:-]+", value) is not None


# --- what both channels are --------------------------------------------------------------------------------


class TwilioChannel(Channel):
    """Settings, signatures and the REST client; what a webhook means is for the channels to say.

    ``answer_seconds`` is how long Twilio may take over one REST request."""

    answer_seconds: float = 15.0

    def __init__(self, context: Context) -> None:
        def setting(name: str) -> str:
            return context.settings.get(name, "").strip()

        self.name = context.name
        self.account_sid = setting("twilio_account_sid")
        self.auth_token = setting("twilio_auth_token")
        self.rest_url = setting("twilio_rest_url") or REST_URL
        self.public_url = context.public_url.rstrip("/")
        # Others that speak Twilio's language need not know Twilio's extension of addresses.
        at_twilio = (urlsplit(self.rest_url).hostname or "").endswith(".twilio.com")
        self._retries = CALLBACK_RETRIES if at_twilio else ""
        # A token being rotated, and a key made for webhooks alone, are as good as the token.
        secrets = (self.auth_token, setting("twilio_auth_token_secondary"), setting("twilio_webhook_key"))
        self._secrets = tuple(secret.encode() for secret in secrets if secret)
        needed = {
            "CONTACT_CENTER_TWILIO_ACCOUNT_SID": self.account_sid,
            "CONTACT_CENTER_TWILIO_AUTH_TOKEN": self.auth_token,
            "CONTACT_CENTER_PUBLIC_URL": self.public_url,
        }
        missing = [name for name, value in needed.items() if not value]
        self.missing = f"Set {' and '.join(missing)}." if missing else ""
        # Numbers that lead here by a messaging service or a TwiML application: their own settings don't show it.
        self.numbers = frozenset(str(number) for number in context.config.get("numbers", ()))
        self.hub: Hub | None = None
        self._warning = ""
        self._doubted = False
        self._client: Any = None
        self._opening: asyncio.Lock | None = None

    def state(self) -> tuple[Literal["ready", "degraded", "off"], str]:
        return ("off", self.missing) if self.missing else ("ready", "")

    def verify(self, request: Request) -> None:
        if self.missing:
            raise Forged(self.missing)
        verify(request, self._secrets)

    async def listen(self, hub: Hub) -> None:
        """There is nothing to listen to; but what goes wrong with REST is told to ``hub``."""
        self.hub = hub

    @contextmanager
    def believed(self) -> Iterator[None]:
        """Around what is asked of Twilio: an account that it does not believe is shown to the operator, until
        it does again."""
        try:
            yield
        except Unbelieved as refused:
            self._doubted = True
            if self.hub:
                self.hub.report("degraded", refused.reason)
            raise
        if self._doubted:
            self._doubted = False
            self.warn(self._warning)

    def warn(self, warning: str) -> None:
        """The channel works, and ``warning`` is shown for as long as it does; empty ends it."""
        self._warning = warning
        if self.hub and not self._doubted:
            self.hub.report("degraded" if warning else "ready", warning)

    def url(self, path: str, **parameters: str) -> str:
        """The address of this channel's own webhook, for Twilio to call."""
        told = "?" + urlencode(parameters, errors="replace") if parameters else ""
        return f"{self.public_url}/webhooks/{self.name}{path}{told}"

    def callback(self, path: str, **parameters: str) -> str:
        """As :meth:`url`, for what Twilio tells and then forgets."""
        return self.url(path, **parameters) + self._retries

    async def rest(self) -> Any:
        """Twilio's REST client, made at the first use: importing it takes half a second, and not on the event
        loop. Raises :class:`Retry` where the channel is off."""
        if self.missing:
            raise Retry(self.missing)
        if self._client is None:
            self._opening = self._opening or asyncio.Lock()
            async with self._opening:
                if self._client is None:
                    rest = await asyncio.to_thread(importlib.import_module, "channels.twilio_rest")
                    self._client = rest.open_client(
                        self.account_sid, self.auth_token, self.rest_url, lambda: self.answer_seconds
                    )
        return self._client

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.http_client.close()


async def unless_refused(request: Awaitable[T]) -> T:
    """What Twilio answers. Raises :class:`Retry`, :class:`Uncertain`, or :class:`TwilioRefused` with Twilio's
    code and words."""
    from twilio.base.exceptions import (  # type: ignore[import-untyped]  # half a second: not at start
        TwilioException,
        TwilioRestException,
    )

    try:
        return await request
    except TwilioRestException as refusal:
        raise _refused(refusal.status, refusal.code, refusal.msg) from refusal
    except (TwilioException, ValueError, LookupError, AttributeError, TypeError) as error:
        page = error.args[1] if len(error.args) > 1 else None  # how the package says that a list was refused
        if status := getattr(page, "status_code", 0):
            raise _refused(status, *_read_refusal(getattr(page, "text", ""))) from error
        raise Uncertain(f"Twilio answered something that cannot be read: {error}") from error


def _refused(status: int, code: int | None, words: str) -> Retry | TwilioRefused:
    said = f"Twilio refused ({code or status}): {words}"
    if status in (401, 403) and code in (None, 20003):
        return Unbelieved(f"{said} Check CONTACT_CENTER_TWILIO_ACCOUNT_SID and …_AUTH_TOKEN.")
    return TwilioRefused(said, status, code or 0)


def _read_refusal(text: str) -> tuple[int | None, str]:
    try:
        told = json.loads(text)
    except ValueError:
        return None, text[:200]
    if not isinstance(told, dict):
        return None, text[:200]
    code = told.get("code")
    return code if isinstance(code, int) else None, str(told.get("message", ""))[:200]


def sid_of(answer: Any) -> str:
    """The identifier of what Twilio made. Raises :class:`Uncertain` where it does not say."""
    sid = answer.sid
    if not isinstance(sid, str) or not _SID.fullmatch(sid):
        raise Uncertain("Twilio took the request and gave no identifier for what it made.")
    return sid


async def harmless_twice(request: Awaitable[T]) -> T:
    """As :func:`unless_refused`, for what may be done again: not knowing that it was done is a reason to, and so
    is its being changed by somebody else at the same moment (409)."""
    try:
        return await unless_refused(request)
    except Uncertain as unsure:
        raise Retry(unsure.reason) from unsure
    except TwilioRefused as refused:
        if refused.status == 409:
            raise Retry(refused.reason) from refused
        raise


class Unbelieved(Retry):
    """The account or its password is wrong (401, 403, 20003): no request will do before somebody mends it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason[:500], UNBELIEVED_WAIT_MS)


class TwilioRefused(Rejected):
    """``status`` is HTTP's; ``code`` is Twilio's (twilio.com/docs/api/errors), 0 where it gave none."""

    def __init__(self, reason: str, status: int, code: int) -> None:
        super().__init__(reason[:500])
        self.status = status
        self.code = code


def rest_address(uri: str, rest_url: str) -> str:
    """``uri`` of Twilio's package, moved to ``rest_url``: a sandbox, a proxy, a region's own address."""
    parts = urlsplit(uri)
    return rest_url.rstrip("/") + parts.path + (f"?{parts.query}" if parts.query else "")


# --- what Twilio remembers -----------------------------------------------------------------------------------


async def numbers_at(client: Any, setting: str, hook: str, named: frozenset[str]) -> frozenset[str] | None:
    """The account's numbers whose ``setting`` (``voice_url``, ``sms_url``) is ``hook``, and those that are ``named``:
    others may belong to other programs. ``None``, which is all of them, at a provider that keeps no such list."""
    try:
        found = await harmless_twice(client.incoming_phone_numbers.list_async(limit=MOST_REMEMBERED))
    except TwilioRefused as refused:
        if refused.status in (404, 405, 501):
            return None
        raise
    at = [each for each in found if (getattr(each, setting) or "").partition("#")[0].rstrip("/") == hook]
    return named.union(each.phone_number for each in at)


def moment_of(at: object) -> Moment:
    """A time of Twilio's package; 0 where there is none."""
    return int(at.timestamp() * 1_000) if isinstance(at, datetime) else 0
