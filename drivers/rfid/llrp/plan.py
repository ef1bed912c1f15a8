"""The settings held against what the reader can do. Pure."""

from collections.abc import Mapping

from drivers.rfid.llrp.commands import Inventory
from drivers.rfid.llrp.config import LlrpConfig
from drivers.rfid.llrp.replies import Capabilities, ReaderConfig, Transmitter
from drivers.rfid.session import number
from model.errors import PermanentError

_UNSET = Transmitter(hop_table=1, channel=1, power=0)
"""Where the reader does not say how it transmits: its first table and channel. One that hops ignores the channel."""
_POPULATION = 32


def check(config: LlrpConfig, able: Capabilities) -> None:
    """Raises PermanentError `llrp_antenna_unknown`, `llrp_gpi_unknown`, `llrp_mode_unknown` or `llrp_power_low`."""
    for antenna in config.antennas:
        if antenna > able.antennas:
            raise PermanentError("llrp_antenna_unknown", antenna=antenna, last=able.antennas)
    for spec in config.inputs.values():
        if spec.gpi > able.gpis:
            raise PermanentError("llrp_gpi_unknown", gpi=spec.gpi, count=able.gpis)
    if config.mode is not None and config.mode not in able.modes:
        raise PermanentError("llrp_mode_unknown", mode=config.mode, known=", ".join(map(str, able.modes)) or "-")
    if config.power_dbm is not None:
        power_index(config.power_dbm, able.powers)


def power_index(dbm: float, powers: Mapping[int, float]) -> int:
    """That of the highest power that is not higher. Raises PermanentError `llrp_power_low`."""
    allowed = [(power, index) for index, power in powers.items() if power <= dbm]
    if not allowed:
        least = f"{min(powers.values()):g}" if powers else "-"
        raise PermanentError("llrp_power_low", power=f"{dbm:g}", least=least)
    return max(allowed)[1]


def inventory(config: LlrpConfig, able: Capabilities, now: ReaderConfig) -> Inventory:
    """What is not in the settings stays as the reader has it `now`; where one number needs another, as it has that."""
    session = None if config.session is None else number(config.session)
    population = config.population
    if session is None and population is not None:
        session = 0
    if session is not None and population is None:
        population = max(now.populations.values(), default=_POPULATION)
    return Inventory(config.antennas, _transmitters(config, able, now), config.mode, session, population or 0)


def _transmitters(config: LlrpConfig, able: Capabilities, now: ReaderConfig) -> dict[int, Transmitter] | None:
    if config.power_dbm is None:
        return None
    power = power_index(config.power_dbm, able.powers)
    antennas = config.antennas or range(1, able.antennas + 1)
    return {antenna: now.transmitters.get(antenna, _UNSET)._replace(power=power) for antenna in antennas}
