"""The power fails, or the process is killed, in each state of a lift's alarm: the next start finds what people were shown."""

import shutil
from pathlib import Path

import msgspec

from support.diskfaults import Kind, entries, environment, run
from support.lift_story import Now, opened
from support.powercut import Disk, extremes, put

STATES = ["sending", "sending", "sent", "acked", "dispatched", "on_site", "released"]
LOOKED_AT = ("nothing", "all", "only the newest", "the newest torn")


async def found(directory: Path, *, rebooted: bool) -> Now:
    async with opened(directory, rebooted=rebooted) as story:
        return story.now


async def test_each_state_comes_back(scratch: Path) -> None:
    """I7, I2: the same alarm, its lamps, dialler and voice, and the messages that are not sent yet."""
    (scratch / "disk").mkdir()
    env = environment(scratch / "disk", log=scratch / "log")
    done = run("support.lift_story", scratch / "disk" / "stores", env=env)
    assert done.returncode == -9, done.stderr
    disk, said = Disk(scratch / "disk"), []
    for position, entry in enumerate(entries(scratch / "log")):
        if entry.kind is not Kind.MARK:
            disk.apply(position, entry)
        else:
            said.append(shown := msgspec.json.decode(entry.data, type=Now))
            for choice in extremes(disk.pending()):
                if choice.name in LOOKED_AT:
                    put(disk.image(choice), scratch / "after")
                    assert await found(scratch / "after" / "stores", rebooted=choice.name != "all") == shown, choice
                    shutil.rmtree(scratch / "after")
    assert [one.state for one in said] == STATES
    assert {one.alarm for one in said} == {said[0].alarm}
    assert "dialler" in said[1].signals and len(said[1].messages) == 1
    assert said[3].signals == ["lamp_green", "voice"] and not said[3].messages
    assert await found(scratch / "disk" / "stores", rebooted=False) == said[-1]
