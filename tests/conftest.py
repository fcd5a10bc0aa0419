"""What every test shares: seeded hypothesis without deadlines, and folders of its own for what pairkit keeps."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "seeded",
    derandomize=True,
    deadline=None,
    max_examples=20,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("seeded")


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
