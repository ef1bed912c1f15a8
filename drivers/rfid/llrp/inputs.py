"""The reader's inputs (GPI) as contacts."""

from drivers.common.contact import Contacts, check_contacts
from drivers.rfid.llrp.config import LlrpConfig
from model.observation import Point, PointMap, Poll, Quality
from model.ports import Context
from model.time import Stamp


def point_map(config: LlrpConfig) -> PointMap | None:
    """None where no input is used. Raises what `check_contacts` raises."""
    if not config.inputs:
        return None
    check_contacts(config.contacts, list(config.inputs))
    points = (Point(name, urgent=spec.urgent, label=spec.label) for name, spec in config.inputs.items())
    return PointMap(config.id, "llrp", 1, tuple(points), record="change")


class Inputs:
    """Emits a `Poll` of all of them. A level that the reader does not know, or that we do not, is none."""

    def __init__(self, config: LlrpConfig, context: Context) -> None:
        self._context = context
        self._map = point_map(config)
        self._ports = [spec.gpi for spec in config.inputs.values()]
        self._specs = config.contacts
        self.reset()

    def reset(self) -> None:
        """Nothing is known."""
        self._levels: dict[int, int | None] = {}
        self._contacts = Contacts(self._map.index if self._map else {}, self._specs if self._map else {})

    @property
    def ports(self) -> list[int]:
        return self._ports

    @property
    def due_us(self) -> int | None:
        """When a contact's new state counts, if no level changes before."""
        return self._contacts.due_us

    def set(self, levels: dict[int, int | None], at: Stamp) -> None:
        """These are the levels of those ports now."""
        self._levels |= levels
        self.tell(at)

    def tell(self, at: Stamp) -> None:
        if self._map is None or not self._levels:
            return
        values = [self._levels.get(port) for port in self._ports]
        quality = [Quality.COMM_ERROR if value is None else Quality.GOOD for value in values]
        known = None if None not in values else quality
        values, known = self._contacts.step(values, known, at.mono)
        self._context.emit(Poll(self._map.device, self._map, values, at, known))

    def lost(self, at: Stamp) -> None:
        """The reader is not there any more to say."""
        if self._map and self._levels:
            size = len(self._ports)
            self._context.emit(Poll(self._map.device, self._map, [None] * size, at, [Quality.COMM_ERROR] * size))
