"""What shows that an LLRP reader's inventory runs, and what that it does not."""

import pytest

from drivers.rfid.llrp import params
from drivers.rfid.llrp.replies import Status
from drivers.rfid.llrp.running import START_AGAIN_US, START_US, Running

OK, REFUSED = Status(params.SUCCESS, ""), Status(402, "antenna fault")
INACTIVE = 1


def waiting() -> Running:
    """Enabled at 0, and now asked for and started by command."""
    one = Running(0)
    one.command(START_US)
    return one


def problem(one: Running) -> str | None:
    return one.problem.code if one.problem else None


def test_a_reader_that_says_when_it_begins() -> None:
    """Nothing is commanded but after an end."""
    one = Running(0)
    assert one.due_us == START_US
    one.began()
    assert one.due_us is None
    one.ended(7)
    assert one.due_us == 7 + START_US
    one.command(one.due_us)
    one.answered(OK)
    one.began()
    assert (one.due_us, one.problem) == (None, None)


@pytest.mark.parametrize("answer", [OK, REFUSED])
def test_an_empty_field_of_a_reader_without_events(answer: Status) -> None:
    """It is asked, and says that it runs; what it answers to the needless command is no fault."""
    one = waiting()
    one.stated(params.ROSPEC_ACTIVE)
    one.answered(answer)
    assert (one.due_us, one.problem) == (None, None)


def test_a_reader_that_cannot_be_asked() -> None:
    """A command that it accepts is believed, and given again until a tag comes."""
    one = waiting()
    one.stated(None)
    one.answered(OK)
    one.command(START_US + START_AGAIN_US)
    assert one.problem is None
    one.reported()
    assert one.due_us is None


def test_a_start_that_is_not_answered() -> None:
    one = waiting()
    one.command(START_US + START_AGAIN_US)
    assert problem(one) == "llrp_idle"
    assert one.due_us == START_US + 2 * START_AGAIN_US


@pytest.mark.parametrize("ended", [False, True])
def test_a_start_that_is_refused(ended: bool) -> None:
    """Told by the reader's number and words, and given again until it has begun."""
    one = Running(0)
    if ended:
        one.began()
        one.ended(0)
    one.command(START_US)
    one.stated(INACTIVE)
    one.answered(REFUSED)
    assert one.problem
    assert one.problem.params == {"what": "START_ROSPEC", "number": 402, "text": "antenna fault"}
    one.command(START_US + START_AGAIN_US)
    assert problem(one) == "llrp_refused"
    one.began()
    assert one.due_us is None
    assert problem(one) is None


def test_a_start_without_effect() -> None:
    """Accepted, but the reader says itself that nothing runs; or it had told the end, and tells no beginning."""
    one = waiting()
    one.stated(INACTIVE)
    one.answered(OK)
    assert one.problem is None
    one.command(START_US + START_AGAIN_US)
    one.stated(INACTIVE)
    assert problem(one) == "llrp_idle"
    other = Running(0)
    other.began()
    other.ended(0)
    other.command(START_US)
    other.answered(OK)
    other.command(START_US + START_AGAIN_US)
    assert problem(other) == "llrp_idle"
    other.reported()
    assert other.due_us is None
    assert problem(other) is None


def test_what_had_ended_may_still_report() -> None:
    """That is no sign that it runs."""
    one = Running(0)
    one.began()
    one.ended(0)
    one.reported()
    assert one.due_us == START_US
