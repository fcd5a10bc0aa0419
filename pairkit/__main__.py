"""`python -m pairkit`."""

from pairkit.cli import main

main()
