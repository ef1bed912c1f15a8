"""Each shipped profile against a simulator that was written on its own from the same document: value by value, bit by bit."""

from typing import Any

import pytest

from drivers.modbus.bus import ModbusBus
from drivers.modbus.decode import decoder
from drivers.modbus.identity import OtherDevice, prove
from drivers.modbus.pdu import Request
from drivers.modbus.plan import plan
from firmware_sim.modbus_board import Model
from firmware_sim.modbus_lift_ba import LIFT_BA
from firmware_sim.modbus_meters import MB8ART, PZEM_016, SDM120
from firmware_sim.modbus_refrigeration import MODELS
from model.observation import Quality
from support.modbus import open_bus
from support.sims import StartSim

TABLES = {model.family: model for model in (*MODELS, MB8ART, SDM120, PZEM_016, LIFT_BA)}

OTHER_NAMES: dict[str, dict[str, str]] = {
    "mb8art": {f"ch{n}": f"t{n}" for n in range(1, 9)} | {"module": "module_temperature"},
    "carel-ir33": {"virtual": "virtual_probe", "low_temperature": "low_alarm", "high_temperature": "high_alarm"},
    "carel-pj-easy": {
        "probe1": "probe_409",
        "probe2": "probe_406",
        "probe3": "probe_403",
        "probe1_fault": "probe_alarm_4",
        "probe2_fault": "probe_alarm_1",
        "probe3_fault": "probe_alarm_9",
        "low_temperature": "low_alarm",
        "high_temperature": "high_alarm",
    },
    "carel-uc2se": {"register_510": "probe_510", "register_511": "probe_511", "general_alarm": "alarm"},
    "danfoss-ekc-202d": {
        "high_temperature": "high_alarm",
        "low_temperature": "low_alarm",
        "door": "door_alarm",
        "di1": "di1_alarm",
        "di2": "di2_alarm",
        "high_limit": "alarm_limit_10018",
        "low_limit": "alarm_limit_10019",
    },
    "danfoss-erc-21x": {"defrost_temperature": "defrost_probe"},
    "eliwell-idplus": {"high_temperature": "high_alarm", "low_temperature": "low_alarm"},
    "eliwell-id974lx": {
        "probe1_fault": "probe1_alarm",
        "probe2_fault": "probe2_alarm",
        "high_temperature": "high_alarm",
        "low_temperature": "low_alarm",
    },
    "lift-ba-vanke": {
        "safety_circuit": "safety_circuit_41",
        "door_closing": "door_close_fault",
        "stopped_outside_zone": "stop_outside_zone_42",
        "run_time_limit": "motor_run_limit_42",
        "door_opening": "door_open_fault",
        "restart_prevented": "restart_prevented_42",
        "other": "other_fault",
        "stopped_outside_lock_zone": "stop_outside_zone_44",
        "stopped_off_level": "stop_not_level",
        "restart_prevented_2": "restart_prevented_44",
        "start_failed": "start_failure",
        "safety_circuit_2": "safety_circuit_44",
        "run_time_limiter": "motor_run_limit_44",
        "run_too_long": "run_timeout",
        "communication": "communication_44",
        "upper_limit": "upper_final_limit",
        "overrun_top": "overtravel_top",
        "upper_limit_abnormal": "upper_limit_fault",
        "lower_limit": "lower_final_limit",
        "overrun_bottom": "overtravel_bottom",
        "lower_limit_abnormal": "lower_limit_fault",
        "moving_with_open_door": "moving_with_door_open",
        "opened_while_moving": "door_opened_while_moving",
        "speed_abnormal": "speed_fault",
        "brake": "brake_fault",
        "controller": "controller_fault",
        "drive": "drive_fault",
        "traction_machine": "machine_fault",
        "mains": "mains_fault",
        "levelling": "levelling_fault",
        "inverter": "inverter_fault",
        "power_failure": "power_off",
        "voltage": "voltage_fault",
        "link": "communication_46",
        "lock_bridged": "door_lock_bridged",
    },
}
"""What the two have called differently."""


async def poll(bus: ModbusBus, profile: str) -> tuple[dict[str, float | None], list[Quality] | None]:
    """All points once."""
    replies = [await bus.request(1, request) for request in plan(profile).requests]
    raw, quality = decoder(profile).values(replies)
    points = plan(profile).profile.point_map("d").points
    return {p.name: None if one is None else p.value(one) for p, one in zip(points, raw, strict=True)}, quality


def other_than(value: float) -> float:
    """Within every range, and exact in tenths, in hundredths and as a float."""
    return 37.5 if value != 37.5 else 12.5


def stands(model: Model) -> dict[str, Any]:
    """All that can be told the simulator, and where it stands."""
    values = {v.name: v.start for v in model.values if not v.name.startswith("bits_")}
    return values | {bit.name: bit.start for bit in model.bits}


@pytest.mark.parametrize("family", TABLES)
async def test_each_point_says_what_the_device_was_told(sim: StartSim, family: str) -> None:
    """One value or bit at a time: the point of that meaning says it, in its unit, and each point is met."""
    model = TABLES[family]
    slave = await sim("modbus", "--slave", f"1={family}", "--tcp", "--listen", "127.0.0.1:0", "--baud", "0")
    bits = {bit.name for bit in model.bits}
    whole = {value.name for value in model.values if value.scale == 1 and value.form != "f"}
    met = set()
    async with open_bus(slave.endpoint, 1) as bus:
        said, quality = await poll(bus, family)
        assert quality is None
        for name, start in stands(model).items():
            point = OTHER_NAMES.get(family, {}).get(name, name)
            if name in bits:
                told: float = int(not start)
                await slave.command("bit", name=name, on=bool(told), slave=1)
            else:
                told = 261 if name in whole else other_than(start)
                await slave.command("value", name=name, to=told, slave=1)
            said, _ = await poll(bus, family)
            if point in said:
                assert said[point] == pytest.approx(1 if point == "status" else told), name
                met.add(point)
            if name in bits:
                await slave.command("bit", name=name, on=start, slave=1)
            else:
                await slave.command("value", name=name, to=start, slave=1)
    assert met == set(said)


@pytest.mark.parametrize(("family", "name"), [("mb8art", "ch3"), ("eliwell-idplus", "ai2")])
async def test_a_broken_probe_is_a_fault_of_its_own_point(sim: StartSim, family: str, name: str) -> None:
    """The device's own sentinel, and the neighbours stay good."""
    slave = await sim("modbus", "--slave", f"1={family}", "--tcp", "--listen", "127.0.0.1:0", "--baud", "0")
    point = OTHER_NAMES[family].get(name, name)
    async with open_bus(slave.endpoint, 1) as bus:
        await slave.command("fail", name=name, slave=1)
        said, quality = await poll(bus, family)
        assert said[point] is None
        assert quality == [Quality.SENSOR_FAULT if one == point else Quality.GOOD for one in said]
        await slave.command("mend", name=name, slave=1)
        assert (await poll(bus, family))[1] is None


@pytest.mark.parametrize(("name", "to"), [("type", 56), ("resolution", 1)])
async def test_a_device_that_would_be_read_wrongly_is_refused(sim: StartSim, name: str, to: int) -> None:
    """Another type of module; hundredths where the profile says tenths: each value would be ten times too high."""
    slave = await sim("modbus", "--slave", "1=mb8art", "--tcp", "--listen", "127.0.0.1:0", "--baud", "0")
    async with open_bus(slave.endpoint, 1) as bus:

        async def ask(request: Request) -> bytes:
            return await bus.request(1, request)

        assert await prove(1, plan("mb8art"), ask) is None
        await slave.command("value", name=name, to=to, slave=1)
        with pytest.raises(OtherDevice, match="modbus_other_device") as caught:
            await prove(1, plan("mb8art"), ask)
    assert caught.value.params["got"] == to
