"""The program that starts the simulators."""

import subprocess
import sys
from importlib import import_module

from firmware_sim.__main__ import MODULES


def test_the_table_names_every_kind_of_every_module() -> None:
    """A kind that a module has can be started, and the table promises none that is not there."""
    offered = {
        kind: module for module in set(MODULES.values()) for kind in import_module(f"firmware_sim.{module}").KINDS
    }
    assert offered == MODULES


def test_help_lists_every_kind() -> None:
    """Someone who knows no kind is told all of them."""
    help_ = subprocess.run([sys.executable, "-m", "firmware_sim", "--help"], check=True, capture_output=True, text=True)
    assert all(f"  {kind} " in help_.stdout for kind in MODULES)
