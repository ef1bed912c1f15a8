"""`python -m gateway.cli` is `doorpost`."""

from gateway.cli import main

main()
