"""The one shape in which every honesty check tells what it found."""

from __future__ import annotations

import orjson
import pytest

from pairkit.checks import CHECKS, CheckResult


def test_a_result_survives_json():
    """What `to_dict` writes, JSON carries and `from_dict` reads back as an equal result."""
    result = CheckResult(
        "placebo",
        "failed",
        "It made no more than 41 % of the surrogates.",
        {"p_value": 0.59, "sharpe": None},
        {"draws": 300, "seed": 0},
    )
    assert CheckResult.from_dict(orjson.loads(orjson.dumps(result.to_dict()))) == result


def test_an_unknown_check_is_refused():
    """A misspelt name cannot enter a manifest; the message says which names there are."""
    with pytest.raises(ValueError, match="lookahead, calibration"):
        CheckResult("look_ahead", "passed", "")
    assert "lookahead" in CHECKS
