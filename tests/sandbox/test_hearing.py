"""Who hears whom in a conference, whatever was done to those in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.conference import Conference, Member
from contact_center.sandbox.carrier.leg import Leg

SIDS = ["CA0", "CA1", "CA2", "CA3"]
PARTIES = st.tuples(st.booleans(), st.booleans(), st.sampled_from(["", *SIDS, "CA-gone"]))


def conference(parties: list[tuple[bool, bool, str]]) -> Conference:
    """Each party: muted, on hold, whom it coaches."""
    made = Conference("CF1", "room", twiml.Conference("room"), 0, status="in-progress")
    for sid, (muted, hold, coach) in zip(SIDS, parties, strict=False):
        leg = Leg(sid, "+1", "+2", "inbound", 0)
        made.members[sid] = Member(leg, "", True, False, muted, hold, coaching=bool(coach), coach=coach)
    return made


@given(st.lists(PARTIES, min_size=1, max_size=4))
def test_nobody_hears_themselves_nor_a_muted_one_and_nobody_on_hold_hears(
    parties: list[tuple[bool, bool, str]],
) -> None:
    room = conference(parties)
    for speaker in room.members.values():
        hearers = room.hearers(speaker)
        assert speaker not in hearers
        assert not any(hearer.hold for hearer in hearers)
        if speaker.muted or speaker.hold:
            assert hearers == []
        if speaker.coaching:
            assert {hearer.leg.sid for hearer in hearers} <= {speaker.coach}


@given(st.lists(PARTIES, min_size=2, max_size=4))
def test_whoever_is_neither_muted_nor_held_nor_coaching_is_heard_by_all_who_are_not_on_hold(
    parties: list[tuple[bool, bool, str]],
) -> None:
    room = conference(parties)
    for speaker in room.members.values():
        if not (speaker.muted or speaker.hold or speaker.coaching):
            others = [one for one in room.members.values() if one is not speaker and not one.hold]
            assert room.hearers(speaker) == others


def test_before_a_conference_begins_nobody_hears_anybody() -> None:
    room = conference([(False, False, ""), (False, False, "")])
    room.status = "init"
    assert [room.hearers(one) for one in room.members.values()] == [[], []]
