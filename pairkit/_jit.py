"""Numba compilation of the kernels: cached on disk, single-threaded, without fast-math; division by zero gives inf or NaN as in numpy."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from pairkit._kernel_cache import KernelCache

# What Python would call a kernel through takes as long to compile as the kernel. Without it, such a call ends the process:
# a test looks through the code for one.
_INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
Array = TypeVar("Array", bound=NDArray[Any])


def kernel(function: Kernel) -> Kernel:
    """Compile `function` on first call; kept on disk, unless no folder for it can be written."""
    return _compiled(function, {})


def inner_kernel(function: Kernel) -> Kernel:
    """A kernel that only other kernels call."""
    return _compiled(function, _INNER)


def lean_kernel(function: Kernel) -> Kernel:
    """An inner kernel that allocates no array, nor keeps one, so that references are not counted."""
    return _compiled(function, {"_nrt": False, **_INNER})


def step(function: Kernel) -> Kernel:
    """An inner kernel that is inlined into its callers, so that its arrays can stay in the processor's registers."""
    return _compiled(function, {"forceinline": True, **_INNER})


def lean_step(function: Kernel) -> Kernel:
    """A lean kernel that is inlined into its callers."""
    return _compiled(function, {"forceinline": True, "_nrt": False, **_INNER})


def for_kernels(array: Array) -> Array:
    """The array, or a copy where it is read-only or not contiguous: each kind of array costs a kernel another compilation."""
    flags = array.flags
    return array if flags.c_contiguous and flags.writeable else array.copy(order="C")


def _compiled(function: Kernel, options: dict[str, Any]) -> Kernel:
    compiled = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if getattr(numba.config, "DISABLE_JIT", False):
        return cast("Kernel", compiled)
    # "no locator available": a read-only install without a home, where nothing can be kept
    with suppress(RuntimeError):
        compiled._cache = KernelCache(function)  # noqa: SLF001  as numba's own cache=True does
    return cast("Kernel", compiled)


@lean_step
def at(place):
    """An index that is never negative, for loops where that counts: of a signed one, each use asks whether it counts from the end."""
    return np.uint64(place)
