"""Says which mailboxes there are, and how to open them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from channels.contract import Context
from channels.email.addresses import is_address
from channels.email.oauth import Grant, on_this_machine
from channels.email.parse import Recipient

_SETTINGS = ("email_address", "email_imap_url", "email_smtp_url")
_PORTS = {"imap": 143, "imaps": 993, "smtp": 587, "smtps": 465}
_TRUE = {"1", "true", "yes", "on"}


class Server(BaseModel):
    """A mail server, from a URL: ``imaps://user:password@host:port?ca=FILE``, ``smtp://…?starttls=1``.

    ``imaps`` and ``smtps`` speak TLS from the start. ``starttls=1`` (SMTP) insists on it. Neither and a
    password on the way to another machine is refused, unless ``plaintext=1`` says that the road is safe.
    ``ca`` is a PEM file to trust instead of the system's authorities.
    """

    model_config = ConfigDict(frozen=True)
    host: str
    port: int = Field(ge=1, le=65535)
    user: str = ""
    password: SecretStr = SecretStr("")
    security: Literal["none", "starttls", "tls"] = "none"
    ca: str = ""


class Mailbox(BaseModel):
    """One address of ours with its servers. ``aliases`` are other addresses whose mail lands in it.
    ``trusted_authserv`` is the name under which its server writes Authentication-Results. ``import_existing``
    takes in what lies there when the mailbox is opened for the first time, instead of starting from now. With
    ``oauth`` both servers are opened by XOAUTH2 instead of a password. ``sent_folder`` is where people's other mail
    programs file what they send from this address; empty: nobody looks. ``bounce_address`` is the envelope sender
    of what we send, with ``{token}`` where the mark of the letter goes; empty: the address. ``signature`` is text
    or HTML by language."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(default="", max_length=60)
    address: str
    aliases: tuple[str, ...] = ()
    imap_url: SecretStr
    imap_user: str = ""
    imap_password: SecretStr = SecretStr("")
    folder: str = Field(default="INBOX", min_length=1, max_length=200)
    smtp_url: SecretStr
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    trusted_authserv: str = Field(default="", max_length=255)
    import_existing: bool = False
    oauth: Grant | None = None
    sent_folder: str = Field(default="", max_length=200)
    bounce_address: str = Field(default="", max_length=254)
    signature: dict[str, Annotated[str, Field(max_length=10_000)]] = Field(default_factory=dict, max_length=50)

    @field_validator("address")
    @classmethod
    def _one_address(cls, value: str) -> str:
        value = value.strip().lower()
        if not is_address(value):
            raise ValueError("must be one plain e-mail address")
        return value

    @field_validator("aliases")
    @classmethod
    def _addresses(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(cls._one_address(value) for value in values)

    @field_validator("bounce_address")
    @classmethod
    def _with_a_token(cls, value: str) -> str:
        value = value.strip()
        if value and (value.count("{token}") != 1 or not is_address(value.replace("{token}", "t"))):
            raise ValueError("must be one plain e-mail address with {token} in it, like bounces+{token}@example.com")
        return value

    @field_validator("signature", mode="before")
    @classmethod
    def _by_language(cls, value: Any) -> Any:
        return {"": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _servers(self) -> Mailbox:
        _ = self.imap, self.smtp
        if self.sent_folder and self.sent_folder == self.folder:
            raise ValueError("has the same folder for mail that comes and mail that was sent")
        return self

    @property
    def imap(self) -> Server:
        return self._server(self.imap_url, ("imap", "imaps"), self.imap_user, self.imap_password)

    @property
    def smtp(self) -> Server:
        return self._server(self.smtp_url, ("smtp", "smtps"), self.smtp_user, self.smtp_password)

    def _server(self, url: SecretStr, schemes: tuple[str, str], user: str, password: SecretStr) -> Server:
        server = _server(url, schemes, user, password, self.oauth is not None)
        return server if server.user or self.oauth is None else server.model_copy(update={"user": self.address})

    def signed(self, language: str) -> str:
        """The signature for ``language`` (``zh-Hans`` has that of ``zh``), else the one for any, else English, else
        the first there is."""
        asked = (language, language.partition("-")[0], "", "en")
        return next((self.signature[each] for each in asked if each in self.signature), "") or next(
            iter(self.signature.values()), ""
        )

    @property
    def addresses(self) -> tuple[str, ...]:
        return (self.address, *self.aliases)


def _server(url: SecretStr, schemes: tuple[str, str], user: str, password: SecretStr, token: bool) -> Server:
    parts = urlsplit(url.get_secret_value().strip())
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"must look like {schemes[0]}://user:password@host:port or {schemes[1]}://…")
    options = dict(parse_qsl(parts.query))
    security: Literal["none", "starttls", "tls"] = "none"
    if parts.scheme == schemes[1]:
        security = "tls"
    elif options.get("starttls", "").lower() in _TRUE:
        security = "starttls"
    if schemes[0] == "imap" and security == "starttls":
        raise ValueError("IMAP is spoken over TLS from the start: use imaps://")
    server = Server(
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        user=user or unquote(parts.username or ""),
        password=password if password.get_secret_value() else SecretStr(unquote(parts.password or "")),
        security=security,
        ca=options.get("ca", ""),
    )
    plaintext = security == "none" and options.get("plaintext", "").lower() not in _TRUE
    if plaintext and (token or server.password.get_secret_value()) and not on_this_machine(server.host):
        raise ValueError(f"would send the password to {server.host} in the clear; use {schemes[1]}://")
    return server


def mailboxes_from(context: Context) -> tuple[tuple[Mailbox, ...], str]:
    """The mailboxes, or none and what is missing or wrong. The configuration's ``mailboxes`` count before the
    single mailbox of the settings."""
    listed = context.config.get("mailboxes")
    if listed:
        return _checked(list(listed) if isinstance(listed, (list, tuple)) else [listed])
    missing = [name for name in _SETTINGS if not context.settings.get(name, "").strip()]
    if missing:
        return (), "Missing: " + ", ".join(f"CONTACT_CENTER_{name.upper()}" for name in missing) + "."
    return _checked([_single(context.settings)])


def _single(settings: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": settings.get("email_name", "").strip(),
        "address": settings["email_address"],
        "aliases": settings.get("email_aliases", "").replace(",", " ").split(),
        "imap_url": settings["email_imap_url"],
        "smtp_url": settings["email_smtp_url"],
        "trusted_authserv": settings.get("email_trusted_authserv", "").strip(),
        "import_existing": settings.get("email_import_existing", "").strip().lower() in _TRUE,
    }


def _checked(listed: list[Any]) -> tuple[tuple[Mailbox, ...], str]:
    found: list[Mailbox] = []
    for number, each in enumerate(listed, 1):
        try:
            found.append(Mailbox.model_validate(each))
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(step) for step in problem["loc"])
            return (), f"Mailbox {number}: {where} {problem['msg']}."
    addresses = [address for mailbox in found for address in mailbox.addresses]
    twice = next((address for address in addresses if addresses.count(address) > 1), "")
    return ((), f"Two mailboxes have the address {twice}.") if twice else (tuple(found), "")


def recipient_of(mailbox: Mailbox, channel: str, everyone: frozenset[str], instance: str) -> Recipient:
    """What parsing may know of the mailbox: its names, never its passwords."""
    return Recipient(channel, mailbox.addresses, everyone, mailbox.trusted_authserv, instance)
