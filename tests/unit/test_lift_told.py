"""What the records say of a lift, in words for an inspector."""

from typing import Any

import pytest

from gateway.cli.lift_told import told
from gateway.cli.show import Show

RESCUE = {"lift": "l1", "state": "closed"}
TOLD: list[tuple[str, dict[str, Any], str, str]] = [
    ("lift.test/1", {"phase": "passed", "took_ms": 41}, "passed in 41 ms", "通过，用时 41 ms"),
    (
        "lift.test/1",
        {"phase": "failed", "why": "timeout"},
        "FAILED: the centre did not have it in time",
        "失败：中心未在规定时间内收到",
    ),
    (
        "lift.event/1",
        {"what": "fault", "code": "door_open_fault", "raw": "36", "codes": "lift-gbt-1"},
        "Door opening fault (says 36, table lift-gbt-1)",
        "开门故障（原始码 36，码表 lift-gbt-1）",
    ),
    (
        "lift.event/1",
        {"what": "alarm", "code": "unknown", "raw": "99", "codes": "lift-gbt-1", "on": False},
        "over: a code that its table does not have (said 99, table lift-gbt-1)",
        "已消失：码表中没有的代码（原始码 99，码表 lift-gbt-1）",
    ),
    ("lift.gap/1", {"n": 3, "before": 5, "after": 9}, "3 between 5 and 9 were never read", "5 与 9 之间有 3 条未读到"),
    (
        "lift.refused/1",
        {"what": "badge", "why": "no_technician", "device": "badge1"},
        "badge (badge1): not a technician's badge",
        "刷卡（badge1）：不是维保人员的卡",
    ),
    ("lift.file/1", {"state": "stopped", "reason": "ropes"}, "stopped, reason: ropes", "停用, 理由：ropes"),
    ("visit.place/1", {"place": "pit"}, "pit", "pit"),
    (
        "visit.entry/1",
        {"cycle": "quarter", "items": {"brake": "ok", "pit": "abnormal"}, "notes": {"pit": "wet"}, "late_s": 86_401},
        "quarter, pit ABNORMAL: wet, 2 d late",
        "季度, pit 异常：wet, 迟 2 天",
    ),
    ("alarm.acked/1", {"rescue": RESCUE | {"via": "sms"}}, "short message", "短信"),
    (
        "alarm.dispatched/1",
        {"rescue": RESCUE | {"via": "centre", "team": "A", "tier": 2}},
        "centre, team A, tier 2",
        "",
    ),
    (
        "alarm.released/1",
        {"rescue": RESCUE | {"via": "pin", "persons": 2, "injured": 0}},
        "PIN, persons: 2, injured: 0",
        "",
    ),
    ("alarm.overdue/1", {"limit": 1800, "rescue": RESCUE | {"stage": "arrive"}}, "arrive: not within 1800 s", ""),
    (
        "alarm.ended/1",
        {"cause": {"device": "board", "point": "di2"}, "rescue": RESCUE | {"via": "key", "fault": "mains_lost"}},
        "key, board.di2, cause: Mains of the lift lost",
        "钥匙, board.di2, 原因：电梯主电源断电",
    ),
    (
        "alarm.ended/1",
        {"rescue": RESCUE | {"via": "remote", "reason": "false alarm"}},
        "REMOTE, reason: false alarm",
        "远程, 理由：false alarm",
    ),
]


@pytest.mark.parametrize(("kind", "body", "en", "zh"), TOLD)
def test_in_words(kind: str, body: dict[str, Any], en: str, zh: str) -> None:
    assert told(Show("en", as_json=False), kind, body) == en
    assert not zh or told(Show("zh-CN", as_json=False), kind, body) == zh
