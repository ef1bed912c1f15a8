"""What a contact says, from what was seen of its loop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.common.contact import Contacts, ContactSpec, check_contacts
from model.errors import SettingsError
from model.observation import Quality

GOOD, COMM, FAULT = Quality.GOOD, Quality.COMM_ERROR, Quality.SENSOR_FAULT
INDEX = {"no": 0, "nc": 1}
MS = 1000


def said(spec: ContactSpec, *seen: tuple[int, int | None, int | None]) -> list[int | None]:
    """What the contact on input `no` says at each (ms, level of `no`, level of `nc`)."""
    contacts = Contacts(INDEX, {"no": spec})
    told = []
    for ms, no, nc in seen:
        values: list[int | None] = [no, nc]
        quality = None if None not in values else [COMM if v is None else GOOD for v in values]
        told.append(contacts.step(values, quality, ms * MS)[0][0])
    return told


def test_active_whatever_the_wiring() -> None:
    """Normally open: a closed loop is active; normally closed: an open one, also where the wire is cut."""
    assert said(ContactSpec(debounce_s=0), (0, 0, 0), (1, 1, 0), (2, 0, 0)) == [0, 1, 0]
    assert said(ContactSpec(debounce_s=0, normally="closed"), (0, 1, 0), (1, 0, 0), (2, 1, 0)) == [0, 1, 0]


def test_a_bounce_is_no_state() -> None:
    """What was not the same for so long has not been; what was counts from the poll at which it has been."""
    spec = ContactSpec(debounce_s=0.1)
    assert said(spec, (0, 0, 0), (10, 1, 0), (20, 0, 0), (30, 1, 0), (129, 1, 0), (130, 1, 0), (150, 0, 0)) == [
        0, 0, 0, 0, 0, 1, 1,
    ]  # fmt: skip


def test_the_first_state_counts_at_once() -> None:
    """A door that stands open when the gateway starts is open."""
    assert said(ContactSpec(debounce_s=10), (0, 1, 0)) == [1]


def test_an_outage_settles_nothing() -> None:
    """Polls without a level are told as they are; between them a state goes on being the same."""
    spec = ContactSpec(debounce_s=0.1)
    assert said(spec, (0, None, 0), (10, 0, 0), (20, 1, 0), (80, None, 0), (110, 1, 0), (120, 1, 0)) == [
        None, 0, 0, None, 0, 1,
    ]  # fmt: skip


def test_a_changeover_contact_knows_its_wires() -> None:
    """Both sides open: a wire is broken; both closed: shorted. That is no number, and a switching contact is neither."""
    spec = ContactSpec(debounce_s=0.1, pair="nc")
    switching = (0, 0, 1), (5, 0, 0), (15, 1, 0), (120, 1, 0)
    assert said(spec, *switching) == [0, 0, 0, 1]
    for level in (0, 1):
        assert said(spec, (0, 0, 1), (5, level, level), (104, level, level), (105, level, level)) == [0, 0, 0, None]
    assert said(spec, (0, 0, 0), (5, 0, 1), (105, 0, 1)) == [None, None, 0]
    closed = ContactSpec(debounce_s=0, normally="closed", pair="nc")  # the other way round on the terminals
    assert said(closed, (0, 1, 0), (5, 0, 1), (6, 0, 0)) == [0, 1, None]


def test_the_reason_stands_beside_what_is_missing() -> None:
    """SENSOR_FAULT for a fault of the wire, else the quality as it came: the pair's where that is missing."""
    contacts = Contacts(INDEX, {"no": ContactSpec(pair="nc")})
    assert contacts.step([1, 1], None, 0) == ([None, 1], [FAULT, GOOD])
    assert contacts.step([0, None], [GOOD, COMM], 1) == ([None, None], [COMM, COMM])
    assert Contacts(INDEX, {}).step([1, 1], None, 0) == ([1, 1], None)


def test_when_the_next_state_counts() -> None:
    """Whoever waits for edges looks again then."""
    contacts = Contacts(INDEX, {"no": ContactSpec(debounce_s=0.1), "nc": ContactSpec(debounce_s=0.05)})
    told = []
    for ms, no, nc in ((0, 0, 0), (10, 1, 0), (20, 1, 1), (70, 1, 1), (80, 0, 1)):
        contacts.step([no, nc], None, ms * MS)
        told.append(contacts.due_us)
    assert told == [None, 110 * MS, 70 * MS, 110 * MS, None]


levels = st.sampled_from([0, 1, None])


@given(
    st.lists(st.tuples(st.integers(0, 60), levels, levels), max_size=15),
    st.builds(
        ContactSpec,
        normally=st.sampled_from(["open", "closed"]),
        debounce_s=st.sampled_from([0, 0.05, 0.1]),
        pair=st.sampled_from([None, "nc"]),
    ),
)
def test_any_history(steps: list[tuple[int, int | None, int | None]], spec: ContactSpec) -> None:
    """What is said is the last state that was seen unchanged for so long, the first one where none was yet."""
    seen, ms = [], 0
    for pause, no, nc in steps:
        ms += pause
        seen.append((ms, no, nc))
    expected: list[int | None] = []
    known: list[tuple[int, str]] = []
    for ms, no, nc in seen:
        if no is None or (nc is None and spec.pair):
            expected.append(None)
            continue
        active = (no == 1) if spec.normally == "open" else (no == 0)
        known.append((ms, "fault" if spec.pair and no == nc else "active" if active else "rest"))
        counting = known[0][1]
        for i, (end, state) in enumerate(known):
            start = i
            while start > 0 and known[start - 1][1] == state:
                start -= 1
            if end - known[start][0] >= spec.debounce_s * 1000:
                counting = state
        expected.append({"active": 1, "rest": 0, "fault": None}[counting])
    assert said(spec, *seen) == expected


@pytest.mark.parametrize(
    ("specs", "code", "params"),
    [
        ({"di": {}}, "contact_unknown", {"contact": "di", "known": "di1, di2, di3"}),
        ({"di1": {"pair": "d2"}}, "contact_pair_unknown", {"contact": "di1", "pair": "d2", "known": "di1, di2, di3"}),
        ({"di1": {"pair": "di2"}, "di2": {}}, "contact_pair_taken", {"contact": "di1", "pair": "di2", "owner": "di2"}),
        ({"di1": {"pair": "di1"}}, "contact_pair_taken", {"contact": "di1", "pair": "di1", "owner": "di1"}),
        (
            {"di1": {"pair": "di3"}, "di2": {"pair": "di3"}},
            "contact_pair_taken",
            {"contact": "di2", "pair": "di3", "owner": "di1"},
        ),
    ],
)
def test_contacts_that_cannot_be(specs: dict[str, dict[str, str]], code: str, params: dict[str, str]) -> None:
    """Names are those of the device's inputs; the other side belongs to one contact."""
    with pytest.raises(SettingsError) as told:
        check_contacts({name: ContactSpec.model_validate(spec) for name, spec in specs.items()}, ["di1", "di2", "di3"])
    assert (told.value.code, told.value.params) == (code, params)


def test_contacts_that_can_be() -> None:
    """A pair and a plain contact."""
    check_contacts({"di1": ContactSpec(pair="di2"), "di3": ContactSpec()}, ["di1", "di2", "di3"])


@pytest.mark.parametrize("bad", [{"normally": "shut"}, {"debounce_s": -1}, {"debounce_s": 11}, {"latch": True}])
def test_settings_that_cannot_be(bad: dict[str, object]) -> None:
    """They are told with the settings."""
    with pytest.raises(ValidationError):
        ContactSpec.model_validate(bad)
