"""Calls to the disk fail, one by one or from one on: nothing is lost, what is refused is refused, and the journal goes on by itself."""

from pathlib import Path

import pytest

from support.diskfaults import Faults, environment, run

CASES = ("full once", "full", "error once", "error", "read-only", "short write", "short writes")


def sweep(scratch: Path, plan: str, case: str, part: int, parts: int) -> None:
    """Use a journal once for every `parts`th call below it. AssertionError with what went wrong at which."""
    disk = scratch / "disk"
    disk.mkdir()
    env = environment(disk, Faults(scratch / "control"))
    done = run("support.disk_sweep", disk, plan, case, str(part), str(parts), env=env)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def sectors(scratch: Path, start: int, step: int) -> None:
    disk = scratch / "disk"
    disk.mkdir()
    done = run("support.disk_sectors", disk, str(start), str(step), env=environment(disk, Faults(scratch / "control")))
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_some_pages_that_cannot_be_read(scratch: Path) -> None:
    """It starts and goes on, and what stands elsewhere is there."""
    sectors(scratch, 3, 29)


@pytest.mark.soak
def test_every_page_that_cannot_be_read(scratch: Path) -> None:
    sectors(scratch, 0, 1)


@pytest.mark.parametrize("case", CASES)
def test_some_calls(scratch: Path, case: str) -> None:
    """Of all kinds, over the whole use of a journal."""
    sweep(scratch, "use", case, 7 * CASES.index(case), 120)


@pytest.mark.parametrize("plan", ["use", "fork"])
def test_every_change_of_a_name(scratch: Path, plan: str) -> None:
    """What a failed rename, or sync of a directory, leaves behind counts for nothing, or for all that it holds."""
    sweep(scratch, plan, "names", 0, 1)


@pytest.mark.soak
@pytest.mark.parametrize("plan", ["use", "fork"])
@pytest.mark.parametrize("case", CASES)
def test_every_call(scratch: Path, plan: str, case: str) -> None:
    sweep(scratch, plan, case, 0, 1)
