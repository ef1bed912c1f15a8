"""kill -9 between anything and anything: what a rule said and its state are both there, or neither."""

import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

from support.site import assert_whole, opened

TESTS = Path(__file__).parents[1]


async def test_killed_at_any_commit_alarms_and_states_agree(tmp_path: Path) -> None:
    """Several lives of one store, each ended without warning; the next one goes on from what it finds."""
    for commits in (1, 2, 5, 23, 60):
        child = await create_subprocess_exec(
            sys.executable, "-m", "support.pipeline_child", str(tmp_path), cwd=TESTS, stdout=PIPE
        )
        assert child.stdout
        for _ in range(commits):
            assert await child.stdout.readline() == b"commit\n"
        child.kill()
        await child.communicate()
        site = await opened(tmp_path)
        await assert_whole(site.journal)
        await site.journal.close()
