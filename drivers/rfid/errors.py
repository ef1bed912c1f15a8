"""What readers call their error codes."""

from collections.abc import Mapping


def error_name(code: int, names: Mapping[int, str]) -> str:
    """With its number, as people look it up."""
    return f"{code:02X} ({names.get(code, 'unknown')})"
