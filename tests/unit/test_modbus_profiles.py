"""Device profiles: the shipped ones by the documents' bytes, and wrong ones refused as a whole."""

import struct
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.decode import Decoder
from drivers.modbus.driver import ModbusConfig, ModbusDevice
from drivers.modbus.library import checked, known_profiles, load_profile
from drivers.modbus.plan import Plan
from drivers.modbus.profile import Profile
from model.errors import SettingsError
from model.observation import Quality
from model.shipped import shipped

PATH = Path("xy-md02.toml")
GOOD, FAULT, IMPLAUSIBLE = Quality.GOOD, Quality.SENSOR_FAULT, Quality.IMPLAUSIBLE


@pytest.mark.parametrize("name", known_profiles())
def test_shipped_profiles_are_sound(name: str) -> None:
    """Each one is whole, says how far to trust it, and gives a point map that names each point once."""
    profile = load_profile(name)
    points = profile.point_map("d1")
    assert profile.source
    assert len(points.index) == len(points.points) == len(profile.point)


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
        ("waveshare-io-8ch", ["00", "01"], [1] + [0] * 15, None),
        ("waveshare-io-8ch", ["03", "80"], [0] * 7 + [1] + [1, 1] + [0] * 6, None),
    ],
)
def test_values_of_the_documents(
    name: str, replies: list[str], values: list[int | None], quality: list[Quality] | None
) -> None:
    """Worked examples of the vendors; a sentinel or an impossible value is never a number."""
    assert Decoder(Plan(load_profile(name))).values([bytes.fromhex(r) for r in replies]) == (values, quality)


def test_the_lift_of_the_document() -> None:
    """The worked frame of the profile, its missing registers zero but for the two that may not be."""
    words = "0101 0001 0000 0000 0001 0005 0003 0000 0001 0004 002B 005A" + " 0000" * 9 + " 0001 0000"
    decoder = Decoder(Plan(load_profile("lift-gbt-1")))
    values, quality = decoder.values([bytes.fromhex("03 02"), bytes.fromhex(words)])
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
    assert profile.allowed_writes == frozenset()


def test_settings_give_the_point_map() -> None:
    """What the positions of a poll mean is known before the device is."""
    config = ModbusConfig(id="room1", driver="modbus", bus="rs485", slave=1, profile="xy-md02")
    points = ModbusDevice.point_map(config)
    assert (points.device, points.profile, points.record) == ("room1", "xy-md02", "poll")
    assert [(p.name, p.unit, p.scale) for p in points.points] == [("temperature", "Cel", 0.1), ("humidity", "%", 0.1)]


def profile(*points: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """XY-MD02's, with other points and changes."""
    data = tomllib.loads(shipped("profiles", "xy-md02.toml").read_text(encoding="utf-8"))
    label = {"zh": "点", "en": "Point"}
    return {**data, **({"point": [{"label": label, **p} for p in points]} if points else {}), **changes}


def of(*points: dict[str, Any], **changes: Any) -> Profile:
    return checked(profile(*points, **changes), PATH)


def u16(name: str, address: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "address": address, "type": "u16", **more}


RELAY = {"name": "relay1", "coil": 0, "flash": 512}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (profile(colour="red"), "colour"),
        (profile(name="other"), "name"),
        (profile(evidence="sure"), "evidence"),
        (profile(point=[]), "no point"),
        (profile({"name": "a", "address": 0}), "bit missing"),
        (profile(u16("a", 0, function=2)), "not bit"),
        (profile({"name": "a", "address": 0, "function": 2, "bit": 1}), "not bit"),
        (profile({"name": "a", "address": 0, "type": "bits", "bit": 12}), "width"),
        (profile({"name": "a", "address": 0, "type": "bits", "bit": 12, "width": 5}), "width"),
        (profile(u16("a", 0, width=4)), "width"),
        (profile({"name": "a", "address": 0xFFFF, "type": "u32"}), "behind the last"),
        (profile({"name": "a", "address": 0, "type": "f32"}), "scale"),
        (profile(u16("a", 0, order="CDAB")), "word order"),
        (profile(u16("a", 0, min=2, max=1)), "min is above max"),
        (profile(u16("a", 0), u16("a", 1)), "name twice"),
        (profile(u16("a", 0, scale=0)), "scale"),
        (profile({"name": "a", "address": 0, "type": "u32"}, read={"max_registers": 1}), "too wide"),
        (profile(u16("relay1", 0), output=[RELAY]), "not read back"),
        (profile({"name": "relay1", "function": 1, "address": 1}, output=[RELAY]), "not read back"),
        (profile({"name": "relay1", "function": 2, "address": 0}, output=[RELAY]), "not read back"),
    ],
)
def test_wrong_profiles_are_refused(changed: dict[str, Any], why: str) -> None:
    """A profile is taken as a whole or not at all, and the error says why."""
    with pytest.raises(SettingsError, match="profile_bad") as caught:
        checked(changed, PATH)
    assert why in str(caught.value.params["why"])
    assert caught.value.params["places"]


def test_unknown_profiles_are_named_with_the_known() -> None:
    """Also a path without its ending is no profile."""
    for name in ("xy-md20", "../profiles/xy-md02"):
        with pytest.raises(SettingsError, match="profile_unknown") as caught:
            load_profile(name)
        assert "xy-md02" in str(caught.value.params["known"])


def test_a_file_of_the_users_own(tmp_path: Path) -> None:
    """By its path; what is wrong with the file is said with the path."""
    own = tmp_path / "my-probe.toml"
    text = shipped("profiles", "xy-md02.toml").read_text(encoding="utf-8")
    own.write_text(text.replace('name = "xy-md02"', 'name = "my-probe"'), encoding="utf-8")
    assert load_profile(str(own)).name == "my-probe"
    own.write_bytes(b"\xef\xbb\xbf" + own.read_bytes())  # as an editor of Windows writes it
    load_profile.cache_clear()
    assert load_profile(str(own)).name == "my-probe"
    for wrong, content in (("gone.toml", None), ("other.toml", text), ("broken.toml", "[[["), ("gbk.toml", "\udcff")):
        code = {"gone.toml": "profile_unreadable", "other.toml": "profile_bad"}.get(wrong, "profile_not_toml")
        path = tmp_path / wrong
        if content is not None:
            path.write_text(content, encoding="utf-8", errors="surrogateescape")
        with pytest.raises(SettingsError, match=code) as caught:
            load_profile(str(path))
        assert caught.value.params["file"] == path


def blocks(profile: Profile) -> list[tuple[int, int, int]]:
    return [(block.function, block.address, block.count) for block in Plan(profile).blocks]


def test_neighbours_are_read_together_within_the_limits() -> None:
    """Adjacent addresses are one request; gaps and the device's limits part them."""
    points = [u16("a", 0), u16("c", 2), u16("b", 1), {"name": "d", "address": 5, "type": "u32"}, u16("e", 7)]
    assert blocks(of(*points)) == [(4, 0, 3), (4, 5, 3)]
    assert blocks(of(*points, read={"function": 4, "gap": 2})) == [(4, 0, 8)]
    assert blocks(of(*points, read={"function": 4, "gap": 2, "max_registers": 7})) == [(4, 0, 7), (4, 7, 1)]
    assert blocks(of(*points, read={"function": 3, "max_registers": 2})) == [(3, 0, 2), (3, 2, 1), (3, 5, 2), (3, 7, 1)]
    bits = [{"name": f"b{i}", "address": i, "function": 1 + i % 2} for i in range(6)]
    assert blocks(of(*bits)) == [(1, i, 1) for i in (0, 2, 4)] + [(2, i, 1) for i in (1, 3, 5)]
    assert blocks(of(*bits, read={"gap": 1})) == [(1, 0, 5), (2, 1, 5)]
    assert blocks(of(*bits, read={"gap": 1, "max_bits": 4})) == [(1, 0, 3), (1, 4, 1), (2, 1, 3), (2, 5, 1)]


@given(
    places=st.lists(
        st.tuples(st.sampled_from([1, 2, 3, 4]), st.integers(0, 300)), min_size=1, max_size=40, unique=True
    ),
    gap=st.integers(0, 10),
    most=st.integers(1, 30),
)
def test_each_point_is_read_once_and_nothing_is_too_long(places: list[tuple[int, int]], gap: int, most: int) -> None:
    """Whatever the points: every one lies in exactly one request, and no request breaks the device's limits."""
    points = [
        {"name": f"p{i}", "function": function, "address": address, "type": "bit" if function < 3 else "u16"}
        for i, (function, address) in enumerate(places)
    ]
    plan = Plan(of(*points, read={"gap": gap, "max_registers": most, "max_bits": most}))
    assert sorted(i for block in plan.blocks for i in block.points) == list(range(len(places)))
    for block in plan.blocks:
        assert block.count <= most
        for i in block.points:
            assert block.function == places[i][0]
            assert block.address <= places[i][1] < block.address + block.count


@pytest.mark.parametrize("name", known_profiles())
def test_the_marker_looks_like_no_other_reply(name: str) -> None:
    """Its reply starts unlike all that a device of this profile is ever asked."""
    plan = Plan(load_profile(name))
    if plan.marker:
        asked = [*plan.requests, *(request for _, request in plan.expected)]
        assert plan.marker.reply_start not in {request.reply_start for request in asked}
        assert plan.marker.reads


def test_orders_widths_and_overlaps() -> None:
    """Every order of bytes, parts of registers, one register that is two points, and sentinels before scaling."""
    plan = Plan(
        of(
            {"name": "abcd", "address": 0, "type": "u32"},
            {"name": "cdab", "address": 2, "type": "u32", "order": "CDAB", "sentinels": [0x7FFFFFFF]},
            {"name": "badc", "address": 4, "type": "s32", "order": "BADC"},
            {"name": "dcba", "address": 6, "type": "f32", "order": "DCBA", "scale": 0.01},
            {"name": "swapped", "address": 8, "type": "s16", "order": "BADC"},
            {"name": "word", "address": 9, "type": "s16", "scale": 0.1, "sentinels": [30000, -30000]},
            {"name": "high", "address": 9, "type": "bits", "bit": 8, "width": 8},
            {"name": "top", "address": 9, "type": "bit", "bit": 15},
            {"name": "over", "address": 1, "type": "u16"},
        )
    )
    assert [(block.address, block.count) for block in plan.blocks] == [(0, 10)]
    value = bytes.fromhex("00010002 56781234 3412DCFE 0000A841 FEFF {}".format("FF49"))
    values, quality = Decoder(plan).values([value])
    assert values == [0x10002, 0x12345678, 0x1234FEDC, 2100, -2, -183, 0xFF, 1, 2]
    assert quality is None
    value = bytes.fromhex("00010002 FFFF7FFF 3412DCFE 0000C07F FEFF 8AD0")
    values, quality = Decoder(plan).values([value])
    assert values == [0x10002, None, 0x1234FEDC, None, -2, None, 0x8A, 1, 2]
    assert quality == [GOOD, FAULT, GOOD, FAULT, GOOD, FAULT, GOOD, GOOD, GOOD]


def test_offset_and_range_are_in_the_unit() -> None:
    """(raw - 400) / 10: 0 is -40.0, and what lies outside of min and max is implausible."""
    point = u16("t", 0, scale=0.1, offset=-40, unit="Cel", min=-40, max=60)
    decoder = Decoder(Plan(of(point)))
    (told,) = of(point).point_map("d").points
    for raw, shown in ((0, -40.0), (615, 21.5), (1000, 60.0)):
        (value,), quality = decoder.values([raw.to_bytes(2, "big")])
        assert quality is None
        assert value is not None
        assert told.value(value) == shown
    assert decoder.values([(1001).to_bytes(2, "big")]) == ([None], [IMPLAUSIBLE])


@given(st.binary(min_size=4, max_size=4))
def test_a_float_is_a_number_or_a_fault(data: bytes) -> None:
    """Any four bytes: a whole number of `scale` within what JSON keeps exactly, or no value."""
    (value,), quality = Decoder(Plan(of({"name": "v", "address": 0, "type": "f32", "scale": 0.001}))).values([data])
    (number,) = struct.unpack(">f", data)
    if quality is None:
        assert value is not None
        assert abs(value) <= 2**53
        assert value == round(number / 0.001)
    else:
        assert value is None
        assert not abs(number) * 1000 < 2**53


@pytest.mark.parametrize("name", known_profiles())
def test_only_boards_are_ever_written(name: str) -> None:
    """A lift, a refrigeration controller, a sensor or a meter cannot have an output, whatever its file says."""
    data = tomllib.loads(shipped("profiles", f"{name}.toml").read_text(encoding="utf-8"))
    known = load_profile(name)
    assert bool(known.allowed_writes) == (known.kind == "io")
    relay = {"name": "on", "label": {"zh": "开", "en": "On"}, "function": 1, "address": 9999}
    data = {**data, "point": [*data["point"], relay], "output": [{"name": "on", "coil": 9999}]}
    if known.kind == "io":
        assert checked(data, Path(f"{name}.toml")).allowed_writes == {(5, 9999)}
    else:
        with pytest.raises(SettingsError, match="read only"):
            checked(data, Path(f"{name}.toml"))


def test_a_sentinel_of_a_float_is_the_float() -> None:
    """It is met before scaling, also where four bytes hold it only nearly."""
    point = {"name": "v", "address": 0, "type": "f32", "scale": 0.1, "sentinels": [-9999, -999.9]}
    decoder = Decoder(Plan(of(point)))
    for sentinel in (-9999.0, -999.9):
        assert decoder.values([struct.pack(">f", sentinel)]) == ([None], [FAULT])
    assert decoder.values([struct.pack(">f", -999.0)]) == ([-9990], None)


@pytest.mark.parametrize(
    ("kind", "sentinel"),
    [("u16", -9999), ("u16", 70000), ("s16", 70000), ("s16", -32769), ("u32", 2**32), ("u16", 0.5)],
)
def test_a_sentinel_must_be_possible(kind: str, sentinel: float) -> None:
    """One that can never come would protect from nothing."""
    with pytest.raises(SettingsError, match="sentinel"):
        of({"name": "v", "address": 0, "type": kind, "sentinels": [sentinel]})
