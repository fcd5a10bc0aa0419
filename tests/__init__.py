"""The tests, in the rooms of the package; what several share lies beside this file."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
