"""Recognises mail that no person wrote: the signals of RFC 3834 and those that real programs use instead."""

from __future__ import annotations

from channels.email.headers import Headers

_BULK = {"bulk", "junk", "list", "auto_reply", "auto-reply"}
_PRESENT = (
    "list-id",
    "list-unsubscribe",
    "list-post",
    "x-autoreply",
    "x-autorespond",
    "x-auto-reply",
    "x-autoresponder",
    "x-mail-autoreply",
    "x-loop",
)
_REPORTS = {"delivery-status": "bounce", "disposition-notification": "read receipt"}
_MACHINES = {
    "mailer-daemon",
    "postmaster",
    "noreply",
    "no-reply",
    "no_reply",
    "donotreply",
    "do-not-reply",
    "do_not_reply",
    "bounce",
    "bounces",
}


def automatic(
    headers: Headers, sender: str, media_type: str, report_type: str, ours: frozenset[str], instance: str
) -> str:
    """Why the message counts as automatic, naming the signal; empty if nothing says so. ``ours`` are our own
    addresses, ``instance`` the mark that this installation puts on what it sends."""
    if instance and headers.word("x-cch-instance") == instance:
        return "loop: this installation sent it"
    if sender in ours:
        return "loop: from our own address"
    if media_type == "multipart/report":
        return _REPORTS.get(report_type.lower(), "report")
    if headers.first("x-failed-recipients"):
        return "bounce"
    word = headers.word("auto-submitted").partition(";")[0].partition("(")[0].strip()
    if word and word != "no":
        return f"Auto-Submitted: {word[:40]}"
    return _less_certain(headers, sender)


def _less_certain(headers: Headers, sender: str) -> str:
    if headers.all("return-path") and headers.word("return-path") in {"<>", ""}:
        return "empty Return-Path"
    precedence = headers.word("precedence")
    if precedence in _BULK:
        return f"Precedence: {precedence}"
    suppress = headers.word("x-auto-response-suppress")
    if suppress and suppress != "none":
        return f"X-Auto-Response-Suppress: {suppress[:40]}"
    for name in _PRESENT:
        if headers.all(name):
            return name.title()
    local = sender.partition("@")[0]
    return f"from {local}" if local in _MACHINES else ""
