"""Views that are damaged, or lie beside another journal than the one they followed: noticed, and made anew by themselves."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from gateway.projection.follow import Projection, ViewsError
from support.disk import files_end_at
from support.journals import GW
from support.projecting import ALWAYS, MINUTE, ROOM, follow, naive, opened, ordered, poll, shown, some, write
from sync.journal.journal import Journal


def garble(at: float, what: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with path.open("r+b") as raw:
            raw.seek(round(path.stat().st_size * at))
            raw.write(what)

    return change


def replaced(content: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_bytes(content)

    return change


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9000])


def of_another_program(path: Path) -> None:
    path.unlink()
    sql("CREATE TABLE x(y); PRAGMA user_version = 1")(path)


def sql(statement: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with apsw.Connection(str(path)) as db:
            db.execute(statement)

    return change


DAMAGES: dict[str, Callable[[Path], None]] = {
    "header": garble(0, b"\xff" * 100),
    "a page in the middle": garble(0.6, b"\xff" * 4096),
    "a page full of nothing": garble(0.6, bytes(4096)),
    "cut off": cut_off,
    "empty": replaced(b""),
    "not a database": replaced(b"what is this"),
    "another database": of_another_program,
    "of a newer program": sql("PRAGMA user_version = 99"),
    "a number in a minute": sql("UPDATE bucket SET data = replace(data, '[3', '[7') WHERE id = (SELECT min(id) FROM bucket)"),
    "a minute at another place": sql("UPDATE bucket SET id = id + 65536 * 100 WHERE id = (SELECT min(id) FROM bucket)"),
    "a mark too far": sql("UPDATE followed SET seq = seq + 5 WHERE stream = 'reading'"),
    "a mark of another history": sql("UPDATE followed SET hash = zeroblob(32) WHERE stream = 'audit'"),
    "a mark of another store": sql("UPDATE followed SET store = 'x'"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
async def test_damage_is_noticed_and_made_good(
    tmp_path: Path, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    """No wrong plot is shown, and the views are whole again without anybody's help."""
    async with opened(tmp_path) as (journal, projection):
        await some(journal)
        await follow(projection)
        await projection._close()
        damage(tmp_path / "views.db")
        await write(journal, [poll(59 * MINUTE + 59_000_000, 1, 1)])
        anew = Projection(tmp_path / "views.db", journal)
        first = await anew.plot("room1", "temperature", *ALWAYS, None)
        assert first
        whole = await naive(journal)
        assert first.behind or first.minutes == whole["room1", "temperature"]
        assert not first.behind or first.minutes == []
        await follow(anew)
        assert ordered(await shown(anew)) == whole
        assert damage is DAMAGES["empty"] or "built anew" in caplog.text
        await anew._close()


async def test_a_journal_that_was_put_back(tmp_path: Path) -> None:
    """A backup has fewer records, and other ones come under the same numbers: none of the lost ones stays in a plot."""
    async with opened(tmp_path) as (journal, projection):
        await some(journal)
    shutil.copytree(tmp_path / "stores", tmp_path / "backup")
    async with opened(tmp_path) as (journal, projection):
        await write(journal, [poll(70 * MINUTE, 999, 1)])
        await follow(projection)
        await projection._close()
    shutil.rmtree(tmp_path / "stores")
    (tmp_path / "backup").rename(tmp_path / "stores")
    async with opened(tmp_path) as (journal, _):
        await write(journal, [poll(71 * MINUTE, 1, 1), poll(72 * MINUTE, 1, 1)])
        projection = Projection(tmp_path / "views.db", journal)
        await follow(projection)
        assert ordered(await shown(projection)) == await naive(journal)
        await projection._close()


async def test_a_disk_that_takes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Told once, not with each try; what is there is still shown or said to be missing; and later nothing is missing or doubled."""
    async with opened(tmp_path) as (journal, projection):
        await some(journal)
        with files_end_at(0):
            for _ in range(3):
                with pytest.raises(ViewsError, match="views_failed"):
                    await projection.plot("room1", "temperature", *ALWAYS, None)
        assert [r.levelno for r in caplog.records if r.name == "doorpost.views"] == [logging.ERROR]
        assert ordered(await shown(projection)) == await naive(journal)
        await write(journal, [poll(90 * MINUTE, 5, 1)])
        with files_end_at(1000):
            assert not await projection._round()
        assert ordered(await shown(projection)) == await naive(journal)
        await projection._close()


async def test_another_gateways_views(tmp_path: Path) -> None:
    """Found beside a new store they are not shown."""
    async with opened(tmp_path) as (journal, projection):
        await some(journal)
        await follow(projection)
        await projection._close()
    shutil.rmtree(tmp_path / "stores")
    journal = await Journal.open(tmp_path / "stores", GW)
    projection = Projection(tmp_path / "views.db", journal)
    plot = await projection.plot("room1", "temperature", *ALWAYS, ROOM)
    assert plot
    assert plot.minutes == []
    await projection._close()
    await journal.close()
