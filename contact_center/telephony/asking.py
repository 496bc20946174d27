"""What a flow asks of others than the caller, and what is answered at once."""

from __future__ import annotations

from collections.abc import Callable

from channels.contract import Outgoing
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import FLOW, ServiceAnswered, VoicemailReceived
from contact_center.domain.occasion import Occasion
from contact_center.moves import callbacks, lines
from contact_center.storage import codes, journal, outbox
from contact_center.storage.connection import Connection
from contact_center.storage.effects import ServiceWanted, tell
from contact_center.storage.journal import Loaded
from ivr_flows.asks import (
    Ask,
    CallbackWanted,
    CodeAsked,
    CodeChecked,
    DialAsked,
    PinChecked,
    ServiceAsked,
    VoicemailLeft,
)

_CODE = {
    "en": "{code} is your code. It is good for ten minutes. We never ask you for it.",
    "zh": "您的验证码是 {code}，十分钟内有效，请勿告诉他人。",
}


class Answers:
    """``new_code`` makes the six digits of a one-time code."""

    def __init__(self, new_code: Callable[[], str]) -> None:
        self._new_code = new_code

    def now(self, conn: Connection, on: Occasion, loaded: Loaded, ask: Ask) -> ServiceAnswered | None:
        """The answer; None where it takes time, which has begun."""
        outcome = ""
        values: dict[str, str] = {}
        match ask:
            case ServiceAsked():
                self._ask_service(conn, loaded, ask)
                return None
            case PinChecked():
                self._check_pin(conn, loaded, ask)
                return None
            case CodeAsked():
                outcome = self._send_code(conn, on, loaded)
            case CodeChecked():
                right = codes.check(conn, on, loaded.record.interaction_id, ask.digits)
                outcome = "verified" if right else "failed"
            case DialAsked():
                outcome, values = self._dial(conn, on, loaded, ask)
            case CallbackWanted():
                outcome = self._callback(conn, on, loaded, ask)
            case VoicemailLeft():
                left = VoicemailReceived(ask.recording_id, ask.duration_ms, ask.queue)
                journal.happen(conn, on, loaded, left, FLOW)
                outcome = "recorded"
        return ServiceAnswered(ask.position, outcome, values)

    @staticmethod
    def _ask_service(conn: Connection, loaded: Loaded, ask: ServiceAsked) -> None:
        wanted = ServiceWanted(
            loaded.record.interaction_id, ask.position, ask.service, dict(ask.values), ask.budget_ms
        )
        tell(conn, wanted)

    @staticmethod
    def _check_pin(conn: Connection, loaded: Loaded, ask: PinChecked) -> None:
        interaction_id = loaded.record.interaction_id
        tell(
            conn,
            ServiceWanted(interaction_id, ask.position, ask.service, dict(ask.values), ask.budget_ms, ask.digits),
        )

    def _send_code(self, conn: Connection, on: Occasion, loaded: Loaded) -> str:
        """By SMS to the number that the caller rings from, under the same caps as calls: a text costs money too, and
        whoever rings with a false number makes us send it to a stranger."""
        record = loaded.record
        settings = lines.telephony_settings(conn)
        if not settings.code_channel or record.point_kind != "phone":
            return "unavailable"
        if not lines.spend(conn, on, record.point, f"code:{record.point}", record.interaction_id).allowed:
            return "unavailable"
        code = self._new_code()
        codes.put(conn, on, record.interaction_id, code)
        language = "zh" if record.language.startswith(("zh", "cmn")) else "en"
        message = Outgoing(
            verb="message",
            outbox_id=on.new_id(),
            interaction_id=record.interaction_id,
            case_id=record.case_id,
            created_at=on.now,
            attempt=0,
            recipient=ContactPoint("phone", record.point),
            sender=ContactPoint("phone", settings.code_sender),
            text=_CODE[language].format(code=code),
            language=record.language,
        )
        outbox.put(conn, settings.code_channel, message)
        return "sent"

    @staticmethod
    def _dial(conn: Connection, on: Occasion, loaded: Loaded, ask: DialAsked) -> tuple[str, dict[str, str]]:
        record = loaded.record
        verdict = lines.spend(conn, on, ask.number, f"caller:{record.point}", record.interaction_id)
        if not verdict.allowed:
            return "refused", {"reason": verdict.why}
        return "allowed", {"caller_id": lines.our_number(conn, record.channel, record.dialled)}

    @staticmethod
    def _callback(conn: Connection, on: Occasion, loaded: Loaded, ask: CallbackWanted) -> str:
        record = loaded.record
        offered = callbacks.rules(conn, record.queue).callbacks.offered
        if record.owed or not offered or not callbacks.possible(conn, on, ask.number, record.point):
            return "unavailable"
        callbacks.promise(conn, on, loaded, ask.number, "asked", actor=FLOW)
        return "accepted"
