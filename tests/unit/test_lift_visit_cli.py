"""What is typed wrong for a visit is said before the gateway is asked, and before the PIN is."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import tree


@pytest.mark.parametrize(
    ("given", "code", "en", "zh"),
    [
        ("--item=pit=broken", "visit_result_unknown", "ok, abnormal, not_applicable", "ok, abnormal, not_applicable"),
        ("--item=pit", "visit_pair", "pit is not NAME=VALUE\n", "pit 不是 名称=值 的形式\n"),
        ("--note==wet", "visit_pair", "=wet is not NAME=VALUE\n", "=wet 不是 名称=值 的形式\n"),
        ("--item=brake=abnormal", "visit_pair_twice", "brake was given twice\n", "brake 给出了两次\n"),
    ],
)
def test_pairs_and_results(tmp_path: Path, given: str, code: str, en: str, zh: str) -> None:
    """Each mistake is one error, with a hint; there is no gateway here that could be asked."""
    asked = ("visit", "enter", "L1", "--cycle=half_month", "--item=brake=ok", given, "--as=Chen", f"--data={tmp_path}")
    for lang, said in (("en", en), ("zh", zh)):
        found = CliRunner().invoke(tree(lang), ["lift", *asked])
        assert (found.exit_code, said in found.stderr, "→ " in found.stderr) == (1, True, True), found.stderr
        assert code in CliRunner().invoke(tree(lang), ["lift", *asked, "--json"]).stdout
