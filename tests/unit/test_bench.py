"""The benchmarks still run, and their table says of each target whether it was met."""

import tomllib
from pathlib import Path

import pytest

from bench import append, lifts1000, table
from bench.__main__ import told
from bench.options import Options
from bench.report import Line, Report, Target, percentile
from drivers.modbus.plan import plan
from gateway.rules.registry import RULES


def test_one_that_is_cheap_runs(tmp_path: Path) -> None:
    report = append.run(Options(tmp_path, quick=True))
    assert all(sample > 0 for line in report.lines for sample in line.samples)
    assert not list(tmp_path.iterdir())


def test_lifts_that_call_at_once_are_answered_once_by_two_desks(tmp_path: Path) -> None:
    """Twenty instead of a thousand; the benchmark itself fails where the centre says or commands what the contract does not."""
    report = lifts1000.run(Options(tmp_path, quick=True))
    assert [target.line.samples for target in report.targets[:2]] == [[0], [0]]


def test_the_table_says_what_was_met_and_what_was_missed() -> None:
    ratio, missing = Line("ours / theirs", "ratio", [0.4, 0.6, 0.7]), Line("lost", "readings", [0, 0, 20])
    report = Report(
        name="way",
        title="The whole way",
        method="As it is.",
        targets=[Target(ratio, "at least", 0.5), Target(missing, "at most", 0, every=True)],
        lines=[Line("rate", "readings/s", [12345.6])],
        profiles={"gateway": "here"},
    )
    assert not report.met
    text = table.document([table.Result({"Python": "3.11"}, report)])
    assert "| ours / theirs | 0.6 (0.4 to 0.7) | at least 0.5 | met |" in text
    assert "| lost | 0 readings (0 to 20) | at most 0, each | **missed** |" in text
    assert "| rate | 1 | 12,346 | 12,346 | 12,346 | readings/s |" in text
    assert "Where the time of the gateway goes" in text


def test_a_quick_run_judges_nothing() -> None:
    """Its sizes are too small for any target."""
    target = Target(Line("ours / theirs", "ratio", [0.4]), "at least", 0.5)
    assert told(target, quick=False) == "ours / theirs: 0.4, at least 0.5: MISSED"
    assert told(target, quick=True) == "ours / theirs: 0.4, at least 0.5: not judged"


def test_a_percentile_is_a_value_that_was_seen() -> None:
    values = [float(n) for n in range(1, 161)]
    assert (percentile(values, 50), percentile(values, 99), percentile([7.0], 99)) == (80, 159, 7)


@pytest.mark.parametrize(
    ("name", "requests"), [("bench-20", [(3, 0, 20)]), ("bench-pairs", [(3, n, 2) for n in range(0, 40, 2)])]
)
def test_the_profiles_of_the_benchmarks_ask_as_they_say(name: str, requests: list[tuple[int, int, int]]) -> None:
    """One read of 20 registers; a request for each pair."""
    path = Path(append.__file__).parent / "config" / "profiles" / f"{name}.toml"
    assert [(block.function, block.address, block.count) for block in plan(str(path)).blocks] == requests


def test_the_calls_of_the_benchmarks_are_those_of_a_lift_but_for_a_short_press() -> None:
    profiles = RULES["lift"].profiles
    path = Path(append.__file__).parent / "config" / "rules" / "bench-lift.toml"
    ours = type(shipped := profiles.load("lift-default")).model_validate(
        tomllib.loads(path.read_text(encoding="utf-8"))
    )
    assert {name for name, value in ours if value != getattr(shipped, name)} == {"name", "version", "press_s"}
