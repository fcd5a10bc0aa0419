"""The error tree."""

from __future__ import annotations

import inspect

import pytest

from pairkit import errors

KINDS = {"ConfigError", "SnapshotError", "DataError", "SourceError", "RunError", "CancelledError"}
DEFINED = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and value.__module__ == errors.__name__
}


def test_the_tree_is_one_base_and_six_kinds():
    """`except PairkitError` catches all that is raised on purpose; a narrower error belongs to exactly one of the kinds."""
    assert errors.PairkitError.__bases__ == (Exception,)
    assert {
        cls.__name__ for cls in DEFINED.values() if errors.PairkitError in cls.__bases__
    } == KINDS
    for name in DEFINED.keys() - KINDS - {"PairkitError"}:
        assert sum(issubclass(DEFINED[name], DEFINED[kind]) for kind in KINDS) == 1, name


@pytest.mark.parametrize("name", sorted(DEFINED))
def test_each_error_says_what_it_is_for(name):
    """A class has a docstring of its own, and stands in the drawing at the top of the module."""
    assert inspect.getdoc(DEFINED[name])
    assert name in (errors.__doc__ or "")
