"""How much of a bus's time a device takes, before it is asked anything."""

from drivers.modbus.bus import ModbusRtuConfig, ModbusTcpConfig
from drivers.modbus.plan import Plan
from drivers.modbus.rtu import BITS_PER_CHAR, silence_s

_THINKS_S = 0.05
"""Of a slave whose profile does not say how long it takes to answer."""
_ADDRESS_AND_CRC = 3


def poll_s(how: Plan, bus: ModbusRtuConfig | ModbusTcpConfig) -> tuple[float, float]:
    """Seconds of the bus that one poll takes: what the wire alone needs, and that with the time to think."""
    reading = how.profile.read
    wire = 0.0
    if isinstance(bus, ModbusRtuConfig):
        char_s = BITS_PER_CHAR / bus.baudrate
        gap_s = max(silence_s(bus.baudrate), reading.pause_ms / 1000)
        chars = sum(len(request.pdu) + request.reply_length + 2 * _ADDRESS_AND_CRC for request in how.requests)
        wire = chars * char_s + len(how.requests) * gap_s
    thinks_s = _THINKS_S if reading.response_ms is None else reading.response_ms / 1000
    return wire, wire + len(how.requests) * thinks_s
