"""Every module says what it is; every public name shows an example, and each example gives what it says."""

from __future__ import annotations

import ast
import doctest
import functools
import inspect
import io
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

import pairkit
from tests import ROOT

NAMES = sorted(set(pairkit.__all__) - {"__version__"})


def methods_of(name: str) -> Iterator[tuple[str, Any]]:
    """The public methods that a class declares itself, by `Class.method`."""
    value = getattr(pairkit, name)
    for method, member in vars(value).items() if inspect.isclass(value) else ():
        function = getattr(member, "__func__", member)
        if not method.startswith("_") and inspect.isfunction(function):
            yield f"{name}.{method}", function


OBJECTS = {name: getattr(pairkit, name) for name in NAMES} | {
    key: function for name in NAMES for key, function in methods_of(name)
}
FUNCTIONS = {key: value for key, value in OBJECTS.items() if inspect.isfunction(value)}


def section(value: Any, title: str) -> str:
    """The text under a heading of a numpy-style docstring, empty where there is none."""
    heading = rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)"
    found = re.search(heading, inspect.getdoc(value) or "", re.MULTILINE | re.DOTALL)
    return found.group(1) if found else ""


@functools.cache
def opened(path: str, **options: Any) -> Any:
    """A snapshot opened once for all examples, which only read it."""
    return pairkit.audit.snapshots.snapshot.open_snapshot(path, **options)


@pytest.fixture
def beside_the_demo(tmp_path, monkeypatch):
    """A folder of its own with a copy of the bundled snapshot, as a reader has it."""
    shutil.copytree(ROOT / "snapshots" / "demo", tmp_path / "snapshots" / "demo")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pairkit, "open_snapshot", opened)


def test_every_module_opens_with_the_name_of_a_thing():
    """The first words of a module say what it is: it has a docstring, which begins with no question."""
    opened_with = {
        path: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "What"
        for path in (ROOT / "pairkit").rglob("*.py")
    }
    question = re.compile(r"(What|When|Where|How|Why|Which|Does|Is|On|At)\b")
    assert [path for path, words in opened_with.items() if question.match(words)] == []


@pytest.mark.parametrize("name", OBJECTS)
def test_every_public_name_has_an_example(name):
    """Each name of `pairkit`, and each public method of its classes, shows how it is used."""
    assert doctest.DocTestParser().get_examples(section(OBJECTS[name], "Examples"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_and_return_value_is_documented(name):
    """A function's docstring lists each of its parameters and says what it returns."""
    taken = set(inspect.signature(FUNCTIONS[name]).parameters) - {"self", "cls"}
    listed = re.findall(r"^[*\w][\w*, ]*", section(FUNCTIONS[name], "Parameters"), re.MULTILINE)
    assert taken <= {part.strip(" *") for line in listed for part in line.split(",")}
    assert section(FUNCTIONS[name], "Returns")


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.usefixtures("beside_the_demo")
def test_every_example_gives_what_it_says(name):
    """The examples run in order, as typed into a prompt, and print what the docstring shows."""
    shown, said = inspect.getdoc(OBJECTS[name]), io.StringIO()
    example = doctest.DocTestParser().get_doctest(shown, {}, name, None, 0)
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.write)
    assert said.getvalue() == "", said.getvalue()
