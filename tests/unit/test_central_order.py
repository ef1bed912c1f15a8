"""A rescue's steps stand in the order in which the gateway recorded them, whatever its clocks say and however they came."""

import itertools
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from central import queries
from central.cli import tree
from central.clocks import Clock, clocks
from central.desk.pages import Pages
from central.desk.watch import Seen
from central.ingest import Ingest
from central.settings import Targets
from central.store import Store, now, reader
from model.bodies import TimeAnchor
from model.texts import text
from support.centre_lifts import NEW_STORE, SECOND, LiftGateway, Message
from support.memory import memory_directory
from support.source import T0
from sync.contract.messages import Batch, decode

ALARM = "1a3e0f52-1111-4222-8333-444455556666"
BOOTS = [f"0b6f4c1e-1111-4222-8333-44445555660{n}" for n in range(4)]


class Boot(NamedTuple):
    """Where its clock says that it began (seconds after T0; None where nobody had set it), and the seconds between its steps."""

    begun: float | None
    steps: list[float]


def gateway(boots: list[Boot]) -> LiftGateway:
    """One alarm over some power cuts; `n` is each step's number, so that they can be told apart."""
    made = LiftGateway()
    kinds = ("repeated", "escalated", "reemit")
    total = sum(len(boot.steps) for boot in boots)
    n = 0
    for made.boot, boot in zip(BOOTS, boots, strict=False):
        mono = 0.0
        if boot.begun is not None:
            utc = T0 + int(boot.begun * SECOND)
            made.say("time.anchor/1", TimeAnchor(boot=made.boot, mono=0, utc=utc, source="ntp", err_ms=5), 0)
        for apart in boot.steps:
            mono += apart
            kind = "raised" if n == 0 else "ended" if n == total - 1 else kinds[n * 7 % 3]
            made.alarm(kind, mono, ALARM, n=n, by="Wang" if kind == "ended" else None)
            n += 1
    return made


def told(*messages: Message) -> dict[str, Any]:
    with memory_directory() as folder:
        store = Store(Path(folder))
        ingest = Ingest(store)
        for message in messages:
            ingest.take([message])
        (found,) = queries.incidents(reader(Path(folder)), 300)
        store.close()
    return found


BOOT = st.builds(
    Boot,
    st.none() | st.integers(-100_000, 100_000),
    st.lists(st.sampled_from([0, 0, 0.5, 3, 70]), min_size=1, max_size=4),
)


@given(st.data(), st.lists(BOOT, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_the_order_is_the_gateways(data: st.DataObject, boots: list[Boot]) -> None:
    """Power cuts, clocks that jump either way, several steps of one moment, a fork: delivered in any order, in several ways."""
    made = gateway(boots)
    messages, again = made.batches(), made.again()
    kept, unheard = data.draw(st.tuples(st.integers(0, len(again)), st.booleans()))
    new = again[kept:]
    if new and unheard:  # else the centre had it before
        messages = [m for m in messages if "alarm" not in m[0] or decode(m[1], Batch).first <= kept]
    messages += new + data.draw(st.lists(st.sampled_from(made.urgent), max_size=6))
    one = told(*data.draw(st.permutations(messages)))
    lines = one["timeline"]
    assert [line["n"] for line in lines] == list(range(sum(len(boot.steps) for boot in boots)))
    assert all(before["at"] <= line["at"] for before, line in itertools.pairwise(lines))
    first, last = one["times"]["since"], one["times"].get("ended")
    if last:
        assert last["counted"] >= first["counted"]
        assert one["ended"] - one["since"] >= 0


def took(one: dict[str, Any]) -> dict[str, Clock]:
    return {clock.step: clock for clock in clocks(one, Targets(), T0 + 10**9)}


def cut(behind: float, *, over: bool = True) -> LiftGateway:
    """Answered 40 s after the power came back, by a clock that was so much behind then; reached 1000 s later."""
    made = LiftGateway()
    made.boot = BOOTS[0]
    made.anchored()
    made.alarm("raised", 1000, ALARM)
    made.alarm("repeated", 1005, ALARM, n=1)
    made.alarm("escalated", 1005, ALARM, n=1, tier=1)
    made.boot = BOOTS[1]
    begun = T0 + int((1020 - behind) * SECOND)
    made.say("time.anchor/1", TimeAnchor(boot=made.boot, mono=0, utc=begun, source="ntp", err_ms=5), 0)
    made.alarm("acked", 40, ALARM, by="Li Na", via="centre")
    made.alarm("dispatched", 60, ALARM, by="Li Na", via="centre", team="Otis", tier=1)
    made.alarm("arrived", 1040, ALARM, by="Wang", via="badge")
    if over:
        made.alarm("ended", 1100, ALARM, by="Wang", via="key")
    return made


def test_a_clock_that_is_behind_after_a_power_cut_hides_no_breach() -> None:
    """No less has passed than the boots have counted, and what cannot be known is marked."""
    one = told(*cut(600).batches())
    assert [(line["kind"], line["doubtful"]) for line in one["timeline"]] == [
        ("raised", False), ("repeated", False), ("escalated", False),
        ("acked", True), ("dispatched", True), ("arrived", True), ("ended", True),
    ]  # fmt: skip
    found = took(one)
    assert {step: (c.seconds, c.late, c.doubtful) for step, c in found.items()} == {
        "ack": (45, True, True), "dispatch": (20, False, False), "arrive": (1045, False, True),
    }  # fmt: skip
    assert not any(clock.doubtful for clock in took(told(*cut(0).batches())).values())


@pytest.mark.parametrize(("behind", "steps", "clocks"), [(600, 3, 2), (0, 0, 0)])
def test_the_desk_marks_what_is_in_doubt(tmp_path: Path, behind: float, steps: int, clocks: int) -> None:
    """The time of each step behind the power cut, and each clock over it."""
    store = Store(tmp_path)
    Ingest(store).take(cut(behind, over=False).batches())
    store.close()
    seen = Seen(now(), queries.incidents(reader(tmp_path), 300))
    (page,) = Pages("en", Targets()).blocks(seen, {})["facts"].values()
    assert page.count(text("desk.doubtful", "en")) == steps
    assert page.count(text("desk.clock.doubtful", "en")) == clocks


def test_one_boot_far_ahead_makes_nothing_late() -> None:
    """Between two that agree: what is known of the time in between is what was counted."""
    made = LiftGateway()
    for made.boot, begun, kinds in zip(BOOTS, (0, 10**7, 130), (["raised"], ["escalated"], ["acked"]), strict=False):
        utc = T0 + begun * SECOND
        made.say("time.anchor/1", TimeAnchor(boot=made.boot, mono=0, utc=utc, source="ntp", err_ms=5), 0)
        made.alarm(kinds[0], 10, ALARM, by="Li Na" if kinds == ["acked"] else None)
    ack = took(told(*made.batches()))["ack"]
    assert (ack.seconds, ack.late, ack.doubtful) == (20, False, True)


def test_without_any_clock_a_call_is_as_old_as_its_boots_have_counted() -> None:
    """All of it came in one moment, after the network was back."""
    one = told(*gateway([Boot(None, [100, 30]), Boot(None, [40, 20])]).batches())
    lines = one["timeline"]
    assert [(b["at"] - a["at"]) // SECOND for a, b in itertools.pairwise(lines)] == [30, 40, 20]
    assert all(line["at"] <= line["received"] for line in lines)
    assert (one["times"]["since"]["from"], one["times"]["ended"]["from"]) == ("received", "received")


def test_the_report_counts_no_doubtful_rescue_as_met(tmp_path: Path) -> None:
    """It says so instead, and on what each time rests."""
    store = Store(tmp_path)
    Ingest(store).take(cut(600).batches())
    store.close()
    said = json.loads(CliRunner().invoke(tree("en"), ["report", "--data", str(tmp_path), "--json"]).stdout)
    (one,) = said["rescues"]
    assert (one["targets"]["ack"], one["targets"]["arrive"]) == ("missed", "doubtful")
    assert said["lifts"][0]["targets"]["arrive"]["doubtful"] == 1
    assert {name: (time["from"], time["doubtful"]) for name, time in one["times"].items()} == {
        "since": ("located", False), "acked": ("located", True), "dispatched": ("located", True),
        "arrived": ("located", True), "ended": ("located", True),
    }  # fmt: skip
    assert one["after"]["arrive"] == 1045


@pytest.mark.parametrize("first", ["again", "before"])
def test_the_report_has_the_same_order_after_a_fork(tmp_path: Path, first: str) -> None:
    """What came again lies where it was given last, and that is the record that it rests on."""
    made = gateway([Boot(0, [10, 5, 0, 0])])
    ways = [made.again()[2:], made.batches()]
    store = Store(tmp_path)
    Ingest(store).take(itertools.chain(*(ways if first == "again" else reversed(ways))))
    store.close()
    said = json.loads(CliRunner().invoke(tree("en"), ["report", "--data", str(tmp_path), "--json"]).stdout)
    (one,) = said["rescues"]
    assert sorted(key[3] for key in one["records"] if key[1] == NEW_STORE) == [3, 4]


def test_a_person_sees_which_times_are_in_doubt(tmp_path: Path) -> None:
    """With the mark of a clock that was not set."""
    store = Store(tmp_path)
    Ingest(store).take(cut(600).batches())
    store.close()
    lines = CliRunner().invoke(tree("en"), ["timeline", ALARM[:8], "--data", str(tmp_path)]).stdout.splitlines()[1:]
    assert ["clock not set" in line for line in lines] == [False, False, False, True, True, True, True]
