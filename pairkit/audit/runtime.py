"""Runtime record of a result: Python, platform, versions of the packages that compute, pairkit's version and commit."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pairkit._version import __version__

PACKAGES = ("numba", "numpy", "pandas", "pyarrow", "pydantic", "rfc8785")
_HERE = Path(__file__).resolve().parent
_CODE = _HERE.parent
_SHOWS_OR_FETCHES = {"charts", "cli", "data", "report", "ui"}  # parts of pairkit that change no run


def describe_runtime(*, with_commit: bool = True) -> dict[str, Any]:
    """The runtime as plain JSON values.

    Parameters
    ----------
    with_commit : bool
        Name the git commit pairkit runs from. False for what is itself committed, which cannot know its own commit:
        `git_commit` is then None, as it is where pairkit does not run from a git checkout.
    """
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": f"{platform.system()}-{platform.machine()}",
        "packages": {name: _installed(name) for name in PACKAGES},
        "pairkit_version": __version__,
        "git_commit": _git_commit() if with_commit else None,
    }


def describe_run_runtime() -> dict[str, Any]:
    """`describe_runtime` and everything else that the bits of a run may depend on.

    `code_sha256` covers those sources of pairkit that a run depends on, as they are on disk, so it is there without git
    too; `git_dirty` and `diff_sha256` say whether, and by which change, the code departs from `git_commit`. `processor` is
    the one that kernels are compiled for. `threads` are those that numba may use; a run itself uses one.
    """
    import llvmlite.binding
    import numba

    plain = describe_runtime()
    return {
        **plain,
        "packages": {**plain["packages"], "llvmlite": _installed("llvmlite")},
        "libc": " ".join(platform.libc_ver()).strip(),
        "processor": llvmlite.binding.get_host_cpu_name(),
        "threads": {"numba": numba.get_num_threads(), "processors": os.cpu_count()},
        "git_commit": _commit(),
        "git_dirty": _difference() is not None,
        "diff_sha256": _difference(),
        "code_sha256": code_hash(),
    }


@cache
def _commit() -> str | None:
    """The commit of the checkout that holds this file, whether or not the code differs from it."""
    return (
        None
        if _git("ls-files", "--error-unmatch", "runtime.py") is None
        else _git("rev-parse", "HEAD")
    )


@cache
def _difference() -> str | None:
    """sha256 of the differences between pairkit's code and its commit, untracked files included; None where there are none."""
    if _commit() is None:
        return None
    exact = (
        "--binary",
        "--full-index",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        "--diff-algorithm=myers",
        "-U3",
        "--src-prefix=a/",
        "--dst-prefix=b/",
    )
    changed = _git("diff", *exact, "HEAD", "--", str(_CODE)) or ""
    unknown = (
        _git("ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", str(_CODE))
        or ""
    ).strip("\0")
    if not changed and not unknown:
        return None
    digest = hashlib.sha256(changed.encode("utf-8", "surrogateescape"))
    top = Path(_git("rev-parse", "--show-toplevel") or ".")
    for name in sorted(unknown.split("\0")) if unknown else ():
        digest.update(f"\0{name}\0{hashlib.sha256((top / name).read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()


@cache
def code_hash() -> str:
    """sha256 over the Python sources that a run depends on, by name, with line ends as on Unix."""
    digest = hashlib.sha256()
    for path in sorted(_CODE.rglob("*.py")):
        name = path.relative_to(_CODE)
        if name.parts[0] not in _SHOWS_OR_FETCHES:
            source = path.read_bytes().replace(b"\r\n", b"\n")
            digest.update(f"{name.as_posix()} {hashlib.sha256(source).hexdigest()}\n".encode())
    return digest.hexdigest()


@cache
def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _git_commit() -> str | None:
    """The commit of the checkout that holds this very file, `-dirty` where pairkit's code differs from it."""
    if (
        _git("ls-files", "--error-unmatch", "runtime.py") is None
    ):  # installed, or inside somebody else's repository
        return None
    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--", str(_HERE.parent))
    return f"{commit}-dirty" if commit and changed else commit


def _git(*arguments: str) -> str | None:
    try:
        command = ["git", "-C", str(_HERE), *arguments]
        answer = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):  # no git, no repository, or not tracked
        return None
    return answer.stdout.strip()
