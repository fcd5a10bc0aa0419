"""What a result was made with: Python, platform, the packages that compute, and pairkit's own version and commit."""

from __future__ import annotations

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


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _git_commit() -> str | None:
    """The commit of the checkout that holds this very file, `-dirty` where pairkit's code differs from it."""
    if _git("ls-files", "--error-unmatch", "runtime.py") is None:  # installed, or inside somebody else's repository
        return None
    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--", str(_HERE.parent))
    return f"{commit}-dirty" if commit and changed else commit


def _git(*arguments: str) -> str | None:
    try:
        command = ["git", "-C", str(_HERE), *arguments]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):  # no git, no repository, or not tracked
        return None
    return answer.stdout.strip()
