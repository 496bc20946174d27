"""What people say of languages is learnt, and overrules letters where held-out cases prove it."""

from __future__ import annotations

import random
from pathlib import Path

from contact_center.domain.events import Ended
from contact_center.recognition.language import Language, language_of
from contact_center.recognition.measuring import LEAST_EXAMPLES
from contact_center.recognition.model import EMPTY
from contact_center.recognition.overruling import (
    SURE,
    Overruled,
    Spoken,
    better,
    learn_tongues,
    overruled_from,
    proven,
)
from contact_center.storage import journal
from contact_center.storage.connection import Connection
from tests.hub import chat, open_test_hub
from tests.recognition.corpus import corpus
from tests.recognition.school import school

# Nobody's letters tell Norwegian from Danish; what people order where they live does.
NORWEGIAN = ("jeg har ikke fått {} enda", "hvor er {} som jeg bestilte til hytta", "når kommer {}", "{} er ødelagt")
DANISH = ("jeg har ikke fået {} endnu", "hvor er {} som jeg bestilte", "hvornår kommer {}", "{} er gået i stykker")
THINGS = ("vesken", "lampen", "kjelen", "stolen", "bordet", "boken", "telefonen", "skjermen", "jakken", "kofferten")


def made_up(sentences: tuple[str, ...], count: int, said: str) -> list[Spoken]:
    chance = random.Random(said)

    def one() -> str:
        return chance.choice(sentences).format(chance.choice(THINGS))

    return [Spoken(f"Hei, {one()}, og {one()}", said, f"{said}-{i}") for i in range(count)]


def test_neighbours_are_told_apart_once_people_said_which_is_which() -> None:
    text = made_up(NORWEGIAN, 1, "")[0].text
    assert language_of(text).code in ("", "da")
    spoken = [*made_up(NORWEGIAN, 60, "no"), *made_up(DANISH, 60, "da"), *_english(60)]
    far: list[tuple[int, int]] = []
    tongues, overruled = learn_tongues(spoken, lambda *each: far.append(each))
    assert far[-1][0] == far[-1][1]
    of = {each.language: each for each in overruled}
    assert of["no"].said == 60
    assert of["no"].right > 50
    believed = proven(overruled, 0.9)
    assert "no" in believed
    told = better(language_of(text), text, tongues, believed)
    assert told.code == "no"
    assert told.confidence >= SURE
    english = _english(1)[0].text
    assert better(language_of(english), english, tongues, believed) == language_of(english)


def test_a_few_corrections_teach_nothing() -> None:
    few = made_up(NORWEGIAN, LEAST_EXAMPLES - 1, "no")
    assert learn_tongues([*few, *_english(60)]) == (EMPTY, ())
    assert learn_tongues(_english(60)) == (EMPTY, ())
    assert learn_tongues(made_up(NORWEGIAN, 60, "no")) == (EMPTY, ())  # with nothing to tell it from


def test_what_is_not_proven_is_not_believed() -> None:
    chance = random.Random(1)
    english = corpus("en", 120)
    guessed = [Spoken(each.text, chance.choice(["fr", "de"]), each.customer) for each in english]
    tongues, overruled = learn_tongues([*guessed, *_english(60)])
    believed = proven(overruled, 0.9)
    assert believed == frozenset()
    assert better(Language("en", 0.9), english[0].text, tongues, believed) == Language("en", 0.9)


def test_what_was_measured_is_kept_as_it_was() -> None:
    stored = [{"language": "no", "said": 30, "named": 25, "right": 25}]
    (one,) = overruled_from(stored)
    assert one == Overruled("no", 30, 25, 25)
    assert one.at_least > 0.9


def _english(count: int) -> list[Spoken]:
    return [Spoken(each.text, "", each.customer) for each in corpus("en", count)]


async def test_the_house_learns_its_languages_from_corrections(database_url: str, tmp_path: Path) -> None:
    tongues = school(recognition={"intents": [], "bar": 0.8, "languages": {"no": {"chinese": 1}}})
    async with open_test_hub(database_url, tmp_path, config=tongues) as hub:
        told = [*made_up(NORWEGIAN, 40, "no"), *_english(40)]
        answers = await hub.take_in(*[chat(f"c{i}", each.text, hub.clock.now) for i, each in enumerate(told)])
        for answer, each in zip(answers, told, strict=True):
            if each.said:
                said = {"interaction_id": answer.interaction_id, "language": "no"}
                assert (await hub.http.post("/api/v1/commands/set_language", json=said)).status_code == 200

        def over(conn: Connection) -> None:
            for answer in answers:
                loaded = journal.load(conn, answer.interaction_id)
                assert loaded is not None
                journal.happen(conn, hub.clock.occasion(), loaded, Ended("completed"))
                journal.save(conn, loaded)

        await hub.write(over)
        await hub.runtime.teacher.train()
        (row,) = [each for each in (await hub.get("recognition"))["languages"] if each["language"] == "no"]
        assert (row["said"], row["overrules"]) == (40, True)
        taken = await hub.chat("kari", "Hei, hvor er lampen som jeg bestilte til hytta")
        record = await hub.record(taken.interaction_id)
        assert (record.recognised["language"], record.skills) == ("no", {"chinese": 1})
