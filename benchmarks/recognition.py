"""What looking at a new case costs, how right it is about sentences that it has never seen, and how sure.

    python -m benchmarks.recognition [--cases 800]

The cases are made up (``tests/recognition/corpus.yaml``): real ones are more varied, and harder. Each sentence is in
one fold alone, so that what is asked about was never learnt, not even in other words; customers do not make it that
hard. Times are microseconds for one text, beside a bare look-up of its words in a dictionary.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable

from contact_center.domain.search_words import words
from contact_center.recognition import report
from contact_center.recognition.features import MOST_CHARACTERS, MOST_WORDS
from contact_center.recognition.language import language_of
from contact_center.recognition.measuring import Measured, train
from contact_center.recognition.model import Model, learn, lesson, pack, unpack
from contact_center.recognition.policy import Intent, Rules
from tests.recognition.corpus import INTENTS, corpus
from tests.recognition.test_language import SENTENCES

RULES = Rules("decide", intents=tuple(Intent(each, each, mode="decide") for each in INTENTS))


def cost(look: Callable[[str], object], texts: list[str]) -> str:
    taken = []
    for text in texts:
        before = time.perf_counter()
        look(text)
        taken.append((time.perf_counter() - before) * 1e6)
    taken.sort()
    return f"{statistics.median(taken):7.0f} (19 of 20 below {taken[len(taken) * 19 // 20]:.0f})"


def costs(model: Model, texts: list[str]) -> None:
    known: dict[str, int] = {word: i for i, word in enumerate({w for text in texts for w in words(text)})}
    for what, look in (
        ("its words alone", lambda text: [known.get(word) for word in words(text[:MOST_CHARACTERS], MOST_WORDS)]),
        ("what it is about", model.guess),
        ("its language", language_of),
    ):
        for text in texts[:200]:
            look(text)
        print(f"  {what:18} {cost(look, texts)}")


def learnt(code: str, cases: int) -> tuple[Model, Measured]:
    lessons = [lesson(each) for each in corpus(code, cases, by_piece=True)]
    began = time.perf_counter()
    model, measured = train(lessons)
    took = time.perf_counter() - began
    print(f"\n{code}: {cases} cases, learnt and measured in {took:.1f} s, {len(pack(model))} bytes")
    for line in report.lines(RULES, measured):
        print(line)
    return model, measured


def languages(cases: int) -> None:
    print("\nLanguages: named rightly, wrongly, not at all")
    for code in ("en", "zh"):
        told = [language_of(each.text).code for each in corpus(code, cases)]
        right = sum(each == code for each in told)
        unsaid = sum(not each for each in told)
        print(f"  {code}: {right} {len(told) - right - unsaid} {unsaid}, of {len(told)} first sentences")
    right = sum(language_of(text).code == code for code, text in SENTENCES.items())
    print(f"  a sentence each in {len(SENTENCES)} languages: {right} named rightly")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--cases", type=int, default=800)
    cases = asked.parse_args().cases
    for code in ("en", "zh"):
        learnt(code, cases)
    languages(cases)
    both = [each for code in ("en", "zh") for each in corpus(code, cases)]
    model = learn([lesson(each) for each in both])
    chance = random.Random(1)
    short = [each.text for each in corpus("en", 500, seed=2) + corpus("zh", 500, seed=2)]
    long = [" ".join(chance.choice(both).text for _ in range(60)) for _ in range(200)]
    wide = learn([lesson(each)._replace(intent=f"i{i % 40}") for i, each in enumerate(both)])
    print("\nMicroseconds for a message:")
    costs(model, short)
    print("Microseconds for a long letter (only its beginning is read):")
    costs(model, long)
    print("The same with forty intents, which is the most:")
    costs(wide, long)
    packed = pack(wide)
    began = time.perf_counter()
    unpack(packed)
    took = (time.perf_counter() - began) * 1e3
    print(f"A model of {len(wide.rows)} things and 40 intents is opened in {took:.1f} ms.")


if __name__ == "__main__":
    main()
