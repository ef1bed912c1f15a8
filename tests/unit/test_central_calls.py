"""Which alarms of a lift are one call, as they come: what is over and done is not looked at again, and nothing changes by that."""

from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from central import incidents
from model.bodies import TimeAnchor
from support.centre_lifts import LiftGateway, Message
from support.centre_rescues import Centre
from support.memory import memory_directory
from support.source import T0


def calls(gateway: LiftGateway, begins: list[int], lasts: list[int]) -> list[Message]:
    """One after the other; of each its begin, an answer by short message if it lasts long enough, its end, the last one open."""
    found: list[Message] = []
    s = 0
    for n, (pause, last) in enumerate(zip(begins, lasts, strict=False)):
        alarm = f"{n:08}-1111-4222-8333-{int(gateway.gw[-1]):012}"
        s += pause
        found.append(gateway.alarm("raised", s, alarm))
        s += last
        if last > 5:
            found.append(gateway.alarm("acked", s - 3, alarm, by="Chen", via="sms"))
        if n < len(begins) - 1:
            found.append(gateway.alarm("ended", s, alarm, by="Wang", via="key"))
    return found


TIMES = st.lists(st.integers(1, 20), min_size=1, max_size=5)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_piece_by_piece_comes_to_the_same_as_all_at_once(data: st.DataObject) -> None:
    """Whatever came late, of several gateways whose clocks are more or less certain."""
    messages: list[Message] = []
    with memory_directory() as folder:
        centre = Centre(Path(folder))
        with closing(centre.store):
            for n in range(1, 4):
                gateway = LiftGateway(f"gw-{n}", boot=f"{n}b6f4c1e-1111-4222-8333-444455556666")
                err_ms = data.draw(st.sampled_from([5, 4000, None]))
                anchor = TimeAnchor(boot=gateway.boot, mono=0, utc=T0, source="ntp", err_ms=err_ms)
                messages += [gateway.file(rescue="330106"), gateway.say("time.anchor/1", anchor, 0)]
                messages += calls(
                    gateway, data.draw(TIMES), data.draw(st.lists(st.integers(1, 20), min_size=5, max_size=5))
                )
            for message in data.draw(st.permutations(messages)):
                centre.take(message)
            found = [(one["incident"], one["alarms"], one["state"]) for one in centre.incidents]
            with centre.store.transaction():
                centre.store.db.execute("UPDATE alarm SET dirty = 1")
                incidents.settle(centre.store.db)
            assert found == [(one["incident"], one["alarms"], one["state"]) for one in centre.incidents]
