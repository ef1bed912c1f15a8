"""Messages out of a modem's store: each is told once, whatever the store does."""

from itertools import permutations

import pytest

from drivers.modem.inbox import HELD_MAX, PARTS_US, Inbox, Stored
from firmware_sim.modem_pdu import delivers
from support.context import HeldClock

NUMBER = "+8613800138000"
LONG = "x" * 200


def stored(text: str, first: int = 1) -> list[Stored]:
    return [Stored(first + n, pdu.hex()) for n, pdu in enumerate(delivers(NUMBER, text, 5))]


def test_a_store_that_does_not_delete() -> None:
    """What is still there is to be deleted again, and not told again."""
    inbox, at = Inbox("sms"), HeldClock().now()
    held = stored("hi")
    first, second = (inbox.take(held, at, full=False) for _ in range(2))
    assert [message.text for message in first.messages] == ["hi"]
    assert (second.messages, first.places, second.places) == ([], [1], [1])


def test_parts_in_any_order_and_twice() -> None:
    """All their places are free then."""
    one, two = stored(LONG)
    taken = Inbox("sms").take([two, one, Stored(7, one.pdu)], HeldClock().now(), full=False)
    assert ([message.text for message in taken.messages], sorted(taken.places)) == ([LONG], [1, 2, 7])


def test_parts_stay_in_the_store_until_all_are_there() -> None:
    """A crash takes none of them; in a full store they make room."""
    inbox, at = Inbox("sms"), HeldClock().now()
    one, two = stored(LONG)
    assert inbox.take([one], at, full=False) == ([], [], [])
    assert inbox.take([one], at, full=True) == ([], [], [1])
    assert [message.text for message in inbox.take([two], at, full=False).messages] == [LONG]


def test_parts_that_stand_in_no_store() -> None:
    """They are held, so many at most: what is beyond is the oldest, which is told as it is."""
    inbox, at = Inbox("sms"), HeldClock().now()
    texts = [f"{n:03}" * 60 for n in range(HELD_MAX + 2)]
    halves = [delivers(NUMBER, text, n & 0xFF, at=n) for n, text in enumerate(texts)]
    for first, _ in halves:
        inbox.hold(first.hex())
    taken = inbox.take([], at, full=False)
    assert [message.text for message in taken.messages] == [text[:153] + "[...]" for text in texts[:2]]
    assert [error.code for error in taken.wrong] == ["sms_incomplete"] * 2
    for _, second in halves[2:]:
        inbox.hold(second.hex())
    assert [message.text for message in inbox.take([], at, full=False).messages] == texts[2:]


TWO = ("code 111111 " + "a" * 188, "code 222222 " + "b" * 188)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_two_messages_with_one_reference(order: tuple[int, ...]) -> None:
    """In one look, in any order: a part belongs to the message whose time is nearest."""
    pdus = [pdu for n, text in enumerate(TWO) for pdu in delivers(NUMBER, text, 9, at=60 * n)]
    taken = Inbox("sms").take([Stored(n, pdus[n].hex()) for n in order], HeldClock().now(), full=False)
    assert (sorted(message.text for message in taken.messages), sorted(taken.places)) == (list(TWO), [0, 1, 2, 3])


def test_two_messages_of_one_second() -> None:
    """In the order in which they stand in the store."""
    pdus = [pdu for text in TWO for pdu in delivers(NUMBER, text, 9, at=0)]
    taken = Inbox("sms").take([Stored(n, pdu.hex()) for n, pdu in enumerate(pdus)], HeldClock().now(), full=False)
    assert [message.text for message in taken.messages] == list(TWO)


def test_a_part_of_another_message() -> None:
    """It is not deleted with the message that has its reference, and told with its gap when no other part comes."""
    inbox, clock = Inbox("sms"), HeldClock()
    (one, two), (other, _) = (delivers(NUMBER, text, 9, at=60 * n) for n, text in enumerate(TWO))
    held = [Stored(n, pdu.hex()) for n, pdu in enumerate((one, two, other))]
    taken = inbox.take(held, clock.now(), full=False)
    assert ([message.text for message in taken.messages], taken.places) == ([TWO[0]], [0, 1])
    assert inbox.take(held[2:], clock.now(), full=False) == ([], [], [])
    clock.ahead_us += PARTS_US
    taken = inbox.take(held[2:], clock.now(), full=False)
    assert ([message.text for message in taken.messages], taken.places) == ([TWO[1][:153] + "[...]"], [2])


def test_references_of_other_widths() -> None:
    """Of equal value they are of two messages."""
    narrow, wide = delivers(NUMBER, TWO[0], 9, at=0), delivers(NUMBER, TWO[1], 9, at=0, wide=True)
    stored_ = [Stored(1, narrow[0].hex()), Stored(2, wide[1].hex())]
    assert Inbox("sms").take(stored_, HeldClock().now(), full=False) == ([], [], [])
    stored_ += [Stored(3, narrow[1].hex()), Stored(4, wide[0].hex())]
    taken = Inbox("sms").take(stored_, HeldClock().now(), full=False)
    assert [message.text for message in taken.messages] == list(TWO)
