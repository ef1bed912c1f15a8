"""`python -m central` is `doorpost central`."""

from central.cli import main

main()
