"""Nothing heavy is loaded before it is needed: the smallest home is a Raspberry Pi with 1 GB."""

import json
import subprocess
import sys

import pytest

PRINT = "import json, sys; print(json.dumps([name for name in sys.modules if '.' not in name]))"


@pytest.mark.parametrize(
    ("module", "not_loaded"),
    [
        ("gateway.cli", {"apsw", "cryptography", "cv2", "pydantic", "rich", "serialx", "starlette"}),
        ("gateway.app", {"cv2", "jinja2", "numpy", "pymodbus", "rich", "starlette", "uvicorn"}),
        ("gateway.cli.evidence", {"apsw", "asyncio", "cryptography", "pydantic"}),
        ("sync.evidence.source", {"asyncio", "paho", "pydantic"}),
        ("sync.evidence.verify", {"asyncio", "paho", "pydantic"}),
        ("sync.contract.messages", {"apsw", "cryptography", "paho"}),
        ("drivers.camera.driver", {"cv2", "numpy", "zxingcpp"}),
        ("firmware_sim.scanner", {"cv2", "pymodbus"}),
    ],
)
def test_a_module_leaves_what_it_does_not_need(module: str, not_loaded: set[str]) -> None:
    """Importing it in a fresh interpreter brings none of these along."""
    run = subprocess.run(
        [sys.executable, "-c", f"import {module}; {PRINT}"], check=True, capture_output=True, text=True
    )
    assert not not_loaded & set(json.loads(run.stdout))
