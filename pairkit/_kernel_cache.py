"""Disk cache of compiled kernels, keyed on all the code and constants that a kernel is compiled from, in whichever file.

numba keys a kernel on the file that holds it. The constants that a kernel reads (numbers of reasons, places of metrics, record
types) and the kernels it calls are compiled into it too, and may come from other files; a kernel that was compiled before one of
them changed would silently keep the old ones.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from functools import cached_property
from hashlib import sha256
from types import CodeType, FunctionType, ModuleType
from typing import Any

from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher

# What unpickling an index of an older pairkit raises, where a type that it names is no longer there.
_UNREADABLE = (AttributeError, ImportError, EOFError, TypeError, ValueError, pickle.UnpicklingError)


class KernelCache(FunctionCache):
    """numba's cache of one function, with what the function refers to in the key."""

    @cached_property
    def _referred(self) -> str:
        return fingerprint(self._py_func)

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return (*super()._index_key(sig, codegen), self._referred)

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super()._load_overload(sig, target_context)
        except _UNREADABLE:
            self.flush()
            return None


def fingerprint(function: Callable[..., Any]) -> str:
    """A hash of a function's code, and of the constants and kernels it refers to, wherever these are declared."""
    lines = sorted(set(_meaning(function, set())))
    return sha256("\n".join(lines).encode()).hexdigest()


def _meaning(function: Callable[..., Any], seen: set[Any]) -> Iterator[str]:
    """Key lines of `function`: its code, every constant it names, and the same of each kernel it calls."""
    if function in seen or not isinstance(function, FunctionType):
        return
    seen.add(function)
    code = function.__code__
    yield f"{function.__qualname__} {code.co_code.hex()} {_constants(code)}"
    for name in code.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, Dispatcher):
            yield from _meaning(value.py_func, seen)
        elif value is not None and not isinstance(value, ModuleType):
            yield f"{name} = {_plain(value)}"


def _constants(code: CodeType) -> str:
    return repr([value for value in code.co_consts if not isinstance(value, CodeType)])


def _plain(value: Any) -> str:
    """Text of a constant that is the same in every process."""
    if isinstance(value, type):
        return f"{value.__qualname__}{getattr(value, '_fields', '')}"
    return value.__qualname__ if callable(value) and hasattr(value, "__qualname__") else repr(value)
