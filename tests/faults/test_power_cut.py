"""The power is cut at any moment, and the disk keeps whatever it may of what was not synced: what was answered is there."""

import os
import random
import secrets
import shutil
from pathlib import Path

import pytest

from model.record import Stream
from support.disk_promises import Promises
from support.diskfaults import Entry, Faults, Kind, entries, environment, run
from support.first_version import first_version
from support.journals import GW, drafts
from support.powercut import Choice, Disk, Image, chance, extremes, image_of, put, worth
from sync.journal.journal import Journal

SEED = "1"
STATES = 30
"""How many states of the disk a test looks at."""
ROUNDS = int(os.environ.get("DOORPOST_SOAK_ROUNDS", "1000")) // 50
SOAK_SEED = os.environ.get("DOORPOST_SOAK_SEED", str(secrets.randbelow(2**32)))


def recorded(scratch: Path, what: str, seed: str, *, faulty: bool = False) -> list[Entry]:
    """What a process did to the disk, after those before it. AssertionError when it did not come to its end."""
    disk = scratch / "disk"
    disk.mkdir(exist_ok=True)
    env = environment(disk, Faults(scratch / "control") if faulty else None, scratch / "log")
    done = run("support.disk_script", disk / "stores", what, seed, env=env)
    assert not done.returncode, done.stderr
    return list(entries(scratch / "log"))


async def cut(
    scratch: Path,
    log: list[Entry],
    seed: str,
    *,
    states: int = STATES,
    since: int = 0,
    before: Image | None = None,
    promises: Promises | None = None,
) -> None:
    """Cut the power at moments of the seed's choice, and start again on what the disk may hold then."""
    random_ = random.Random(f"cut {seed}")
    disk, promises = Disk(scratch / "disk", before), promises or Promises()
    position = 0
    for moment in sorted(random_.choices([moment for moment in worth(log) if moment >= since], k=states)):
        for entry in log[position:moment]:
            if entry.kind is Kind.MARK:
                promises.take(entry.data)
            disk.apply(position, entry)
            position += 1
        choice = random_.choice([*extremes(disk.pending()), *[chance(random_) for _ in range(4)]])
        await survive(disk, promises, choice, scratch / "after", f"seed {seed}, cut at {moment} of {len(log)}")


async def survive(disk: Disk, promises: Promises, choice: Choice, after: Path, case: str) -> None:
    put(disk.image(choice), after)
    try:
        await promises.keep(after / "stores")
    except BaseException as err:
        err.add_note(f"{case}: {choice.name}")
        raise
    shutil.rmtree(after)


async def damaged(directory: Path) -> Promises:
    """A store whose core file has lost its first page, with a WAL as a crash leaves it; all of it can be salvaged."""
    promises = Promises()
    count = 0
    store, image = "", Image()
    for rounds, padding in ((20, 500), (1, 0)):
        journal = await Journal.open(directory, GW, group_s=0, reserve_bytes=0)
        for stream in (Stream.AUDIT, Stream.EVENT) * rounds:
            count += 1
            (seq,) = await journal.append(drafts(stream, [count], padding=padding))
            promises.numbers[journal.store, stream, seq] = count
        store, image = journal.store, image_of(directory)
        await journal.close()
    shutil.rmtree(directory)
    path = f"{store}/core-000001.db"
    image[path] = bytes(4096) + (image[path] or b"")[4096:]
    put(image, directory)
    promises.damaged.add(store)
    return promises


@pytest.mark.parametrize("faulty", [False, True], ids=["good disk", "failing syncs"])
@pytest.mark.parametrize("what", ["use", "fork"])
async def test_journal_in_use(scratch: Path, what: str, faulty: bool) -> None:
    """Appends, rotations, drops and forks, also with a disk that could not sync for a while."""
    log = recorded(scratch, what, SEED, faulty=faulty)
    await cut(scratch, log, SEED)


async def test_process_that_died_of_the_disk(scratch: Path) -> None:
    """Its last records were refused and never synced; the next one finds them in the kernel's memory, and builds on nothing of it."""
    died = recorded(scratch, "break", SEED, faulty=True)
    log = recorded(scratch, "start", SEED)
    await cut(scratch, log, SEED, since=len(died))


async def test_names_that_the_disk_forgets(scratch: Path) -> None:
    """SQLite takes no notice of a directory that could not be synced; what is answered needs the name of its WAL all the same."""
    disk, promises = played(scratch, recorded(scratch, "names", SEED, faulty=True))
    for choice in extremes(disk.pending()):
        await survive(disk, promises, choice, scratch / "after", "at the end")


async def test_discarded_store(scratch: Path) -> None:
    """It is there, or it is gone; half of it is no store."""
    log = recorded(scratch, "leave", SEED)
    renamed = max(position for position, entry in enumerate(log) if entry.kind is Kind.RENAME)
    for moment in range(renamed + 1, renamed + 6):
        disk, promises = played(scratch, log[:moment])
        for choice in extremes(disk.pending()):
            await survive(disk, promises, choice, scratch / "after", f"cut at {moment}")


async def test_salvage(scratch: Path) -> None:
    """What a damaged file still holds is in the sealed store, however often the power fails while it is salvaged."""
    promises = await damaged(scratch / "disk" / "stores")
    before = image_of(scratch / "disk")
    log = recorded(scratch, "start", SEED)
    await cut(scratch, log, SEED, before=before, promises=promises)


async def test_migration(scratch: Path) -> None:
    """A store of the first version is the old one or the new one, whole."""
    stores = scratch / "disk" / "stores"
    stores.mkdir(parents=True)
    promises, store = Promises(), first_version(stores)
    promises.numbers |= {(store, Stream.EVENT, n): n for n in (1, 2, 3)}
    before = image_of(scratch / "disk")
    log = recorded(scratch, "start", SEED)
    await cut(scratch, log, SEED, before=before, promises=promises)


@pytest.mark.parametrize("order", ["in order", "in no order"])
async def test_card_that_lied(scratch: Path, order: str) -> None:
    """It has kept of what was synced what it liked: the gateway starts, gives out nothing that it did not write, and goes on."""
    log = recorded(scratch, "use", SEED)
    random_ = random.Random(f"lied {SEED} {order}")
    for _ in range(STATES):
        disk, promises = played(scratch, log[: random_.choice(worth(log))], lies=True)
        until = random_.randrange(len(log))
        kept = Choice(f"up to {until}", lambda position, _, until=until: position < until)  # type: ignore[misc]
        choice = kept if order == "in order" else chance(random_)
        put(disk.image(choice), scratch / "after")
        try:
            await promises.hold(scratch / "after" / "stores")
        except BaseException as err:
            err.add_note(choice.name)
            raise
        shutil.rmtree(scratch / "after")


@pytest.mark.soak
@pytest.mark.parametrize("faulty", [False, True], ids=["good disk", "failing syncs"])
@pytest.mark.parametrize("what", ["use", "fork"])
async def test_again_and_again(scratch: Path, what: str, faulty: bool) -> None:
    """Many uses, each cut at many moments; and where it was cut, the start after that is cut as well."""
    for round_ in range(ROUNDS):
        seed = f"{SOAK_SEED} {round_}"
        here = scratch / str(round_)
        here.mkdir()
        log = recorded(here, what, seed, faulty=faulty)
        await cut(here, log, seed, states=400)
        random_ = random.Random(seed)
        moment = random_.choice(worth(log))
        disk, promises = played(here, log[:moment])
        before = disk.image(chance(random_))
        again = scratch / f"{round_} again"
        put(before, again / "disk")
        await cut(again, recorded(again, "start", seed), seed, states=STATES, before=before, promises=promises)
        shutil.rmtree(here)
        shutil.rmtree(again)


def played(scratch: Path, log: list[Entry], *, lies: bool = False) -> tuple[Disk, Promises]:
    """The disk, and what the process was told, after so much of the log."""
    disk, promises = Disk(scratch / "disk", lies=lies), Promises()
    for position, entry in enumerate(log):
        disk.apply(position, entry)
        if entry.kind is Kind.MARK:
            promises.take(entry.data)
    return disk, promises
