"""What becomes of an observation in the journal: which of them are records, and their bodies."""

import hashlib

from model.bodies import CardBody, PointMapBody, ReadingPoll, ScanBody, SmsReceived, TagSeen, TagWindowBody
from model.observation import Card, Poll, Scan, TagWindow, TextMessage
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
    text, raw = _text(scan)
    body = ScanBody(
        device=scan.device,
        text=text,
        hex=raw,
        aim=scan.symbology,
        repeated=scan.repeated,
        charset=None if text is None or raw is None else scan.charset,
        doubt=scan.doubt,
        frame=None if scan.frame is None else hashlib.sha256(scan.frame).hexdigest(),
    )
    return draft("scan/1", body, scan.at)


def _text(scan: Scan) -> tuple[str | None, str | None]:
    """The text where there is one, and in hex the bytes that are not its UTF-8."""
    try:
        return scan.data.decode(scan.charset or "utf-8"), scan.charset and scan.data.hex()
    except UnicodeDecodeError:
        return None, scan.data.hex()


def window_draft(window: TagWindow) -> Draft:
    by_reader = [_micros(window.reader_first), _micros(window.reader_peak), _micros(window.reader_last)]
    body = TagWindowBody(
        device=window.device,
        epc=window.epc,
        pc=window.pc,
        tid=window.tid,
        n=window.count,
        first=window.first.t,
        last=window.last.t,
        rssi=[window.rssi_first, window.rssi_peak, window.rssi_last],
        peak=None if window.peak is None else window.peak.t,
        antenna=window.antenna,
        channel=window.channel,
        reader=by_reader if any(time is not None for time in by_reader) else None,
    )
    return draft("tag.window/1", body, window.last)


def _micros(time: int | None) -> int | None:
    """None where a record cannot hold it: a device's clock may say anything."""
    return time if time is not None and 0 <= time < 1 << 63 else None


def masked(number: str) -> str:
    """A telephone number in a record: who it is about knows it by its last four digits."""
    return "*" * max(0, len(number) - 4) + number[-4:]


def text_draft(message: TextMessage) -> Draft:
    body = SmsReceived(device=message.device, number=masked(message.number), text=message.text, sent=message.sent)
    return draft("sms.received/1", body, message.at)


def card_draft(card: Card) -> Draft:
    body = CardBody(device=card.device, uid=card.uid, technology=card.technology)
    return draft("card.seen/1" if card.present else "card.gone/1", body, card.at)


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
            device=window.device,
            epc=window.epc,
            pc=window.pc,
            tid=window.tid,
            antenna=window.antenna,
            rssi=window.rssi_peak,
        )
        return draft("tag.seen/1", body, window.first)

    def _forget(self, now: int) -> None:
        """Oldest first, as they stand in the dict: what has left needs no place."""
        while self._seen:
            oldest = next(iter(self._seen))
            if now - self._seen[oldest] < TAG_GONE_US:
                return
            del self._seen[oldest]
