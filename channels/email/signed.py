"""Gets at the words inside signatures, and says so where they are encrypted: S/MIME (RFC 8551) and PGP (RFC 9580).

No signature is checked here: what is signed is read like what isn't, and believed no more."""

from __future__ import annotations

import re

from channels.email.files import File

ENCRYPTED_SMIME = "[This message is encrypted with S/MIME. It can be read with its recipient's key, from the file.]"
ENCRYPTED_PGP = "[This message is encrypted with PGP. It can be read with its recipient's key, from the file.]"

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_ENVELOPED = (bytes.fromhex("2a864886f70d010703"), bytes.fromhex("2a864886f70d0109100117"))
_OID, _OCTETS, _SEQUENCE, _CONTEXT_0 = 0x06, 0x04, 0x30, 0xA0
_DEEPEST = 12

_SIGNED_TEXT = re.compile(
    r"^-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\n(?:[A-Z][A-Za-z-]{0,20}: [^\n]{0,200}\n){0,10}[ \t]*\n", re.MULTILINE
)
_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"
_SIGNATURE_ENDS = "-----END PGP SIGNATURE-----"
_MESSAGE = "-----BEGIN PGP MESSAGE-----"
_MESSAGE_ENDS = "-----END PGP MESSAGE-----"


class _Unreadable(Exception):
    pass


def is_enveloped(der: bytes) -> bool:
    """Whether the S/MIME file is an encrypted one."""
    try:
        _, start, end, _ = _element(der, 0, len(der))
        tag, start, end, _ = _element(der, start, end)
    except _Unreadable:
        return False
    return tag == _OID and der[start:end] in _ENVELOPED


def signed_content(der: bytes) -> bytes:
    """The MIME entity that an S/MIME file of kind *signed-data* carries; empty if it is none, or carries none."""
    try:
        return _signed_content(der)
    except _Unreadable:
        return b""


def _signed_content(der: bytes) -> bytes:
    # ContentInfo { signedData, [0] SignedData { version, algorithms, { data, [0] the content }, … } } (RFC 5652)
    _, start, end, _ = _element(der, 0, len(der))
    _, oid, oid_end, at = _element(der, start, end)
    if der[oid:oid_end] != _SIGNED_DATA:
        return b""
    _, start, end, _ = _element(der, at, end)
    _, at, end, _ = _element(der, start, end)
    for _ in ("version", "algorithms"):
        at = _element(der, at, end)[3]
    _, start, end, _ = _element(der, at, end)
    at = _element(der, start, end)[3]
    if at >= end:
        return b""
    _, start, end, _ = _element(der, at, end)
    return b"".join(_octets(der, start, end, 0))


def _octets(der: bytes, at: int, end: int, depth: int) -> list[bytes]:
    """A string of octets, whole or in pieces."""
    pieces: list[bytes] = []
    while at < end:
        tag, start, stop, at = _element(der, at, end)
        if tag == _OCTETS:
            pieces.append(der[start:stop])
        elif tag == _OCTETS | 0x20 and depth < _DEEPEST:
            pieces += _octets(der, start, stop, depth + 1)
        else:
            break
    return pieces


def _element(der: bytes, at: int, end: int, depth: int = 0) -> tuple[int, int, int, int]:
    """(tag, where its content starts, where it ends, where the next element begins). An element of indefinite length
    ends with two zeros."""
    if at + 2 > end or depth > _DEEPEST:
        raise _Unreadable
    tag, length, start = der[at], der[at + 1], at + 2
    if tag & 0x1F == 0x1F:
        raise _Unreadable
    if length == 0x80:
        stop = start
        while der[stop : stop + 2] != b"\0\0":
            stop = _element(der, stop, end, depth + 1)[3]
        return tag, start, stop, stop + 2
    if length > 0x80:
        octets = length & 0x7F
        length = int.from_bytes(der[start : start + octets], "big") if octets <= 4 else end
        start += octets
    if start + length > end:
        raise _Unreadable
    return tag, start, start + length, start + length


def without_armour(text: str) -> tuple[str, list[File]]:
    """``text`` without what PGP puts around it, and that as files: the signature, or the message where it is
    encrypted."""
    if "-----BEGIN PGP " not in text:
        return text, []
    files: list[File] = []
    if text.lstrip().startswith(_MESSAGE):
        message, rest = _cut(text.lstrip(), 0, _MESSAGE_ENDS)
        files.append(File(message.encode(), "message.asc", "application/pgp-encrypted"))
        return f"{ENCRYPTED_PGP}\n\n{rest}".strip(), files
    opened = _SIGNED_TEXT.search(text)
    closed = text.find(_SIGNATURE, opened.end()) if opened else -1
    if opened is None or closed < 0:
        return text, []
    signature, after = _cut(text, closed, _SIGNATURE_ENDS)
    files.append(File(signature.encode(), "signature.asc", "application/pgp-signature"))
    signed = re.sub(r"^- ", "", text[opened.end() : closed], flags=re.MULTILINE)
    return text[: opened.start()] + signed + after, files


def _cut(text: str, start: int, ends: str) -> tuple[str, str]:
    at = text.find(ends, start)
    end = len(text) if at < 0 else at + len(ends)
    return text[start:end] + "\n", text[end:].lstrip("\n")
