"""What parsing a message costs, beside the standard library's plain parser. Run: python -m benchmarks.mail_parsing

Messages of 5, 50 and 500 KB with text, HTML, an attachment, four Received headers and a DKIM signature. The floor
takes the same fields out of them with ``email``'s compat32 policy and checks, bounds and digests nothing. CPU time,
the median of rounds in turns; the last column is what the hub's own process spends when the parsing process parses.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import statistics
import time
from collections.abc import Callable
from email.header import decode_header
from email.message import EmailMessage
from email.utils import getaddresses

from channels.email.parse import Recipient, parse_message
from channels.email.parsing import ParsingProcess

ROUNDS = 9
SIZES = ((1_800, 300), (34_000, 120), (360_000, 20))
HERE = Recipient("email", ("support@hub.test",))
NOW = 1_795_000_000_000


def message_of(attachment: int) -> bytes:
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
    message.set_content("Hello there, Größe and 退款.\n" * 15)
    message.add_alternative("<p>Hello <b>world</b> Größe</p>" * 20, subtype="html")
    content = b"x\x00y" * (attachment // 3)
    message.add_attachment(content, maintype="application", subtype="pdf", filename="发票.pdf")
    return message.as_bytes(policy=email.policy.SMTP)


def floor(raw: bytes) -> list[object]:
    message = email.message_from_bytes(raw)
    taken: list[object] = [getaddresses([message["From"], message["To"]])]
    for name in ("From", "To", "Subject", "Date", "Message-ID", "References", "In-Reply-To"):
        words = decode_header(message[name] or "")
        taken.append("".join(w if isinstance(w, str) else w.decode(c or "ascii") for w, c in words))
    for part in message.walk():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            is_text = part.get_content_maintype() == "text"
            taken.append(content.decode(part.get_content_charset() or "utf-8") if is_text else content)
    return taken


def cost_us(act: Callable[[], object], times: int) -> float:
    started = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - started) / times * 1e6


async def main() -> None:
    parsing = ParsingProcess()
    print(f"{'message':>10} {'floor':>10} {'ours':>10} {'ratio':>7} {'in the hub':>12}")
    for attachment, times in SIZES:
        raw = message_of(attachment)
        floors, ours, hubs = [], [], []
        await parsing.parse(raw, HERE, NOW)
        for _ in range(ROUNDS):
            floors.append(cost_us(lambda raw=raw: floor(raw), times))  # type: ignore[misc]
            ours.append(cost_us(lambda raw=raw: parse_message(raw, HERE, NOW), times))  # type: ignore[misc]
            started = time.process_time()
            for _ in range(times):
                await parsing.parse(raw, HERE, NOW)
            hubs.append((time.process_time() - started) / times * 1e6)
        least, cost, hub = (statistics.median(each) for each in (floors, ours, hubs))
        print(f"{len(raw):>8} B {least:>7.0f} µs {cost:>7.0f} µs {cost / least:>6.2f}× {hub:>9.0f} µs")
    await parsing.close()


if __name__ == "__main__":
    asyncio.run(main())
