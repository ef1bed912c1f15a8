"""All texts for people at once; the program reads only the parts that it needs."""

from functools import cache
from typing import Any

from model.shipped import shipped
from model.texts import words


@cache
def catalogue() -> dict[str, Any]:
    """What is below each first part of a key."""
    files = {file.stem for file in shipped("messages").glob("*.toml")} - {"words"}
    return {part: words(part) for part in sorted(files | words("words").keys())}
