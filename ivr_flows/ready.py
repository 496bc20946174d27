"""Ready-made words in English and Chinese, for what flows need to say and needn't say in words of their own."""

from __future__ import annotations

from collections.abc import Mapping

from contact_center.domain.time import MINUTE, Millis

READY: Mapping[str, Mapping[str, str]] = {
    "not_heard": {"en": "Sorry, I didn't hear anything.", "zh": "抱歉，我没有听到您的选择。"},
    "not_understood": {"en": "Sorry, I didn't get that.", "zh": "抱歉，我没有听清您的选择。"},
    "pin": {
        "en": "Please enter your PIN, followed by the hash key.",
        "zh": "请输入您的密码，按井号键结束。",
    },
    "code": {
        "en": "We've just sent a code by text message to the number you're calling from. Please enter it now, "
        "followed by the hash key.",
        "zh": "我们已将验证码以短信发送到您的来电号码，请输入验证码，按井号键结束。",
    },
    "wrong": {"en": "That doesn't match what we have.", "zh": "您输入的信息不正确。"},
    "callback": {
        "en": "We can call you back on the number you're calling from, which ends in {number:last4}. You won't lose "
        "your place. To be called back, press 1. To go on waiting, press 2.",
        "zh": "我们可以回拨您的来电号码，尾号 {number:last4}，并为您保留排队位置。需要回电请按 1，继续等待请按 2。",
    },
    "voicemail": {
        "en": "Please leave a message after the tone. When you have finished, press the hash key or just hang up.",
        "zh": "请在提示音后留言，留言结束后请按井号键，或直接挂机。",
    },
    "recording": {
        "en": "This call is recorded so that we can improve our service.",
        "zh": "为提升服务质量，本次通话将被录音。",
    },
    "may_record": {
        "en": "May we record this call to improve our service? Press 1 for yes, or 2 for no.",
        "zh": "为提升服务质量，我们希望对本次通话录音。同意请按 1，不同意请按 2。",
    },
    "connecting": {"en": "We're connecting you now. Please hold.", "zh": "正在为您转接，请稍候。"},
    "still_waiting": {
        "en": "We're still finding somebody for you. Please stay on the line.",
        "zh": "我们仍在为您接通人工服务，请不要挂机。",
    },
    "next": {"en": "You are next.", "zh": "您是下一位。"},
    "one_ahead": {"en": "There is one caller ahead of you.", "zh": "您前面还有 1 位来电者。"},
    "ahead": {"en": "There are {ahead} callers ahead of you.", "zh": "您前面还有 {ahead} 位来电者。"},
    "soon": {"en": "The wait is less than a minute.", "zh": "预计等待时间不到一分钟。"},
    "one_minute": {"en": "The wait is about one minute.", "zh": "预计等待时间约 1 分钟。"},
    "minutes": {"en": "The wait is about {minutes} minutes.", "zh": "预计等待时间约 {minutes} 分钟。"},
    "long": {"en": "The wait is more than an hour.", "zh": "预计等待时间超过一小时。"},
}

LANGUAGES = frozenset({"en", "zh"})


def place_words(place: int) -> str:
    """Which words tell a caller that they are at this place; 1 is the next."""
    return {1: "next", 2: "one_ahead"}.get(max(place, 1), "ahead")


def wait_words(ms: Millis) -> str:
    """Which words tell a caller how long it will take."""
    if ms >= 60 * MINUTE:
        return "long"
    return {0: "soon", 1: "one_minute"}.get(rounded_minutes(ms), "minutes")


def rounded_minutes(ms: Millis) -> int:
    """As people say it: whole minutes, and from ten on every fifth; never less than it is."""
    minutes = 0 if ms < MINUTE // 2 else -(-ms // MINUTE)
    return minutes if minutes < 10 else -(-minutes // 5) * 5
