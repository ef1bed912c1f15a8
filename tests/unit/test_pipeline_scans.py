"""A scan that its device wants answered: durable before the answer, stored once whatever the device repeats."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from model.errors import StoreError
from model.observation import TagWindow
from model.record import Stream
from support.context import until
from support.disk import files_end_at
from support.site import Site, running


async def scans(site: Site) -> list[dict[str, Any]]:
    return [body for _, body in await site.records(Stream.EVENT, "scan/1")]


async def killed_unanswered(directory: Path, symbol: bytes) -> Path:
    """A scan, and the disk as a gateway finds it that was killed when this was durable, before the device was told."""
    image = directory / "later"

    def keep() -> None:
        if not image.exists():
            shutil.copytree(directory / "now", image)

    async with running(directory / "now") as site:
        site.journal.on_commit(keep)
        await site.pipeline.commit(site.scan(symbol))
    return image


async def test_durable_when_it_returns(tmp_path: Path) -> None:
    """What the device is told, a kill right after cannot take back."""
    async with running(await killed_unanswered(tmp_path, b"6901234567892")) as site:
        assert [body["text"] for body in await scans(site)] == ["6901234567892"]


async def test_a_repeat_after_a_crash_is_that_scan(tmp_path: Path) -> None:
    """Killed between the commit and the answer: the device sends it again, and it is not a second piece of goods."""
    async with running(await killed_unanswered(tmp_path, b"A")) as site:
        assert await site.pipeline.commit(site.scan(b"A", repeated=True)) == 1
        assert len(await scans(site)) == 1
        assert [o.device for o in site.seen] == ["scan1"]


async def test_another_symbol_after_a_crash_is_another_scan(tmp_path: Path) -> None:
    """Also where its first transmission was lost, so that what we hear is called a repeat."""
    async with running(await killed_unanswered(tmp_path, b"A")) as site:
        await site.pipeline.commit(site.scan(b"B", repeated=True))
        assert [body["text"] for body in await scans(site)] == ["A", "B"]


async def test_the_same_symbol_in_a_later_outage_is_a_new_scan(tmp_path: Path) -> None:
    """Answered, then killed; the next box of the same kind was first read while nobody listened."""
    async with running(tmp_path / "now") as site:
        commits: list[int] = []
        site.journal.on_commit(lambda: commits.append(1))
        await site.pipeline.commit(site.scan(b"A"))
        await until(lambda: len(commits) == 2)
        shutil.copytree(tmp_path / "now", tmp_path / "later")
    async with running(tmp_path / "later") as site:
        await site.pipeline.commit(site.scan(b"A", repeated=True))
        assert len(await scans(site)) == 2


async def test_the_same_symbol_after_its_answer_is_a_new_scan(tmp_path: Path) -> None:
    """Ten boxes of one kind are ten scans, whether or not the line garbled the first try of one."""
    async with running(tmp_path) as site:
        for repeated in (False, False, True, True):
            await site.pipeline.commit(site.scan(b"A", repeated=repeated))
        assert [body.get("repeated", False) for body in await scans(site)] == [False, False, True, True]
    async with running(tmp_path) as site:
        await site.pipeline.commit(site.scan(b"A", repeated=True))
        assert len(await scans(site)) == 5


async def test_what_the_disk_refuses_is_not_answered(tmp_path: Path) -> None:
    """The device keeps it and sends it again; nothing is shown before it is stored."""
    async with running(tmp_path) as site:
        with files_end_at(0):
            for repeated in (False, True):
                with pytest.raises(StoreError):
                    await site.pipeline.commit(site.scan(b"A", repeated=repeated))
        assert not site.seen
        await site.pipeline.commit(site.scan(b"A", repeated=True))
        assert len(await scans(site)) == len(site.seen) == 1


async def test_only_scans_are_answered(tmp_path: Path) -> None:
    """A driver that asks for another observation's number has a bug."""
    async with running(tmp_path) as site:
        at = site.clock.now()
        with pytest.raises(TypeError):
            await site.pipeline.commit(TagWindow("gate", "E2", "3000", 1, at, at))
