"""Reads what our own mail server found out about a message's sender (RFC 8601); nobody else's claim
counts."""

from __future__ import annotations

import re

from channels.email.headers import Headers

_RESULT = re.compile(r"(dmarc|dkim|spf)\s*=\s*([a-z]+)", re.IGNORECASE)
_PROPERTY = re.compile(r"\s(header\.d|header\.i|header\.from|smtp\.mailfrom)\s*=\s*([^\s;]+)", re.IGNORECASE)


def doubt(headers: Headers, sender: str, trusted_authserv: str) -> str:
    """Why the sender's address is not to be believed; empty if our server vouches for it, or if no server is
    configured to ask (``trusted_authserv``), which says nothing either way.

    Only the topmost Authentication-Results counts, and only if our server wrote it: those below came with the
    message. DMARC decides; without it, an aligned DKIM or SPF pass does.
    """
    if not trusted_authserv:
        return ""
    found = headers.first("authentication-results")
    if len(found) > 4096:
        return "The mail server's findings about the sender are too long to read."
    pieces = _split(found.decode("utf-8", "replace"))
    server = pieces[0].split()[:1]
    if [name.lower() for name in server] != [trusted_authserv.lower()]:
        return f"The mail server {trusted_authserv} said nothing about the sender."
    return _verdict(pieces[1:], sender.rpartition("@")[2].lower())


def _verdict(findings: list[str], domain: str) -> str:
    aligned = False
    for finding in findings:
        match = _RESULT.match(finding.strip())
        if match is None:
            continue
        method, result = match[1].lower(), match[2].lower()
        named = {name.lower(): value.lower() for name, value in _PROPERTY.findall(finding)}
        if method == "dmarc" and result == "pass" and named.get("header.from", domain) == domain:
            return ""
        if method == "dmarc" and result not in {"pass", "none"}:
            return f"DMARC: {result}"
        keys = ("header.d", "header.i") if method == "dkim" else ("smtp.mailfrom",)
        if method != "dmarc" and result == "pass":
            aligned = aligned or any(_aligned(named.get(key, ""), domain) for key in keys)
    return "" if aligned else "Neither DMARC, DKIM nor SPF vouches for the sender's address."


def _aligned(claimed: str, domain: str) -> bool:
    claimed = claimed.rpartition("@")[2]
    return bool(claimed) and (claimed == domain or domain.endswith("." + claimed))


def _split(text: str) -> list[str]:
    """The header's value at its semicolons, with comments left out and quoted strings emptied."""
    pieces, piece, depth, quoted, escaped = [], "", 0, False, False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "\\" and (quoted or depth):
            escaped = True
        elif letter == '"' and not depth:
            quoted = not quoted
        elif quoted:
            pass
        elif letter in "()":
            depth = max(0, depth + (1 if letter == "(" else -1))
        elif not depth and letter == ";":
            pieces.append(piece)
            piece = ""
        elif not depth:
            piece += letter
    return [*pieces, piece]
