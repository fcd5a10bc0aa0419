"""The error tree."""

from __future__ import annotations

import inspect

import pytest

from pairkit import errors

TREE = {"ConfigError", "SnapshotError", "DataError", "SourceError", "RunError"}


def test_the_tree_is_one_base_and_five_kinds():
    """`except PairkitError` catches all that is raised on purpose, and nothing else is defined."""
    defined = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert defined == TREE | {"PairkitError"}
    assert all(getattr(errors, name).__bases__ == (errors.PairkitError,) for name in TREE)
    assert errors.PairkitError.__bases__ == (Exception,)


@pytest.mark.parametrize("name", sorted(TREE | {"PairkitError"}))
def test_each_error_says_what_it_is_for(name):
    """A class has a docstring of its own, and stands in the drawing at the top of the module."""
    assert inspect.getdoc(vars(errors)[name])
    assert name in (errors.__doc__ or "")
