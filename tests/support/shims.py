"""Libraries for LD_PRELOAD, compiled from the C files beside this one."""

import functools
import hashlib
import subprocess
import tempfile
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache"
COMMON = Path(__file__).with_name("shim.h")


@functools.cache
def compiled(source: Path) -> Path:
    """The library, from the cache where its source has not changed."""
    digest = hashlib.sha256(source.read_bytes() + COMMON.read_bytes()).hexdigest()
    library = CACHE / f"{source.stem}-{digest[:16]}.so"
    if not library.exists():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            made = Path(scratch) / library.name
            command = ["cc", "-O2", "-Wall", "-fPIC", "-shared", "-o", str(made), str(source)]
            subprocess.run(command, check=True)
            made.replace(library)
    return library
