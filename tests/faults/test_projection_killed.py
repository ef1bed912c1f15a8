"""kill -9 between anything and anything: the views lose nothing and count nothing twice."""

import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

from support.projecting import MINUTE, follow, naive, opened, ordered, shown

TESTS = Path(__file__).parents[1]


async def test_killed_at_any_round_the_views_are_what_the_records_say(tmp_path: Path) -> None:
    """Several lives of one journal and its views, each ended without warning, in minutes that go on."""
    for life, rounds in enumerate((1, 2, 5, 23, 60)):
        child = await create_subprocess_exec(
            sys.executable, "-m", "support.projection_child", str(tmp_path), str(life * MINUTE // 2),
            cwd=TESTS, stdout=PIPE,
        )  # fmt: skip
        assert child.stdout
        for _ in range(rounds):
            assert await child.stdout.readline() == b"round\n"
        child.kill()
        await child.communicate()
        async with opened(tmp_path) as (journal, projection):
            followed = await projection._open()
            assert followed.marks
            await follow(projection)
            assert ordered(await shown(projection)) == await naive(journal)
            await projection._close()
