"""The snapshot in words: every state has its text in both languages, and no fault becomes a number."""

from itertools import chain
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.status import AlarmNow, DeviceNow, LinkNow, SealedNow, Snapshot, StoreNow
from gateway.web.view import view
from model.bodies import RescueState
from model.observation import Quality
from model.record import STREAMS
from model.texts import LANGS
from model.time import TimeSource
from support.cold_room import ColdRoom, alarm, measure


def states(struct: type[msgspec.Struct], name: str) -> tuple[str, ...]:
    return get_args(get_type_hints(struct)[name])


def strings(value: Any) -> list[str]:
    """All texts within a view."""
    if isinstance(value, dict):
        return list(chain.from_iterable(strings(v) for v in value.values()))
    if isinstance(value, list):
        return list(chain.from_iterable(strings(v) for v in value))
    return [value] if isinstance(value, str) else []


def changed(**parts: Any) -> Snapshot:
    return msgspec.structs.replace(ColdRoom().snapshot(), **parts)


@pytest.mark.parametrize("lang", LANGS)
def test_every_state_has_its_words(lang: str) -> None:
    """Whatever a snapshot may hold has a text in the catalogue: a key never reaches a person."""
    now = ColdRoom().snapshot()
    device, link, stream = now.devices[0], now.link, now.streams[0]
    snapshots = [
        *(changed(time_source=source) for source in get_args(TimeSource)),
        *(changed(link=msgspec.structs.replace(link, state=state)) for state in states(LinkNow, "state")),
        *(changed(link=msgspec.structs.replace(link, central=state)) for state in states(LinkNow, "central")),
        changed(devices=[msgspec.structs.replace(device, health=state) for state in states(DeviceNow, "health")]),
        changed(devices=[msgspec.structs.replace(device, points=[measure("t", None, "Cel", q) for q in Quality])]),
        changed(alarms=[alarm(state=state, acked_by=by) for state in states(AlarmNow, "state") for by in (None, "Li")]),
        changed(alarms=[alarm(what="lift_alarm", rescue=state) for state in get_args(RescueState)]),
        changed(store=StoreNow(10**9, 10**9, 1.0, True), alarms=[alarm(what="store_full", point="store", unit="%")]),
        changed(streams=[msgspec.structs.replace(stream, stream=name, lost=7) for name in STREAMS], store_ok=False),
    ]
    for snapshot in snapshots:
        for text in strings(view(snapshot, lang)):
            assert not text.startswith(("page.", "health.", "quality.", "alarm.", "error.")), text
            assert "rescue_state." not in text
            assert "…" not in text


def test_how_far_help_is() -> None:
    """Beside who has answered: somebody may be there before anybody has."""
    one = alarm(what="lift_alarm", rescue="on_site")
    assert view(changed(alarms=[one]), "en")["alarms"][0]["text"] == "not acknowledged · on site"
    one = alarm(what="lift_alarm", state="acked", acked_by="Li", rescue="acked")
    assert view(changed(alarms=[one]), "en")["alarms"][0]["text"] == "acknowledged by Li"


@given(
    quality=st.sampled_from([q for q in Quality if q is not Quality.GOOD]),
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    unit=st.sampled_from(["Cel", "%", "1"]),
    lang=st.sampled_from(LANGS),
)
def test_a_fault_is_never_a_number(quality: str, value: float | None, unit: str, lang: str) -> None:
    """Where the quality is not good, no digit is shown, whatever the snapshot carries."""
    shown = changed(devices=[msgspec.structs.replace(ColdRoom().snapshot().devices[0], points=[])])
    device = msgspec.structs.replace(shown.devices[0], points=[measure("temperature", value, unit, quality)])
    seen = view(msgspec.structs.replace(shown, devices=[device]), lang)["devices"][0]
    (point,) = seen["measures"] + seen["states"]
    assert not point["good"]
    assert not any(character.isdigit() for character in point["value"] + point["unit"])


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (4.0, "Cel", "4.0 °C"),
        (-18.25, "Cel", "−18.25 °C"),
        (61.5, "%", "61.5 %"),
        (3.0, "1", "3"),
        (0.43, "m/s", "0.43 m/s"),
    ],
)
def test_numbers_as_people_write_them(value: float, unit: str, shown: str) -> None:
    """One decimal at least for what is measured, a real minus sign, the unit of daily use."""
    device = msgspec.structs.replace(ColdRoom().snapshot().devices[0], points=[measure("x", value, unit)])
    seen = view(changed(devices=[device]), "en")["devices"][0]
    (point,) = seen["measures"] + seen["states"]
    assert f"{point['value']} {point['unit']}".rstrip() == shown


def test_states_and_points_by_name() -> None:
    """Contacts and relays say their state in a word; a point without a label keeps its name and its number."""
    points = [measure("di1", 1), measure("relay8", 0), measure("odd_one", 2), measure("run_hours", 1763712000, "h")]
    device = msgspec.structs.replace(ColdRoom().snapshot().devices[0], points=points)
    seen = view(changed(devices=[device]), "zh-CN")["devices"][0]["states"]
    assert [(p["label"], p["value"]) for p in seen] == [
        ("输入 1", "闭合"),
        ("relay8", "断开"),
        ("odd_one", "2"),
        ("累计运行时间", "1763712000"),
    ]


def test_rows_of_two_stores_say_whose_they_are() -> None:
    """While a sealed store drains beside a new one, each row names its store."""
    stream = ColdRoom().snapshot().streams[0]
    two = [msgspec.structs.replace(stream, store=store) for store in ("7f3a0001-x", "9c4b0002-y")]
    assert [row["stream"] for row in view(changed(streams=two), "en")["streams"]] == [
        "Alarms (7f3a0001)",
        "Alarms (9c4b0002)",
    ]


def test_summary_is_as_bad_as_its_worst_line() -> None:
    """All well is one green line; an open alarm is red whatever else is."""
    quiet = changed(devices=[])
    assert view(quiet, "en")["summary"] == {"level": "ok", "lines": [{"level": "ok", "text": "All is well"}]}
    loud = view(msgspec.structs.replace(quiet, alarms=[alarm(state="acked"), alarm()]), "en")["summary"]
    assert [line["level"] for line in loud["lines"]] == ["bad", "warn"]
    assert loud["level"] == "bad"


def test_the_store_says_how_full_it_is() -> None:
    """Green while nothing is wrong, yellow while its alarm is open, red when readings are refused: then it is said on top too."""
    store = StoreNow(1_288_490_189, 4_026_531_840, 0.716, False)
    words = "On the disk: 1.2 GiB of at most 3.8 GiB. What must stay takes 71 % of that."
    full = alarm(what="store_full", device="gateway", point="store", value=70.0, unit="%")
    seen = [view(changed(store=store, alarms=alarms), "en")["store"] for alarms in ([], [full])]
    assert seen == [[{"level": "ok", "text": words}], [{"level": "warn", "text": words}]]
    assert view(changed(alarms=[full]), "zh-CN")["alarms"][0]["where"] == "gateway · 存储"
    refusing = view(changed(store=msgspec.structs.replace(store, refusing=True)), "en")
    assert refusing["store"][0]["level"] == refusing["summary"]["level"] == "bad"
    assert refusing["summary"]["lines"][0]["text"].startswith("The store is full")


def test_a_store_that_was_closed_is_told_in_a_sentence() -> None:
    """Why, and what was set aside of it."""
    sealed = [SealedNow("7f3a", "damaged", ["core-000002.db.damaged"]), SealedNow("81b0", "fork", [])]
    _, damaged, fork = view(changed(sealed=sealed), "en")["store"]
    assert (damaged["level"], fork["level"]) == ("warn", "warn")
    assert damaged["text"].endswith("counts as lost. Damaged or missing: core-000002.db.damaged")
    assert fork["text"].startswith("Store 81b0 is closed: the centre has another history of it")
