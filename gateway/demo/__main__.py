"""`python -m gateway.demo` is `doorpost demo`."""

import sys

from gateway.demo.command import main

main(sys.argv[1:])
