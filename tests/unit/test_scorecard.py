"""The score cards of the drivers: each driver has one, it claims what the suite asks, and docs/drivers.md says the same."""

from importlib.metadata import entry_points
from pathlib import Path

from support.driver_bench import benches
from support.scorecard import PAGE, ROOT, cards, questions, with_table

GROUPS = ("doorpost.drivers", "doorpost.buses")


def test_every_driver_has_a_card() -> None:
    """Each entry point stands in the card of its own folder, and no card names one that is not there."""
    offered = {(entry.name, entry.value.split(".")[1]) for group in GROUPS for entry in entry_points(group=group)}
    assert {(name, family) for family, card in cards().items() for name in card.entry_points} == offered


def test_every_bench_has_a_card() -> None:
    """And each card's bench stands in the suite."""
    built = {(bench.family, bench.name) for bench in benches(Path(__file__).parents[1] / "contract")}
    assert {(family, name) for family, card in cards().items() for name in card.bench} == built


def test_a_card_claims_only_what_is_asked() -> None:
    """Each question that is left out is one of the suite's, with a reason; and not all are."""
    for family, card in cards().items():
        assert card.untried, family
        for name, bench in card.bench.items():
            assert bench.not_asked.keys() < questions().keys(), f"{family} {name}"
            assert all(bench.not_asked.values()), f"{family} {name}"


def test_tests_that_are_named_are_there() -> None:
    """What is not asked of a driver here may be tested elsewhere."""
    words = [why for card in cards().values() for bench in card.bench.values() for why in bench.not_asked.values()]
    named = [word.rstrip(",.;") for why in words for word in why.split() if word.startswith(("tests/", "drivers/"))]
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_the_page_says_what_the_cards_say() -> None:
    """`make drivers` would change nothing."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page
