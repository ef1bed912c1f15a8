"""What becomes of an observation in the journal: which of them are records, and their bodies."""

from model.bodies import PointMapBody, ReadingPoll, ScanBody, TagSeen, TagWindowBody
from model.observation import Poll, Scan, TagWindow
from model.record import Draft, draft

TAG_GONE_US = 10_000_000
"""A tag that was not read for so long has left; read again, it has come anew. A proposal of ours."""


def poll_draft(poll: Poll) -> Draft:
    body = ReadingPoll(d=poll.device, p=poll.map.hash, v=poll.values, q=poll.quality)
    return draft("reading.poll/1", body, poll.at)


def point_map_draft(poll: Poll) -> Draft:
    m = poll.map
    body = PointMapBody(
        hash=m.hash,
        device=m.device,
        profile=m.profile,
        version=m.version,
        points=list(m.points),
        record=m.record,
        heartbeat_s=m.heartbeat_s,
    )
    return draft("point.map/1", body, poll.at)


def scan_draft(scan: Scan) -> Draft:
    try:
        body = ScanBody(device=scan.device, text=scan.data.decode(), aim=scan.symbology, repeated=scan.repeated)
    except UnicodeDecodeError:
        body = ScanBody(device=scan.device, hex=scan.data.hex(), aim=scan.symbology, repeated=scan.repeated)
    return draft("scan/1", body, scan.at)


def window_draft(window: TagWindow) -> Draft:
    body = TagWindowBody(
        device=window.device,
        epc=window.epc,
        pc=window.pc,
        n=window.count,
        first=window.first.t,
        last=window.last.t,
        rssi=[window.rssi_first, window.rssi_peak, window.rssi_last],
        antenna=window.antenna,
    )
    return draft("tag.window/1", body, window.last)


class Changes:
    """Which polls are records, and which of them are urgent."""

    def __init__(self) -> None:
        self._last: dict[str, Poll] = {}
        self._written: dict[str, int] = {}

    def judge(self, poll: Poll) -> tuple[bool, bool]:
        """(urgent, record): an urgent point has changed in value or quality; the poll is to be written."""
        last = self._last.get(poll.device)
        self._last[poll.device] = poll
        same_map = last is not None and last.map is poll.map
        changed = urgent = not same_map
        matters = poll.map.urgent or poll.map.record == "change"
        if last is not None and same_map and matters and (poll.values, poll.quality) != (last.values, last.quality):
            for i, point in enumerate(poll.map.points):
                if poll.values[i] != last.values[i] or poll.quality_of(i) is not last.quality_of(i):
                    urgent = urgent or point.urgent
                    changed = changed or not point.quiet
        due = poll.at.mono - self._written.get(poll.device, 0) >= poll.map.heartbeat_s * 1e6
        record = poll.map.record == "poll" or changed or due
        if record:
            self._written[poll.device] = poll.at.mono
        return urgent, record

    def forget(self, device: str) -> None:
        """Its last record was not taken: whatever comes next is a change."""
        self._last.pop(device, None)


class Arrivals:
    """Which tag windows are an arrival: the first, and the first after the tag was gone."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, int | None], int] = {}

    def judge(self, window: TagWindow) -> Draft | None:
        key = (window.device, window.epc, window.antenna)
        last = self._seen.pop(key, None)
        self._seen[key] = window.last.mono
        self._forget(window.first.mono)
        if last is not None and window.first.mono - last < TAG_GONE_US:
            return None
        body = TagSeen(
            device=window.device, epc=window.epc, pc=window.pc, antenna=window.antenna, rssi=window.rssi_peak
        )
        return draft("tag.seen/1", body, window.first)

    def _forget(self, now: int) -> None:
        """Oldest first, as they stand in the dict: what has left needs no place."""
        while self._seen:
            oldest = next(iter(self._seen))
            if now - self._seen[oldest] < TAG_GONE_US:
                return
            del self._seen[oldest]
