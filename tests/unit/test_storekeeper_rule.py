"""The store's own alarm: one for each level, raised, answered and cleared, and no more of them than there are crossings."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.retention import RETENTIONS
from gateway.rules.base import Acked
from gateway.rules.store import Levels, StoreRule
from support.rules import Bench


class Store(Bench):
    def __init__(self, *levels: float, hysteresis: float = 5) -> None:
        full = Levels(levels=list(levels or (70, 85, 95)), hysteresis=hysteresis)
        super().__init__(StoreRule(RETENTIONS.load("default"), full))

    def filled(self, percent: float) -> list[str]:
        return [f"{say.kind[6:-2]} {say.body.limit:g}" for say in self.sample("gateway.store", percent, unit="%")]

    def levels(self) -> list[float]:
        return [alarm.level for alarm in self.state.alarms]


def test_each_level_is_an_alarm_of_its_own() -> None:
    """Each is raised at its level and cleared 5 % below it; in between nothing is said."""
    store = Store()
    said = [(fill, store.filled(fill)) for fill in (0, 69.9, 70, 69, 65, 84.9, 99, 90, 89.9, 64.9, 70)]
    assert [(fill, told) for fill, told in said if told] == [
        (70, ["raised 70"]),
        (99, ["raised 85", "raised 95"]),
        (89.9, ["cleared 95"]),
        (64.9, ["cleared 70", "cleared 85"]),
        (70, ["raised 70"]),
    ]


def test_a_record_says_what_was_measured() -> None:
    """With the fill, the level, and the profile that the level stands in; there is no siren for it."""
    store = Store()
    (raised,) = store.sample("gateway.store", 71.2, unit="%")
    (cleared,) = store.sample("gateway.store", 12.0, unit="%")
    body = cleared.body
    assert body.cause
    assert (body.what, body.limit, body.cause.value, body.cause.unit) == ("store_full", 70, 12.0, "%")
    assert body.profile == "default@1"
    assert body.alarm == raised.body.alarm
    assert store.rule.signals(store.state) == frozenset()


def test_an_answer_is_for_one_level() -> None:
    """It is taken once, and only for an alarm that is open."""
    store = Store()
    store.filled(90)
    low, high = store.open()
    assert [say.kind for say in store.step(Acked(high, "wang", "c1"))] == ["alarm.acked/1"]
    assert store.step(Acked(high, "li", "c2")) == store.step(Acked("no-such", "li", "c3")) == []
    store.restart(rebooted=True)
    assert [(a.id, a.acked_by) for a in store.rule.alarms(store.state)] == [(low, None), (high, "wang")]


def test_a_level_that_is_taken_out_of_the_profile_still_clears() -> None:
    """An alarm that is open outlives a change of the numbers."""
    store = Store(50)
    store.filled(60)
    store.rule = Store(80).rule
    assert (store.filled(60), store.filled(44)) == ([], ["cleared 50"])


@given(st.lists(st.floats(0, 100), max_size=30))
def test_whatever_the_fill_does(fills: list[float]) -> None:
    """Open is what was reached and has not been left by the hysteresis; the bench holds each alarm's life together."""
    store = Store()
    expected: set[float] = set()
    for fill in fills:
        store.filled(fill)
        expected = {level for level in (70, 85, 95) if fill >= level or (level in expected and fill >= level - 5)}
        assert store.levels() == sorted(expected)
