"""That the centre's questions about one gateway read no other's alarms: by SQLite's own plan."""

from pathlib import Path
from typing import Any

from central import derive
from central.store import Store


def test_a_call_that_cannot_be_read_is_looked_up_by_an_index(tmp_path: Path) -> None:
    """However many alarms there were: whoever sends noise keeps the centre from nothing."""
    store, asked = Store(tmp_path), list[tuple[str, Any]]()

    def note(_: object, sql: str, values: Any) -> bool:
        asked.append((sql, values))
        return True

    store.db.exec_trace = note
    derive.unreadable(store, "gw-1", b"noise")
    store.db.exec_trace = None
    plans = [
        step
        for sql, values in asked
        if sql.startswith("SELECT") and "FROM alarm" in sql
        for *_, step in store.rows(f"EXPLAIN QUERY PLAN {sql}", *values)
        if "alarm" in step
    ]
    store.close()
    assert any("alarm_unreadable" in step for step in plans)
    assert [step for step in plans if step.startswith("SCAN")] == []
