"""Entry point of `python -m pairkit`."""

from pairkit.cli import main

main()
