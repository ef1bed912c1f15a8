"""Measurements: `python -m bench` runs all and writes docs/performance.md, `python -m bench append` runs one."""
