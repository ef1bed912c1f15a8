"""The settings of an LLRP reader, by themselves and held against what the reader can do."""

from typing import Any

import pytest
from pydantic import ValidationError

from drivers.common.config import DeviceConfig
from drivers.rfid.llrp import plan
from drivers.rfid.llrp.config import LlrpConfig
from drivers.rfid.llrp.driver import LlrpDevice
from drivers.rfid.llrp.replies import Capabilities, ReaderConfig, Transmitter, capabilities, reader_config
from drivers.rfid.m100.config import M100Config
from drivers.rfid.uhfreader.config import UhfReaderConfig
from model.errors import PermanentError, SettingsError
from support.llrp_captures import CAPABILITIES, CONFIG

ABLE = capabilities(CAPABILITIES)
NOW = reader_config(CONFIG)
BARE = Capabilities(antennas=2, manufacturer=0, model=0, firmware="")


def config(**settings: Any) -> LlrpConfig:
    values = {"id": "gate", "driver": "rfid_llrp", "port": "tcp://reader:5084", **settings}
    return LlrpConfig.model_validate(values)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"port": "/dev/ttyUSB0"}, "setting_tcp_port"),
        ({"port": "tcp://reader"}, "setting_tcp_port"),
        ({"antennas": [1, 2, 1]}, "llrp_antenna_twice"),
        ({"antennas": [0]}, "greater_than_equal"),
        ({"population": 0}, "greater_than_equal"),
        ({"power_dbm": 50}, "less_than_equal"),
        ({"tid_words": 33}, "less_than_equal"),
        ({"keepalive_s": 20}, "less_than_equal"),
        ({"inputs": {"door": {"gpi": 1}, "hatch": {"gpi": 1}}}, "llrp_gpi_twice"),
        ({"inputs": {"door": {}}}, "missing"),
        ({"baudrate": 9600}, "extra_forbidden"),
    ],
)
def test_a_wrong_setting(settings: dict[str, Any], kind: str) -> None:
    """Is found before any port is opened, each by itself."""
    with pytest.raises(ValidationError) as refused:
        config(**settings)
    assert [error["type"] for error in refused.value.errors()] == [kind]


def test_the_session_has_one_form() -> None:
    """That of the standard, for each reader that can be told it."""
    kinds: list[tuple[type[DeviceConfig], dict[str, str]]] = [
        (LlrpConfig, {}),
        (M100Config, {}),
        (UhfReaderConfig, {"model": "uhfreader288"}),
    ]
    for kind, fields in kinds:
        values = {"id": "gate", "driver": "x", "port": "tcp://reader:5084", **fields}
        assert kind.model_validate({**values, "session": "S2"}).model_dump()["session"] == "S2"
        with pytest.raises(ValidationError, match="'S0', 'S1', 'S2' or 'S3'"):
            kind.model_validate({**values, "session": 2})


def test_a_reader_without_inputs_has_no_points() -> None:
    assert LlrpDevice.point_map(config()) is None
    with_inputs = LlrpDevice.point_map(config(inputs={"door": {"gpi": 1, "urgent": True}}))
    assert with_inputs and [(point.name, point.urgent) for point in with_inputs.points] == [("door", True)]


def test_pair_of_contacts() -> None:
    """The other side of a changeover contact is an input of its own, without a state of its own."""
    settings = config(inputs={"door": {"gpi": 1, "pair": "other"}, "other": {"gpi": 2}})
    assert list(settings.contacts) == ["door"]
    with pytest.raises(SettingsError, match="contact_pair_unknown"):
        LlrpDevice.point_map(config(inputs={"door": {"gpi": 1, "pair": "none"}}))


@pytest.mark.parametrize(("dbm", "index"), [(10, 1), (10.24, 1), (10.25, 2), (27.6, 71), (30, 81), (33, 81)])
def test_power_is_the_nearest_that_is_not_higher(dbm: float, index: int) -> None:
    """By the table of a real reader."""
    assert plan.power_index(dbm, ABLE.powers) == index


def test_power_of_a_table_in_any_order() -> None:
    """Numbers say nothing of strength."""
    assert plan.power_index(20, {1: 30.0, 2: 20.0, 3: 10.0, 4: 19.9}) == 2
    for powers in ({1: 30.0}, {}):
        with pytest.raises(PermanentError, match="llrp_power_low"):
            plan.power_index(20, powers)


def test_the_rest_stays_as_the_reader_has_it() -> None:
    """Hop table, channel, number of tags in view; what it does not say is the first."""
    told = plan.inventory(config(antennas=[2], power_dbm=12, session="S3"), ABLE, NOW)
    assert (told.antennas, told.transmitters) == ((2,), {2: Transmitter(1, 0, 9)})
    assert (told.session, told.population, told.mode) == (3, 32, None)
    fixed = ReaderConfig(transmitters={1: Transmitter(0, 4, 1)})
    assert plan.inventory(config(power_dbm=30), ABLE, fixed).transmitters == {
        1: Transmitter(0, 4, 81),
        **{antenna: Transmitter(1, 1, 81) for antenna in (2, 3, 4)},
    }
    assert plan.inventory(config(population=8), BARE, ReaderConfig())[3:] == (0, 8)


def test_nothing_set_changes_nothing() -> None:
    assert plan.inventory(config(), ABLE, NOW) == ((), None, None, None, 0)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"antennas": [3]}, "llrp_antenna_unknown"),
        ({"inputs": {"door": {"gpi": 1}}}, "llrp_gpi_unknown"),
        ({"mode": 1000}, "llrp_mode_unknown"),
        ({"power_dbm": 20}, "llrp_power_low"),
    ],
)
def test_what_the_reader_does_not_have(settings: dict[str, Any], code: str) -> None:
    """A person must say what is meant; the same is right for a reader that has it."""
    with pytest.raises(PermanentError, match=code):
        plan.check(config(**settings), BARE)
    plan.check(config(**settings), ABLE)
