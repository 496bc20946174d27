"""What a caller hears while the hub is down: the truth, calmly, in English and Chinese, and never an error."""

from __future__ import annotations

from contact_center.domain.calls import CallAction, HangUp, Hold, Pause, Prompt, Record, Say
from contact_center.domain.time import MINUTE, SECOND

ENGLISH, CHINESE = "en-US", "zh-CN"
BETWEEN_MS = 10 * SECOND
LONGEST_MESSAGE_MS = 3 * MINUTE
POSITION = "fallback"


def _both(english: str, chinese: str) -> tuple[Prompt, ...]:
    return (Say(english, ENGLISH), Pause(500), Say(chinese, CHINESE))


_ONE_MOMENT = _both(
    "Thank you for calling. It is taking us a little longer than usual to answer. Please stay on the line.",
    "感谢您的来电。目前接通时间比平常稍长，请您不要挂机。",
)
_STILL_HERE = _both(
    "Thank you for your patience. We are still trying to put you through.",
    "感谢您的耐心等待，我们仍在为您接通。",
)
_MESSAGE = _both(
    "We are sorry that we cannot put you through just now. Please leave your name, your number and your message "
    "after the tone, and we will call you back. Press the hash key when you have finished.",
    "非常抱歉，目前无法为您接通。请在提示音后留下您的姓名、电话和留言，我们会尽快回电。留言结束请按井号键。",
)
_THANKS = _both(
    "Thank you. Your message is safe with us, and we will call you back. Goodbye.",
    "谢谢您，您的留言已收到，我们会尽快与您联系。再见。",
)
_GOODBYE = _both(
    "We are sorry that we could not help you just now. Please call again a little later. Goodbye.",
    "非常抱歉暂时未能为您服务，请您稍后再拨。再见。",
)


def hold_on(attempt: int) -> tuple[CallAction, ...]:
    """Words and some music; then the call comes back for the next attempt (1, 2, …)."""
    words = _ONE_MOMENT if attempt <= 1 else _STILL_HERE
    return (Hold(f"{POSITION}:{attempt}", words, ENGLISH, ms=BETWEEN_MS),)


def leave_a_message() -> tuple[CallAction, ...]:
    return (Record(f"{POSITION}:message", _MESSAGE, ENGLISH, longest_ms=LONGEST_MESSAGE_MS, silence_ms=6 * SECOND),)


def thanks() -> tuple[CallAction, ...]:
    return (HangUp(_THANKS),)


def goodbye() -> tuple[CallAction, ...]:
    return (HangUp(_GOODBYE),)


def attempt_of(position: str) -> int:
    """Which attempt a position of ours was; 0 for what is none."""
    place, _, number = position.partition(":")
    return int(number) if place == POSITION and number.isdigit() and len(number) < 4 else 0
