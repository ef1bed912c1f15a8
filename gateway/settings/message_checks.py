"""Whether anything here sends the short messages that a rule's profile wants sent, and to whom."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from gateway.rules.base import RuleConfig
from gateway.rules.registry import RULES
from gateway.settings.report import Report
from gateway.settings.schema import Configured
from model.errors import SettingsError
from model.ports import Messaging


def check_messages(
    report: Report, rules: Mapping[int, RuleConfig], persons: Mapping[int, Any], devices: Iterable[Configured[Any]]
) -> None:
    """Warnings: an alarm goes to the centre all the same. Persons without a telephone are `lift_checks`' concern."""
    modem = any(issubclass(device.factory, Messaging) for device in devices if device.config.enabled)
    for index, rule in rules.items():
        if (modem and persons) or not _tells(rule):
            continue
        no_modem = SettingsError("rule_no_modem", profile=rule.profile)
        nobody = SettingsError("rule_tells_nobody", profile=rule.profile)
        report.warning(("rule", index, "profile"), nobody if modem else no_modem)


def _tells(rule: RuleConfig) -> bool:
    """Not with a profile that is not right, which is told already."""
    if rule.profile is None:
        return False
    try:
        profile = RULES[rule.rule].profiles.load(rule.profile)
    except (SettingsError, ValidationError):
        return False
    return any(step.tell for step in getattr(profile, "escalation", ()))
