"""Every way through every shipped flow, as the documents that Twilio would get."""

from __future__ import annotations

import pytest

from channels.twilio_voice import twiml
from channels.twilio_voice.documents import Documents
from contact_center.flows.shipped import shipped_texts
from ivr_flows import load
from ivr_flows.trying.walk import walk
from ivr_flows.turns import Turn
from tests.channels.twilio_voice.test_twilio_voice import TestTwilioVoice as Suite
from tests.channels.twiml_lint import lint

TEXTS = shipped_texts()


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_whatever_a_caller_does_what_they_are_told_is_twiml_that_twilio_documents(name: str) -> None:
    documents = Documents(Suite().open(), True)
    seen: set[str] = set()
    wrong: list[str] = []

    def told(turn: Turn) -> None:
        verbs = documents.actions(turn.actions)
        shape = "".join(verbs.split(turn.position))  # the same words at another moment are the same document
        if shape not in seen:
            seen.add(shape)
            wrong.extend(lint(twiml.document(verbs)))

    walked = walk(load(TEXTS[name], name, TEXTS), told)
    assert walked.complete
    assert wrong == []
    assert len(seen) >= len(walked.visited) // 2, "most steps say something of their own"
