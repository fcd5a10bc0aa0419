"""What every test shares: seeded hypothesis without deadlines, folders of its own for what pairkit keeps, compiled kernels.

Tests that take long are listed in slow.txt, by file and function; `python -m tests.slow REPORT` lists them anew from pytest's
--junitxml. The quick loop leaves them out: `pytest -m "not slow and not browser"`.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import ROOT
from tests.slow import SLOW

SLOW_TESTS_PER_BROWSER_TEST = 15  # for the order of files alone

settings.register_profile(
    "seeded",
    derandomize=True,
    deadline=None,
    max_examples=20,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("seeded")


def pytest_configure(config: pytest.Config) -> None:
    """Compile the kernels once, before workers start that would each compile them all, and let Python keep what it compiles."""
    if not getattr(config.option, "numprocesses", None) or config.option.collectonly:
        return
    # Containers set it; workers and the processes that tests start, a hundred, would each compile every file.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    config.option.loadscopereorder = False  # files go out in the order below, the longest first
    command = [sys.executable, "-m", "tests.compile_kernels"]
    running = [subprocess.Popen([*command, part], cwd=ROOT) for part in ("runs", "pairs")]
    codes = [one.wait() for one in running]
    if any(codes):
        pytest.exit("the kernels cannot be compiled; what they said is above", returncode=1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what slow.txt lists, and what drives a browser; workers begin with the longest files, so that all end together."""
    weights: dict[str, int] = defaultdict(int)
    for item in items:
        file = item.path.relative_to(ROOT / "tests").as_posix()
        name = getattr(item, "originalname", item.name)
        if f"{file} {name}" in SLOW:
            item.add_marker(pytest.mark.slow)
            weights[file] += 1
        if file.startswith("browser/"):
            item.add_marker(pytest.mark.browser)
            weights[file] += SLOW_TESTS_PER_BROWSER_TEST
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: -weights[item.path.relative_to(ROOT / "tests").as_posix()])


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """A page test leaves its script as the main module, which a process started later would run first."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(scope="session", autouse=True)
def components_looked_for_once() -> Iterator[None]:
    """Each AppTest reads the metadata of all installed packages for components, half a second of it; one answer serves all."""
    if "streamlit.testing.v1.app_test" not in sys.modules:
        yield
        return
    from streamlit.components.v2 import manifest_scanner

    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def folders_of_the_tests(tmp_path_factory) -> Iterator[None]:
    """Runs are saved, trials counted and calibrations kept where no user's are."""
    before = {name: os.environ.get(name) for name in ("PAIRKIT_RUNS", "PAIRKIT_CACHE")}
    for name in before:
        os.environ[name] = str(tmp_path_factory.mktemp(name.removeprefix("PAIRKIT_").lower()))
    yield
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
