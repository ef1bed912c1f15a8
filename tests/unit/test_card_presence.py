"""What a reader says over and over -> a card came, a card is gone."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.card.presence import Presence
from model.observation import Card
from model.time import Stamp, TimeQuality


def at(ms: int) -> Stamp:
    return Stamp("boot", ms * 1000, TimeQuality("unknown"), ms * 1000)


def presence(*, tells_gone: bool = True) -> Presence:
    return Presence("badge", "em4100", 0.5, tells_gone=tells_gone)


def test_a_card_comes_at_once_and_goes_once() -> None:
    """Its frames in between say nothing new; it is gone half a second after the last."""
    one = presence()
    assert one.heard("0A", at(0)) == Card("badge", "0A", "em4100", True, at(0))
    for ms in range(65, 1000, 65):
        assert one.due(at(ms)) == [] and one.heard("0A", at(ms)) is None
    last = 975
    assert one.next_due == (last + 500) * 1000
    assert one.due(at(last + 499)) == []
    assert one.due(at(last + 500)) == [Card("badge", "0A", "em4100", False, at(last + 500))]
    assert one.next_due is None
    assert one.heard("0A", at(2000))


def test_two_cards_in_turn() -> None:
    """Each has its own time."""
    one = presence()
    assert one.heard("0A", at(0)) and one.heard("0B", at(100))
    assert one.heard("0A", at(200)) is None
    assert one.next_due == 600_000
    assert [card.uid for card in one.due(at(600))] == ["0B"]
    assert [card.uid for card in one.due(at(700))] == ["0A"]


def test_a_card_that_was_heard_in_time_and_is_looked_at_late() -> None:
    """It stays; one that was not heard goes."""
    one = presence()
    assert one.heard("0A", at(0)) and one.heard("0B", at(1))
    assert [card.uid for card in one.due(at(600), ["0A"])] == ["0B"]
    assert one.heard("0A", at(600)) is None
    assert one.next_due == 1_100_000


def test_a_reader_that_says_a_card_once() -> None:
    """A repeat is the same presentation; after a pause it is another; nothing tells when it leaves."""
    one = presence(tells_gone=False)
    assert one.heard("0A", at(0))
    assert one.heard("0A", at(400)) is None
    assert one.due(at(900)) == []
    assert one.heard("0A", at(900))
    assert one.end(at(901)) == []


def test_nobody_listens_any_more() -> None:
    """What was there is gone."""
    one = presence()
    one.heard("0A", at(0))
    assert [(card.uid, card.present) for card in one.end(at(10))] == [("0A", False)]
    assert one.end(at(10)) == []


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("ABC")), max_size=60))
def test_each_card_comes_and_goes_in_turn(frames: list[tuple[int, str]]) -> None:
    """Never twice the same for a card, whatever is said when, and at the end none is there."""
    one, now, told = presence(), 0, list[Card]()
    for pause, uid in frames:
        now += pause
        told += one.due(at(now))
        came = one.heard(uid, at(now))
        told += [came] if came else []
    told += one.due(at(now + 500))
    assert one.next_due is None
    for uid in "ABC":
        states = [card.present for card in told if card.uid == uid]
        assert states == [True, False] * (len(states) // 2)
    assert {card.uid for card in told} == {uid for _, uid in frames}
