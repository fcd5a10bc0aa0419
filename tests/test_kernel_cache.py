"""Compiled kernels are kept on disk under everything they are compiled from, and never taken for another's."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests import ROOT

KERNEL = """
from tests import ROOT
from pairkit._jit import kernel
from places import PLACE
from callees import twice

@kernel
def answer(x):
    return twice(x) + PLACE

print(answer(1.0), sum(answer.stats.cache_hits.values()))
"""
CALLEE = """
from pairkit._jit import kernel

@kernel
def twice(x):
    return {factor} * x
"""


@pytest.fixture
def answered(tmp_path):
    """Runs a program whose kernel reads a constant and calls a kernel, both of other files; its answer, and hits of the cache."""
    (tmp_path / "program.py").write_text(KERNEL)

    def run(place: int = 10, factor: float = 2.0) -> tuple[float, int]:
        (tmp_path / "places.py").write_text(f"PLACE = {place}\n")
        (tmp_path / "callees.py").write_text(CALLEE.format(factor=factor))
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "program.py"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        value, hits = done.stdout.split()
        return float(value), int(hits)

    return run


def test_a_kernel_is_loaded_where_nothing_has_changed(answered):
    """The second process compiles nothing."""
    assert answered() == (12.0, 0)
    assert answered() == (12.0, 1)


def test_a_constant_of_another_file_is_part_of_the_key(answered):
    """numba's own cache would go on with the old one; going back finds the first kernel again."""
    assert answered(place=10) == (12.0, 0)
    assert answered(place=20) == (22.0, 0)
    assert answered(place=10) == (12.0, 1)


def test_a_kernel_of_another_file_is_part_of_the_key(answered):
    """What is compiled in is looked at, wherever it stands."""
    assert answered(factor=2.0) == (12.0, 0)
    assert answered(factor=3.0) == (13.0, 0)


def test_an_index_that_cannot_be_read_is_compiled_anew(answered, tmp_path):
    """An update in place may rename a type that the index names; that costs a compilation, not an error."""
    assert answered() == (12.0, 0)
    for index in (tmp_path / "__pycache__").glob("*.nbi"):
        index.write_bytes(index.read_bytes()[:-20])
    assert answered() == (12.0, 0)
    assert answered() == (12.0, 1)
