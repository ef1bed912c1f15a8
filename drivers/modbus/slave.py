"""What a bus knows of one of its slaves."""

from dataclasses import dataclass

from drivers.modbus.doubt import Doubt
from drivers.modbus.patience import Patience
from drivers.modbus.pdu import Request


@dataclass(frozen=True)
class Terms:
    """How a device wants its slave to be spoken to.

    `writes` are the only (function, address) that may be written. `timeout_s`, where given, is not bettered by what is
    learnt; `response_s` is the slowest answer known of its kind. `pause_s` of silence go before each request. `marker` is
    a read whose reply looks like no other reply of this device (see `drivers.modbus.plan.Plan.marker`).
    """

    device: str
    writes: frozenset[tuple[int, int]] = frozenset()
    timeout_s: float | None = None
    response_s: float | None = None
    pause_s: float = 0.0
    marker: Request | None = None


class Slave:
    """An address on the bus, the device that it belongs to, and how long it is waited for."""

    def __init__(self, address: int, terms: Terms) -> None:
        self.address = address
        self.terms = terms
        self.patience = Patience(terms.response_s, terms.timeout_s)
        self.doubt = Doubt()
        self.answers_marker = False
        """Whether it ever has: some devices may not."""
