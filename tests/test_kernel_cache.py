"""Compiled kernels are kept on disk under everything they are compiled from, and never taken for another's."""

from __future__ import annotations

import ast
import os
import re
import runpy
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

found = answer(1.0), sum(answer.stats.cache_hits.values())
print(*found)
"""
CALLEE = """
from pairkit._jit import kernel

@kernel
def twice(x):
    return {factor} * x
"""


@pytest.fixture
def answered(tmp_path, monkeypatch):
    """Runs a program whose kernel reads a constant and calls a kernel, both of other files; its answer, and hits of the cache.

    As a module made anew, whose kernels know nothing of those before; with `process`, in a process of its own.
    """
    (tmp_path / "program.py").write_text(KERNEL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def run(place: int = 10, factor: float = 2.0, *, process: bool = False) -> tuple[float, int]:
        (tmp_path / "places.py").write_text(f"PLACE = {place}\n")
        (tmp_path / "callees.py").write_text(CALLEE.format(factor=factor))
        if not process:
            for name in ("places", "callees"):
                monkeypatch.delitem(sys.modules, name, raising=False)
            found: tuple[float, int] = runpy.run_path(str(tmp_path / "program.py"))["found"]
            return found
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
    assert answered(process=True) == (12.0, 0)
    assert answered(process=True) == (12.0, 1)
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


INNER = {"inner_kernel", "lean_kernel", "step", "lean_step"}


def _decorators(node: ast.stmt) -> set[str]:
    named = getattr(node, "decorator_list", ())
    return {decorator.id for decorator in named if isinstance(decorator, ast.Name)}


def _called_from_python(files: dict[str, str]) -> set[str]:
    """Inner kernels that something other than a kernel names, as MODULE.NAME; `files` maps modules to their text."""
    declaring = {
        module: ast.parse(text)
        for module, text in files.items()
        if any(f"@{name}" in text for name in INNER)
    }
    inner = {
        f"{module}.{node.name}"
        for module, tree in declaring.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and _decorators(node) & INNER
    }
    names = "|".join({one.rpartition(".")[2] for one in inner})
    trees = {
        module: declaring.get(module) or ast.parse(text)
        for module, text in files.items()
        if re.search(rf"\b({names})\b", text)  # an alias has the name in its import
    }
    found = set()
    for module, tree in trees.items():
        home = {
            (alias.asname or alias.name): f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for node in tree.body:
            if not _decorators(node) & {*INNER, "kernel"}:
                names = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
                found |= {home.get(name, f"{module}.{name}") for name in names} & inner
    return found


def test_a_call_of_an_inner_kernel_from_python_is_found():
    """The next test can fail: what it looks with finds a call in the same module and one through an import."""
    files = {
        "a": "@step\ndef add(x):\n    return x\n\n@kernel\ndef twice(x):\n    return add(x)\n",
        "b": "from a import add as plus\n\ndef work():\n    return plus(1)\n",
    }
    assert _called_from_python(files) == {"a.add"}
    assert _called_from_python({"a": files["a"]}) == set()
    assert _called_from_python({"a": files["a"] + "\nadd(1)\n"}) == {"a.add"}


def test_no_inner_kernel_is_called_from_python():
    """An inner kernel has no way in from Python: a call would end the process."""
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
        for folder in ("pairkit", "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert _called_from_python(files) == set()


def test_no_compiled_kernel_is_among_the_projects_files():
    """What a checkout has of machine code it compiled itself: none is under version control."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(
        ["git", "ls-files", "*.nbi", "*.nbc", "*.pyc", "*.so"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.split() == []
