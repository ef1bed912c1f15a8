"""Where the data that ships with the project lies: `config/` in a checkout, inside this package once installed."""

from pathlib import Path

_HERE = Path(__file__).parent


def shipped(*parts: str) -> Path:
    """A path below `config/`: profiles, rule profiles, message texts, examples."""
    checkout = _HERE.parent / "config"
    return (checkout if checkout.is_dir() else _HERE / "_config").joinpath(*parts)
