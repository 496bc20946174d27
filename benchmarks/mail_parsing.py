"""What reading a message costs, beside the same done by hand. Run: python -m benchmarks.mail_parsing [--gate]

Messages of 5, 50 and 500 KB: text with an answer over what it quotes, HTML, an attachment, four Received headers
and a DKIM signature. The floor takes the same fields out of them with ``email``'s compat32 parser, its encoded
words, charsets and addresses decoded by hand, and cleans the HTML once with nh3; it checks, bounds, splits and
digests nothing. Ours is ``parse_message``, and ``rich_text.sanitised`` of the HTML. CPU time, the median of rounds
in turns; the last column is what the hub's own process spends when the parsing process parses.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import email
import email.policy
import quopri
import re
import statistics
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage

import nh3

from channels.email.parse import Recipient, parse_message
from channels.email.parsing import ParsingProcess
from contact_center.domain.events import MessageReceived
from contact_center.domain.rich_text import sanitised

ROUNDS = 11
GOAL = 2.0
SIZES = ((900, 0, 300), (33_000, 6_000, 120), (360_000, 6_000, 20))
"""(bytes attached, more HTML, how often) of each."""
HERE = Recipient("email", ("support@hub.test",))
NOW = 1_795_000_000_000
_WORD = re.compile(r"=\?([^?]+)\?([BbQq])\?([^?]*)\?=")
_ADDRESS = re.compile(r"[^\s<>,;:\"()]+@[^\s<>,;:\"()]+")


def message_of(attached: int, more_html: int) -> bytes:
    message = EmailMessage()
    message["From"] = "林美 <mei@example.com>"
    message["To"] = "support@hub.test"
    message["Subject"] = "退款申请 and more"
    message["Date"] = "Sat, 21 Nov 2026 10:00:00 +0000"
    message["Message-ID"] = "<one@example.com>"
    message["References"] = "<first@example.com> <second@example.com>"
    for hop in range(4):
        message["Received"] = f"from h{hop}.example.com by h{hop + 1}.example.com; Sat, 21 Nov 2026 10:00:00 +0000"
    message["DKIM-Signature"] = "v=1; a=rsa-sha256; d=example.com; b=" + "A" * 300
    quoted = "\n".join("> Hello Mei, we have sent it." for _ in range(8))
    answer = "Hello there, Größe and 退款.\n" * 8
    message.set_content(f"{answer}\nOn Fri, Nov 20, 2026 at 5:00 PM Support <support@hub.test> wrote:\n{quoted}\n")
    paragraph = "<p style='margin:0'>Hello <b>world</b> <a href='https://example.com/x'>Größe</a></p>"
    message.add_alternative(paragraph * (11 + more_html // len(paragraph)), subtype="html")
    message.add_attachment(
        bytes(range(256)) * (attached // 256), maintype="application", subtype="pdf", filename="发票.pdf"
    )
    return message.as_bytes(policy=email.policy.SMTP)


def by_hand(raw: bytes) -> list[object]:
    message = email.message_from_bytes(raw)
    taken: list[object] = [_ADDRESS.findall(str(message["From"])), _ADDRESS.findall(str(message["To"]))]
    for name in ("From", "To", "Subject", "Date", "Message-ID", "References", "In-Reply-To"):
        taken.append(_WORD.sub(_decoded, str(message[name] or "")))
    for part in message.walk():
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            continue
        if part.get_content_maintype() == "text":
            text = content.decode(part.get_content_charset() or "utf-8", "replace")
            taken.append(nh3.clean(text) if part.get_content_subtype() == "html" else text)
        else:
            taken.append(content)
    return taken


def _decoded(word: re.Match[str]) -> str:
    charset, encoding, text = word.groups()
    data = base64.b64decode(text) if encoding in "Bb" else quopri.decodestring(text.replace("_", " "), header=True)
    return data.decode(charset, "replace")


def ours(raw: bytes) -> MessageReceived:
    parsed = parse_message(raw, HERE, NOW)
    body = parsed.events[0].body
    assert isinstance(body, MessageReceived)
    assert body.history
    sanitised(parsed.blobs[body.html].decode())
    return body


def cost_us(act: Callable[[], object], times: int) -> float:
    started = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - started) / times * 1e6


async def measure(rounds: int) -> float:
    """The dearest ratio."""
    parsing = ParsingProcess()
    worst = 0.0
    print(f"{'message':>10} {'floor':>9} {'parsing':>9} {'+ sanitising':>13} {'ratio':>18} {'in the hub':>12}")
    for attached, more_html, times in SIZES:
        raw = message_of(attached, more_html)
        floors, parses, wholes, hubs = [], [], [], []
        await parsing.parse(raw, HERE, NOW)
        for _ in range(rounds):
            floors.append(cost_us(lambda raw=raw: by_hand(raw), times))  # type: ignore[misc]
            wholes.append(cost_us(lambda raw=raw: ours(raw), times))  # type: ignore[misc]
            parses.append(cost_us(lambda raw=raw: parse_message(raw, HERE, NOW), times))  # type: ignore[misc]
            started = time.process_time()
            for _ in range(times):
                await parsing.parse(raw, HERE, NOW)
            hubs.append((time.process_time() - started) / times * 1e6)
        ratios = sorted(whole / floor for whole, floor in zip(wholes, floors, strict=True))
        least, parse, whole, hub = (statistics.median(each) for each in (floors, parses, wholes, hubs))
        ratio = statistics.median(ratios)
        worst = max(worst, ratio)
        print(
            f"{len(raw):>8} B {least:>6.0f} µs {parse:>6.0f} µs {whole:>10.0f} µs"
            f" {ratio:>6.2f} [{ratios[0]:.2f}..{ratios[-1]:.2f}] {hub:>9.0f} µs"
        )
    await parsing.close()
    print(f"Goal: at most {GOAL:g} times the floor: {'met' if worst <= GOAL else 'NOT MET'}.")
    return worst


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mail_parsing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a first look")
    parser.add_argument("--gate", action="store_true", help="fail where the goal is not met")
    options = parser.parse_args()
    worst = asyncio.run(measure(3 if options.quick else ROUNDS))
    return 1 if options.gate and worst > GOAL else 0


if __name__ == "__main__":
    sys.exit(main())
