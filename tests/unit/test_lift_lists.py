"""The lists of lifts on the command line, as a gateway tells them that knows two of them and no time."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.lift_status import LiftNow
from support.cold_room import ColdRoom
from support.control import serving
from support.small_gateway import doorpost


class Daemon(ColdRoom):
    def lifts(self) -> list[LiftNow]:
        told: dict[str, Any] = dict.fromkeys(LiftNow.__struct_fields__)
        told |= {"calls": [], "cycles": [], "visits": []}
        told |= {"state": "active", "level": "green", "inspection_due": "2026-12-01"}
        return [
            LiftNow(**told | {"id": id_, "problems": ["clock_unknown", *more]})
            for id_, more in (("north", ()), ("south", ("scrapped_in_use",)))
        ]


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[Path]:
    async with serving(tmp_path, Daemon()):
        yield tmp_path


async def test_a_clock_that_is_not_set_is_said_once_with_what_to_do(data: Path) -> None:
    """Beside the days that are not counted by it; what is one lift's is said of that one."""
    code, out, err = await doorpost("lift", "due", "--data", data)
    assert (code, out.count("2026-12-01  –"), err.count("timedatectl"), "scrapped" in err) == (0, 2, 1, False)
    code, out, _ = await doorpost("lift", "list", "--data", data)
    assert (code, out.count("timedatectl"), "south is scrapped" in out) == (0, 1, True)
