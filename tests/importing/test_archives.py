from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.importing.archives import Format, Found, NotMail, content, field, messages

FROM = b"From anna@example.net Sat Nov 21 10:00:00 2026\n"


def letter(number: int, body: bytes = b"hello", head: bytes = b"") -> bytes:
    return b"From: anna@example.net\nMessage-ID: <%d@example.net>\n%b\n%b\n" % (number, head, body)


def mbox(path: Path, *letters: bytes) -> Path:
    path.write_bytes(b"".join(FROM + each + b"\n" for each in letters))
    return path


def contents(path: Path) -> list[bytes]:
    return [content(found.place) for found in messages(path)]


def test_the_messages_of_an_mbox_are_what_was_put_in(tmp_path: Path) -> None:
    letters = [letter(number) for number in range(3)]
    assert contents(mbox(tmp_path / "a", *letters)) == [each + b"\n" for each in letters]


def test_a_from_that_the_mbox_escaped_is_one_again(tmp_path: Path) -> None:
    escaped = letter(1, b">From the start\n>>From a quote\n> From a friend\nsays >From inside")
    (found,) = contents(mbox(tmp_path / "a", escaped))
    assert found == letter(1, b"From the start\n>From a quote\n> From a friend\nsays >From inside") + b"\n"


@pytest.mark.parametrize(
    "prose",
    [
        b"x\n\nFrom Monday on we are closed\nSubject: none",
        b"x\n\nFrom 10:00 until 2026 nobody came.\nI waited.",
        b"x\nFrom anna@example.net Sat Nov 21 10:00:00 2026\nFrom: quoted",
    ],
)
def test_a_from_in_somebody_s_prose_begins_no_message(tmp_path: Path, prose: bytes) -> None:
    assert contents(mbox(tmp_path / "a", letter(1, prose), letter(2))) == [
        letter(1, prose) + b"\n",
        letter(2) + b"\n",
    ]


@pytest.mark.parametrize(
    "line",
    [
        *(b"From - Sat Nov 21 10:00:00 2026", b"From 1783@xxx Sat Nov 21 10:00:00 +0000 2026"),
        *(b"From MAILER-DAEMON Sat Nov 21 10:00 2026", b"From ???@??? Sat Nov 21 10:00:00 2026\r"),
    ],
)
def test_the_from_lines_of_other_programs_begin_messages_too(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"".join(line + b"\n" + letter(number) + b"\n" for number in range(2)))
    assert [field(found.head, b"message-id") for found in messages(path)] == [b"<0@example.net>", b"<1@example.net>"]


def test_an_mbox_that_ends_in_the_middle_gives_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(FROM + letter(1) + b"\n" + FROM + b"From: anna@exam")
    assert contents(path) == [letter(1) + b"\n", b"From: anna@exam"]


def test_line_ends_of_windows_are_no_hindrance(tmp_path: Path) -> None:
    path = mbox(tmp_path / "a", letter(1), letter(2))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert [field(found.head, b"message-id") for found in messages(path)] == [b"<1@example.net>", b"<2@example.net>"]


def test_what_its_owner_threw_away_is_found_out(tmp_path: Path) -> None:
    heads = (b"X-Mozilla-Status: 0009\n", b"X-Mozilla-Status: 0001\n", b"X-Gmail-Labels: Spam,Unread\n", b"")
    path = mbox(tmp_path / "a", *(letter(number, head=head) for number, head in enumerate(heads)))
    assert [found.unwanted for found in messages(path)] == ["it was deleted", "", "it lies in the spam", ""]


def test_a_maildir_is_read_without_its_trash_and_drafts(tmp_path: Path) -> None:
    for folder, name in (("new", "1.a"), ("cur", "2.b:2,S"), ("cur", "3.c:2,ST"), ("cur", "4.d:2,D"), ("tmp", "5.e")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_bytes(letter(int(name[0])))
    found = {each.place.path.name[0]: each.unwanted for each in messages(tmp_path)}
    assert found == {"1": "", "2": "", "3": "it lies in the trash", "4": "it is a draft"}


def test_a_folder_of_files_is_read_with_what_is_below_it(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "a.eml").write_bytes(letter(1))
    (tmp_path / "below" / "b.eml").write_bytes(letter(2, b">From stays as it is"))
    (tmp_path / "readme.txt").write_text("no mail")
    assert contents(tmp_path) == [letter(1), letter(2, b">From stays as it is")]
    assert contents(tmp_path / "a.eml") == [letter(1)]


def test_a_folder_that_holds_an_mbox_is_one(tmp_path: Path) -> None:
    (tmp_path / "Inbox.mbox").mkdir()
    mbox(tmp_path / "Inbox.mbox" / "mbox", letter(1))
    assert contents(tmp_path / "Inbox.mbox") == [letter(1) + b"\n"]


@pytest.mark.parametrize("text", [b"", b"no mail at all\n", b"\x00\x01\x02"])
def test_what_is_no_mail_is_said_to_be_none(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(text)
    with pytest.raises(NotMail):
        list(messages(path))
    forms: tuple[Format, ...] = ("mbox", "maildir")
    for form in forms:
        with pytest.raises(NotMail):
            list(messages(path, form))
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotMail):
        list(messages(tmp_path / "empty"))


def test_a_large_mbox_is_never_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as file:
        for number in range(8):
            file.write(
                FROM + letter(number, (b"x" * 99 + b"\n") * 10_000 if number % 2 else b"y" * 1_000_000) + b"\n"
            )
    tracemalloc.start()
    count = sum(1 for _ in messages(path))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 8
    assert most < 1_000_000


bodies = st.lists(st.sampled_from([b"", b"words", b"From x@y Sat Nov 21 10:00:00 2026", b">From z", b"Subject: a"]))


@given(st.lists(bodies.map(b"\n".join), min_size=1, max_size=6))
def test_whatever_is_written_as_mboxrd_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[bytes]
) -> None:
    letters = [letter(number, text) for number, text in enumerate(texts)]
    path = tmp_path_factory.mktemp("mbox") / "a"
    with path.open("wb") as file:
        for each in letters:
            lines = (b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in each.split(b"\n"))
            file.write(FROM + b"\n".join(lines) + b"\n")
    assert contents(path) == [each + b"\n" for each in letters]


@given(st.binary(max_size=300))
def test_any_bytes_behind_a_from_line_are_read_whole(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("mbox") / "a"
    path.write_bytes(FROM + data)
    found: list[Found] = list(messages(path))
    assert found[0].place.start == len(FROM)
    assert found[-1].place.end == len(FROM + data)
