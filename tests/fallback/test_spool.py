"""What the spool says is safe is there after anything: a crash in the middle of a write, a bad disk, a full one."""

from __future__ import annotations

import os
import random
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from contact_center.fallback.spool import Spool, SpoolFull, SpoolTaken

MUCH = 10_000_000


def everything(spool: Spool) -> list[bytes]:
    return [spool.read(number) for number in spool.waiting()]


def test_what_was_kept_is_there_after_a_restart_in_order(tmp_path: Path) -> None:
    entries = [os.urandom(size) for size in (0, 1, 17, 5_000)]
    spool = Spool(tmp_path, MUCH)
    assert [spool.append(entry) for entry in entries] == [1, 2, 3, 4]
    spool.close()
    again = Spool(tmp_path, MUCH)
    assert everything(again) == entries
    assert again.append(b"more") == 5
    again.close()


def test_what_was_handed_over_is_not_there_any_more_and_its_file_goes(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MUCH)
    for entry in (b"a", b"b", b"c"):
        spool.append(entry)
    spool.done([2])
    assert everything(spool) == [b"a", b"c"]
    spool.close()
    again = Spool(tmp_path, MUCH)
    assert everything(again) == [b"a", b"c"]
    again.done([1, 3])
    assert (len(again), again.size) == (0, 0)
    assert list(tmp_path.glob("spool-*")) == []
    again.append(b"d")
    assert everything(again) == [b"d"]
    again.close()


def test_a_number_is_never_given_twice_while_anything_remembers_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MUCH)
    spool.append(b"a")
    spool.append(b"b")
    spool.done([2])
    spool.close()
    again = Spool(tmp_path, MUCH)
    assert again.append(b"c") == 3
    assert everything(again) == [b"a", b"c"]
    again.close()


def test_wherever_the_power_went_what_was_whole_is_there(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "whole", MUCH)
    entries = [b"first", b"second entry", b"third"]
    for entry in entries:
        spool.append(entry)
    spool.close()
    (file,) = (tmp_path / "whole").glob("spool-*")
    data = file.read_bytes()
    for cut in range(len(data)):
        folder = tmp_path / f"cut{cut}"
        folder.mkdir()
        (folder / file.name).write_bytes(data[:cut])
        torn = Spool(folder, MUCH)
        found = everything(torn)
        assert found == entries[: len(found)]
        assert cut < len(data) // 3 or found, "an entry that was whole was lost"
        torn.append(b"after")
        assert everything(torn) == [*found, b"after"]
        torn.close()


def test_a_bad_byte_costs_one_entry_and_no_other(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "whole", MUCH)
    entries = [bytes([65 + n]) * 40 for n in range(8)]
    for entry in entries:
        spool.append(entry)
    spool.close()
    (file,) = (tmp_path / "whole").glob("spool-*")
    data = file.read_bytes()
    for place in random.Random(7).sample(range(len(data)), 60):
        folder = tmp_path / f"bad{place}"
        folder.mkdir()
        (folder / file.name).write_bytes(data[:place] + bytes([data[place] ^ 0x5A]) + data[place + 1 :])
        bad = Spool(folder, MUCH)
        assert len(set(entries) - set(everything(bad))) == 1
        assert set(everything(bad)) <= set(entries)
        bad.close()


def test_it_never_grows_beyond_its_limit_and_takes_again_once_there_is_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1_000)
    kept = [spool.append(b"x" * 100) for _ in range(8)]
    with pytest.raises(SpoolFull):
        spool.append(b"x" * 100)
    assert sum(file.stat().st_size for file in tmp_path.glob("spool-*.log")) <= 1_000
    assert len(everything(spool)) == len(kept)
    spool.done(kept)
    assert spool.append(b"x" * 100)
    spool.close()


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """The kernel takes so much of a file and then no more, as a disk that is full does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_half_an_entry_refuses_and_loses_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MUCH)
    spool.append(b"before")
    with no_file_longer_than(spool.size + 10):
        for _ in range(5):
            with pytest.raises(SpoolFull, match="does not take it"):
                spool.append(b"does not fit" * 20)
    spool.append(b"after")
    assert everything(spool) == [b"before", b"after"]
    spool.close()
    again = Spool(tmp_path, MUCH)
    assert everything(again) == [b"before", b"after"]
    assert len(list(tmp_path.glob("spool-*.log"))) <= 2
    again.close()


def test_segments_that_are_done_go_while_others_stay(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MUCH, segment_bytes=300, most_notes=100)
    numbers = [spool.append(b"y" * 100) for _ in range(30)]
    before = len(list(tmp_path.glob("spool-*.log")))
    for number in numbers[:20]:
        spool.done([number])
    assert len(list(tmp_path.glob("spool-*.log"))) < before
    assert (tmp_path / "done.log").stat().st_size < 400, "notes about what is gone are forgotten"
    spool.close()
    again = Spool(tmp_path, MUCH)
    assert again.waiting() == numbers[20:]
    again.close()


def test_many_threads_write_and_forget_at_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MUCH, segment_bytes=2_000)

    def work(thread: int) -> None:
        for number in range(60):
            kept = spool.append(f"{thread} {number}".encode())
            spool.waiting()
            if number % 2:
                spool.done([kept])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    wanted = sorted(f"{thread} {number}".encode() for thread in range(8) for number in range(0, 60, 2))
    assert sorted(everything(spool)) == wanted
    spool.close()
    again = Spool(tmp_path, MUCH)
    assert sorted(everything(again)) == wanted
    again.close()


def test_two_processes_never_share_a_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MUCH)
    with pytest.raises(SpoolTaken):
        Spool(tmp_path, MUCH)
    spool.close()
    Spool(tmp_path, MUCH).close()
