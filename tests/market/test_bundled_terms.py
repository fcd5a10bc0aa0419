"""The bundled table of terms: all listed roots of China's exchanges, held against figures published elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pairkit.market.contracts import UNCERTAIN, bundled_spec, bundled_specs, bundled_terms
from pairkit.market.spec_history import bundled_dated, specs_in_force, terms_on
from tests import ROOT

PUBLISHED = json.loads(Path(ROOT, "tests/data/terms/published.json").read_text("utf-8"))["roots"]
ROOTS = sorted(PUBLISHED)
AS_OF = "2025-12-10"  # of the published margins: 2512 is in its delivery month, 2601 in the month before
ONE_SOURCE = {"AD", "OP", "LG", "BZ", "PR", "PL", "PS", "PT", "PD"}
NO_LADDER = {"BU", "BZ", "OP", "PD", "PL", "PT", "RM", "SC"}


def figures(root: str, delivery: str, day: str = AS_OF) -> dict[str, float]:
    """Field -> figure in force for one contract."""
    found = terms_on(bundled_dated(root), f"{root}{delivery}", day)
    return {name: record.value for name, record in found.items()}


def test_all_listed_roots_are_there():
    """88 roots, each with a spec and records of its own, and nothing else."""
    assert len(ROOTS) == 88
    assert sorted(bundled_specs()) == sorted(bundled_terms()) == ROOTS


@pytest.mark.parametrize("root", ROOTS)
def test_ticks_are_those_of_the_delivery(root):
    """Each published tick holds from its delivery on, and the one before it up to the delivery before."""
    steps = PUBLISHED[root]["ticks"]
    for place, (first, tick) in enumerate(steps):
        assert figures(root, first)["tick"] == tick
        if place:
            year, month = divmod(int(first[:2]) * 12 + int(first[2:]) - 2, 12)
            assert figures(root, f"{year:02d}{month + 1:02d}")["tick"] == steps[place - 1][1]
    assert bundled_spec(root).tick == bundled_dated(root).tick == steps[-1][1]


@pytest.mark.parametrize("root", ROOTS)
def test_fees_are_those_of_the_delivery(root):
    """Each published contract pays its fees to open, to close and to close on the same day, in its unit."""
    for mode, opened, closed, today, deliveries in PUBLISHED[root]["fees"]:
        for delivery in deliveries.split():
            found = terms_on(bundled_dated(root), f"{root}{delivery}", AS_OF)
            assert {found[name].fee_mode for name in ("fee_open", "fee_close")} == {mode}
            values = [found[name].value for name in ("fee_open", "fee_close", "fee_close_today")]
            assert values == [opened, closed, today], delivery


@pytest.mark.parametrize("root", ROOTS)
def test_margins_are_those_of_the_months_to_delivery(root):
    """Each published contract that was not past its month has its rate on a day of the table's month."""
    for rate, deliveries in PUBLISHED[root]["margin"]:
        for delivery in deliveries.split():
            if delivery >= "2512":
                assert figures(root, delivery)["margin_rate"] == rate, delivery


@pytest.mark.parametrize("root", ROOTS)
def test_multipliers_and_sessions_are_the_published_ones(root):
    """A published lot size is the newest contracts'; a night session is told, and none; what is unknown is left open."""
    said = PUBLISHED[root]
    if "multiplier" in said:
        assert bundled_spec(root).multiplier == bundled_dated(root).multiplier == said["multiplier"]
    spec = bundled_spec(root)
    expected = (said.get("night") or "none", said["day_open"]) if "day_open" in said else ("", "")
    assert (spec.night, spec.day_open) == expected
    cash = root in ("IF", "IH", "IC", "IM", "EC")
    assert spec.settlement == ("cash" if cash else "physical")


def test_what_is_uncertain_says_so():
    """Multipliers of one third-party table, and margins whose ladder is not shown, have it in their source; others do not."""
    unsure = {
        field: {
            root
            for root, table in bundled_terms().items()
            if any(UNCERTAIN in one.source for one in table.records if one.group == field)
        }
        for field in ("multiplier", "tick", "fees", "margin_rate")
    }
    assert unsure == {
        "multiplier": ONE_SOURCE,
        "tick": set(),
        "fees": set(),
        "margin_rate": NO_LADDER,
    }
    assert "uncertain" in bundled_dated("AD").source_of("multiplier")
    assert bundled_dated("RB").source_of("margin_rate") == "typical 2026-01"


def test_rebar_by_hand():
    """RB2605: 7 % up to March, 10 % in April, 20 % in May; RB2603 pays 2e-5 where RB2605 pays 1e-4."""
    days = ("2026-03-31", "2026-04-01", "2026-05-06")
    assert [figures("RB", "2605", day)["margin_rate"] for day in days] == [0.07, 0.1, 0.2]
    assert figures("RB", "2603")["fee_open"] == 2e-5
    assert figures("RB", "2605")["fee_open"] == 1e-4


def test_polyethylene_by_hand():
    """L2109 moves in steps of 5 and L2111 of 1, in one leg."""
    days = pd.DatetimeIndex(["2021-08-02", "2021-08-03"])
    found = specs_in_force(bundled_dated("L"), np.array([0, 1]), ("L2109", "L2111"), days)
    assert [found.specs[place].tick for place in found.place] == [5.0, 1.0]


def test_plywood_keeps_both_lots():
    """FB1911 is 500 sheets in steps of 0.05, FB1912 10 cubic metres in steps of 0.5."""
    old, new = (figures("FB", delivery, "2019-06-03") for delivery in ("1911", "1912"))
    assert (old["multiplier"], old["tick"]) == (500, 0.05)
    assert (new["multiplier"], new["tick"]) == (10, 0.5)
