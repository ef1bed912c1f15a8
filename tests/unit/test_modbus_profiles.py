"""Device profiles: the shipped ones by the documents' bytes, and wrong ones refused as a whole."""

import tomllib
from typing import Any

import pytest

from drivers.modbus.decode import Decoder
from drivers.modbus.driver import ModbusConfig, ModbusDevice
from drivers.modbus.profile import check, known_profiles, load_profile
from model.errors import SettingsError
from model.observation import Quality
from model.shipped import shipped

GOOD, FAULT, IMPLAUSIBLE = Quality.GOOD, Quality.SENSOR_FAULT, Quality.IMPLAUSIBLE


@pytest.mark.parametrize("name", known_profiles())
def test_shipped_profiles_are_sound(name: str) -> None:
    """Each one is whole, says how far to trust it, and gives a point map that names each point once."""
    profile = load_profile(name)
    points = profile.point_map("d1")
    assert profile.source
    assert len(points.index) == len(points.points) == len(profile.points)


@pytest.mark.parametrize(
    ("name", "replies", "values", "quality"),
    [
        ("xy-md02", ["0131 0222"], [305, 546], None),
        ("xy-md02", ["FF33 0222"], [-205, 546], None),
        ("xy-md02", ["0131 FFFF"], [305, None], [GOOD, FAULT]),
        ("xy-md02", ["8000 0222"], [None, 546], [FAULT, GOOD]),
        ("xy-md02", ["0131 03E9"], [305, None], [GOOD, IMPLAUSIBLE]),
        ("xy-md02", ["FE6F 03E8"], [None, 1000], [IMPLAUSIBLE, GOOD]),
        ("renke-rs-ws-n01", ["0292 FF9B"], [658, -101], None),
        ("renke-rs-ws-n01", ["0292 8000"], [658, None], [GOOD, FAULT]),
        ("waveshare-io-8ch", ["01", "00"], [1] + [0] * 15, None),
        ("waveshare-io-8ch", ["80", "03"], [0] * 7 + [1] + [1, 1] + [0] * 6, None),
    ],
)
def test_values_of_the_documents(
    name: str, replies: list[str], values: list[int | None], quality: list[Quality] | None
) -> None:
    """Worked examples of the vendors; a sentinel or an impossible value is never a number."""
    assert Decoder(load_profile(name)).values([bytes.fromhex(reply) for reply in replies]) == (values, quality)


def test_the_lift_of_the_document() -> None:
    """The worked frame of the profile, its missing registers zero but for the two that may not be."""
    words = "0101 0001 0000 0000 0001 0005 0003 0000 0001 0004 002B 005A" + " 0000" * 9 + " 0001 0000"
    decoder = Decoder(load_profile("lift-gbt-1"))
    values, quality = decoder.values([bytes.fromhex(words), bytes.fromhex("03 02")])
    index = load_profile("lift-gbt-1").point_map("lift").index
    shown = {name: values[i] for name, i in index.items() if values[i]}
    assert quality is None
    assert shown == {
        "profile_id": 0x0101,
        "service_mode": 1,
        "door_zone": 1,
        "floor": 5,
        "display_floor": 3,
        "passenger": 1,
        "fault_code": 4,
        "event_code": 43,
        "alarm_code": 90,
        "power": 1,
        "alarm_button": 1,
        "trapped": 1,
        "intercom_fault": 1,
    }


def test_lifts_are_never_written() -> None:
    """No output, no address, nothing."""
    profile = load_profile("lift-gbt-1")
    assert profile.writes == "none"
    assert profile.allowed_writes == frozenset()


def test_settings_give_the_point_map() -> None:
    """What the positions of a poll mean is known before the device is."""
    config = ModbusConfig(id="room1", driver="modbus", bus="rs485", slave=1, profile="xy-md02")
    points = ModbusDevice.point_map(config)
    assert (points.device, points.profile, points.record) == ("room1", "xy-md02", "poll")
    assert [(p.name, p.unit, p.scale) for p in points.points] == [("temperature", "Cel", 0.1), ("humidity", "%", 0.1)]


def profile(**changes: Any) -> dict[str, Any]:
    data = tomllib.loads(shipped("profiles", "xy-md02.toml").read_text(encoding="utf-8"))
    return {**data, **changes}


def block(*points: dict[str, Any], function: int = 4, count: int = 4) -> list[dict[str, Any]]:
    label = {"zh": "点", "en": "Point"}
    return [{"function": function, "address": 0, "count": count, "point": [{"label": label, **p} for p in points]}]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"colour": "red"}, "colour"),
        ({"name": "other"}, "name"),
        ({"evidence": "sure"}, "evidence"),
        ({"writes": "outputs"}, "go together"),
        ({"block": []}, "block"),
        ({"block": block({"name": "a", "address": 0, "type": "bit"})}, "has no bit"),
        ({"block": block({"name": "a", "address": 0, "type": "u16"}, function=2)}, "has no u16"),
        ({"block": block({"name": "a", "address": 3, "type": "u32"})}, "behind the end"),
        ({"block": block({"name": "a", "address": 4, "type": "u16"})}, "behind the end"),
        (
            {"block": block({"name": "a", "address": 0, "type": "u32"}, {"name": "b", "address": 1, "type": "u16"})},
            "over the point before",
        ),
        (
            {"block": block({"name": "a", "address": 0, "type": "u16"}, {"name": "a", "address": 1, "type": "u16"})},
            "stands twice",
        ),
        ({"block": block({"name": "a", "address": 0, "type": "u16", "scale": 0})}, "scale"),
    ],
)
def test_wrong_profiles_are_refused(changes: dict[str, Any], why: str) -> None:
    """A profile is taken as a whole or not at all, and the error says why."""
    with pytest.raises(SettingsError, match="profile_bad") as caught:
        check(profile(**changes), "xy-md02")
    assert why in str(caught.value.params["why"])


def test_unknown_profiles_are_named_with_the_known() -> None:
    """Also a path is no profile."""
    for name in ("xy-md20", "../profiles/xy-md02"):
        with pytest.raises(SettingsError, match="profile_unknown") as caught:
            load_profile(name)
        assert "xy-md02" in str(caught.value.params["known"])


def test_words_gaps_and_orders() -> None:
    """Registers between points are skipped; u32 comes in either order of its words; a sentinel is met before scaling."""
    points = block(
        {"name": "a", "address": 1, "type": "u32"},
        {"name": "b", "address": 4, "type": "u32", "words": "low_first", "sentinels": [0x7FFFFFFF]},
        {"name": "c", "address": 7, "type": "s16", "scale": 0.1, "sentinels": [30000, -30000]},
        count=9,
    )
    decoder = Decoder(check(profile(block=points), "xy-md02"))
    data = "0000 0001 0002 0000 0003 0004 0000 {} 0000"
    assert decoder.values([bytes.fromhex(data.format("FF49"))]) == ([0x10002, 0x40003, -183], None)
    assert decoder.values([bytes.fromhex(data.format("8AD0"))]) == ([0x10002, 0x40003, None], [GOOD, GOOD, FAULT])
    data = "0000 0001 0002 0000 FFFF 7FFF 0000 FF49 0000"
    assert decoder.values([bytes.fromhex(data)]) == ([0x10002, None, -183], [GOOD, FAULT, GOOD])
