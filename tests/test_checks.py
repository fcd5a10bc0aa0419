"""The one shape in which every honesty check tells what it found."""

from __future__ import annotations

from importlib import import_module

import orjson
import pytest

from pairkit.checks import CHECKS, CheckRecord, CheckResult, in_order


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


def test_a_check_of_a_later_version_is_kept():
    """A result of a check that this version does not have is read, and comes after those it knows; no name at all is refused."""
    later = CheckResult("market_impact", "noted", "It costs 2 ticks.")
    known = CheckResult("placebo", "passed", "It made more than all.")
    assert in_order({"market_impact": later, "placebo": known}) == [known, later]
    for name in ("", "Look ahead", "../lookahead"):
        with pytest.raises(ValueError, match="lookahead, calibration"):
            CheckResult(name, "passed", "")


@pytest.mark.parametrize("check", CHECKS)
def test_a_record_is_shown_by_its_verdict_and_sentence(check, monkeypatch):
    """At a prompt, what each check returns is one line, and not its tables."""
    module = "audit" if check == "lookahead" else "check"
    names = vars(import_module(f"pairkit.research.{check}.{module}")).values()
    (record,) = (one for one in names if isinstance(one, type) and one.__base__ is CheckRecord)
    found = CheckResult(check, "noted", "It is so.")
    monkeypatch.setattr(record, "result", lambda _: found)
    assert repr(object.__new__(record)) == f"<{record.__name__} noted: It is so.>"
