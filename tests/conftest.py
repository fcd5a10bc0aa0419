"""What every test shares: seeded hypothesis without deadlines, and a folder of its own for saved runs and counted trials."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "seeded", derandomize=True, deadline=None, max_examples=20, print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
settings.load_profile("seeded")


@pytest.fixture(scope="session", autouse=True)
def runs_folder_of_the_tests(tmp_path_factory) -> Iterator[None]:
    """Runs are saved, and trials counted, where no user's are."""
    before = os.environ.get("PAIRKIT_RUNS")
    os.environ["PAIRKIT_RUNS"] = str(tmp_path_factory.mktemp("runs"))
    yield
    if before is None:
        del os.environ["PAIRKIT_RUNS"]
    else:
        os.environ["PAIRKIT_RUNS"] = before
