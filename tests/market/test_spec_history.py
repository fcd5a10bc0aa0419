"""Rules that changed from a delivery month on, and on a day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pandas as pd
import pytest
from pydantic import ValidationError

from pairkit.analysis.attribution import attribute
from pairkit.audit.runs.manifest import run_manifest
from pairkit.market.contracts import ContractSpec, OlderTerm, bundled_spec
from pairkit.market.spec_history import (
    CHANGES,
    changes_among,
    older_terms,
    spec_for,
    specs_in_force,
    with_history,
)
from pairkit.report.page import report_html
from pairkit.run import run_backtest
from tests.engines import ENGINES, Desk, product
from tests.pairs import leg_frame, pair_of, spec

GOLD = with_history(bundled_spec("AU"))
DAYS = pd.bdate_range("2024-01-01", periods=6)


def until(day: str, **figures: float) -> tuple[OlderTerm, ...]:
    """What the figures were before a day."""
    return tuple(OlderTerm(name, value, before_date=day) for name, value in figures.items())


@pytest.fixture(params=ENGINES)
def desk(request) -> Desk:
    """Each engine in turn."""
    return Desk(request.param)


@pytest.mark.parametrize(
    ("contract", "tick"),
    [
        ("AU1906", 0.05),
        ("AU1911", 0.05),
        ("AU1912", 0.02),
        ("AU2406", 0.02),
        ("AU201906", 0.05),
        ("AU", 0.02),
    ],
)
def test_a_contract_keeps_the_rules_it_was_listed_with(contract: str, tick: float):
    """Gold moved from steps of 0.05 to 0.02 with the December 2019 contract."""
    assert spec_for(GOLD, contract).tick == tick


def test_the_users_own_figure_stays():
    """A tick that no rule made, or that the user set, has no history: it holds for every contract."""
    assert with_history(replace(bundled_spec("AU"), tick=0.5)).older == ()
    assert with_history(bundled_spec("AU"), but=["tick"]).older == ()


def test_a_spec_without_history_holds_for_every_contract():
    """What a caller gives, or an older snapshot has, is not changed by what pairkit knows of the root."""
    assert spec_for(bundled_spec("AU"), "AU1906") == bundled_spec("AU")


def test_of_two_changes_the_first_after_the_delivery_counts():
    """Ticks of 0.1 before 1806, 0.05 before 1912, 0.02 from then on; what is left of `older` is what still was otherwise."""
    spec = replace(
        bundled_spec("AU"),
        older=(
            OlderTerm("tick", 0.1, before_delivery="1806"),
            OlderTerm("tick", 0.05, before_delivery="1912"),
        ),
    )
    assert [spec_for(spec, name).tick for name in ("AU1805", "AU1806", "AU1911", "AU1912")] == [
        0.1,
        0.05,
        0.05,
        0.02,
    ]
    assert [len(spec_for(spec, name).older) for name in ("AU1805", "AU1806", "AU1912")] == [0, 1, 2]


def test_older_terms_survive_json():
    """A spec with a history comes back equal from what a snapshot keeps of it; nothing is said of what there is not."""
    gold = replace(GOLD, older=(*GOLD.older, *until("2024-01-04", margin_rate=0.0, fee_open=7)))
    kept = orjson.loads(orjson.dumps(gold.to_dict()))
    assert ContractSpec(**kept) == gold
    assert kept["older"] == [
        {"field": "tick", "value": 0.05, "before_delivery": "1912"},
        {"field": "margin_rate", "value": 0.0, "before_date": "2024-01-04"},
        {"field": "fee_open", "value": 7.0, "before_date": "2024-01-04"},
    ]
    assert with_history(gold) == gold
    assert "older" not in bundled_spec("AU").to_dict()


@pytest.mark.parametrize(
    ("field", "value", "before", "told"),
    [
        ("fee_mode", 1.0, {"before_date": "2024-01-02"}, "'margin_rate'"),
        ("tick", 1.0, {"before_delivery": "1913"}, "pattern"),
        ("tick", 1.0, {"before_date": "2.1.2024"}, "write the day as"),
        ("tick", 1.0, {"before_date": "2024-02-30"}, "write the day as"),
        ("tick", 1.0, {}, "exactly one"),
        ("tick", 1.0, {"before_delivery": "1912", "before_date": "2024-01-02"}, "exactly one"),
        ("tick", 0.0, {"before_delivery": "1912"}, "above 0"),
        ("multiplier", 0.0, {"before_date": "2024-01-02"}, "above 0"),
        ("fee_close", -1.0, {"before_date": "2024-01-02"}, "0 or more"),
        ("margin_rate", 1.5, {"before_date": "2024-01-02"}, "1 at the most"),
        ("margin_rate", float("nan"), {"before_date": "2024-01-02"}, "finite"),
    ],
)
def test_an_older_term_that_is_none_is_refused(field, value, before, told):
    """An unknown figure, a month or day that does not exist, both or neither, a figure that the field cannot have."""
    with pytest.raises(ValidationError, match=told):
        ContractSpec(
            **bundled_spec("AU").to_dict(), older=[{"field": field, "value": value, **before}]
        )


def test_a_range_over_a_change_is_told():
    """Contracts of both rules: one finding; of one rule, or of a root without changes: none."""
    assert [finding.kind for finding in changes_among(GOLD, ["AU1910", "AU1912"])] == [
        "spec_changed"
    ]
    assert changes_among(GOLD, ["AU1912", "AU2006"]) == ()
    assert changes_among(with_history(bundled_spec("RB")), ["RB1910", "RB2001"]) == ()
    assert changes_among(spec("RB", older=until("2024-01-04", tick=2)), ["RB1910", "RB2405"]) == ()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.code} {change.field}")
def test_the_bundled_table_has_todays_rules(change):
    """What a change made is what the table says, where it has the root."""
    from pairkit.market.contracts import bundled_specs

    spec = bundled_specs().get(change.code)
    assert spec is None or getattr(spec, change.field) == change.after


def test_each_bar_has_the_terms_of_its_contract():
    """Two rules in one leg: two specs, and each row's place in them; a row without a name has the spec as it is."""
    found = specs_in_force(
        GOLD, np.array([-1, 0, 0, 2, 1]), ("AU1906", "AU2006", "AU1912"), DAYS[:5]
    )
    assert [found.specs[place].tick for place in found.place] == [0.02, 0.05, 0.05, 0.02, 0.02]
    assert len(found.specs) == 2
    rebar = bundled_spec("RB")
    assert specs_in_force(rebar, np.array([0, 0]), ("RB1905",), DAYS[:2]) == (
        (rebar,),
        pytest.approx([0, 0]),
    )


def test_the_nearest_day_to_come_counts():
    """Two days: before the first its figures, over those of the second; between them the second's; from there on the newest."""
    older = (*until("2024-01-04", margin_rate=0.2), *until("2024-01-03", margin_rate=0.3, tick=2))
    dated = spec("RB", margin_rate=0.1, older=older)
    found = specs_in_force(dated, np.zeros(6, np.int64), ("RB2405",), DAYS)
    assert [found.specs[place].margin_rate for place in found.place] == [
        0.3,
        0.3,
        0.2,
        0.1,
        0.1,
        0.1,
    ]
    assert [found.specs[place].tick for place in found.place] == [2, 2, 1, 1, 1, 1]
    assert len(found.specs) == 3


def test_a_days_figure_goes_over_the_contracts_own():
    """Gold of the old step, of the new one, of no name, up to a day with a step of 0.1 for all; then each on its own again."""
    gold = replace(GOLD, older=(*until("2024-01-04", tick=0.1), *GOLD.older))
    found = specs_in_force(gold, np.array([0, 1, -1, 0, 1, -1]), ("AU1906", "AU2006"), DAYS)
    assert [found.specs[place].tick for place in found.place] == [0.1, 0.1, 0.1, 0.05, 0.02, 0.02]
    assert older_terms(gold, ["AU1906", "AU2006"]) == {"AU1906": {"tick": 0.05}}


@pytest.mark.parametrize("fill", ["open", "close"])
def test_fees_of_the_day_are_paid(desk, fill):
    """A fee of 7 a lot up to the day of the exit, 2 from it on: a position of one contract pays 7 to open and 2 to close."""
    y, x = leg_frame([100.0] * 5), leg_frame([50.0] * 5)
    terms = spec(
        "Y",
        fee_open=2.0,
        fee_close=2.0,
        older=until(f"{y.index[3]:%Y-%m-%d}", fee_open=7.0, fee_close=7.0),
    )
    run = desk.run([-2.5, -1, 0, 0, 0], pair_of(y, x, y_spec=terms), fill=fill)
    lots = run.frame["lots_y"].iloc[1]
    assert lots > 0
    assert run.frame["cost"].tolist() == [0, lots * 7, 0, lots * 2, 0]
    if desk.engine is product:
        assert attribute(run)["fees"].tolist() == [0, -lots * 7, 0, -lots * 2, 0]


def test_margin_of_the_day_is_called(desk):
    """The margin rate rises to all of the notional on bar 3, and gearing is 5: the held position is closed on the next bar."""
    y, x = leg_frame([100.0] * 6), leg_frame([50.0] * 6)
    y_spec, x_spec = (
        spec(code, margin_rate=1.0, older=until(f"{y.index[3]:%Y-%m-%d}", margin_rate=0.05))
        for code in "YX"
    )
    run = desk.run(
        [-2.5, -1, -1, -1, -1, -1], pair_of(y, x, y_spec=y_spec, x_spec=x_spec), max_leverage=5.0
    )
    assert run.frame["reason"].tolist()[2:4] == ["in_position", "margin_call"]
    assert run.frame["position"].tolist() == [0, 1, 1, 1, 0, 0]


def rolled(desk, code: str, before: str, after: str, fill: str = "open", **terms):
    """Leg y bought at 100 on bar 1, rolled on bar 3 at 101 against 120, marked at 121, sold by age on bar 5."""
    pair = pair_of(
        changing(before, after), leg_frame([50.0] * 6), y_spec=with_history(spec(code, **terms))
    )
    return desk.run(
        [-2.5, -1, -1, -1, -1, -1], pair, fill=fill, max_holding_days=3, slippage_ticks=1.0
    )


def changing(before: str, after: str):
    """Six bars of a leg whose contract changes on bar 3."""
    return leg_frame(
        [100.0, 100.0, 100.0, 121.0, 121.0, 121.0],
        contract=[before] * 3 + [after] * 3,
        open=[100.0, 100.0, 100.0, 120.0, 121.0, 121.0],
        pre_close=[100.0, 100.0, 100.0, 119.0, 121.0, 121.0],
        roll_open=[np.nan] * 3 + [101.0, np.nan, np.nan],
    )


@pytest.mark.parametrize("fill", ["open", "close"])
def test_a_tick_that_changes_with_the_contract_is_paid_on_each_side(desk, fill):
    """Gold 1906 to 1912: entry and the sale at the roll concede a tick of 0.05 a lot, the purchase and the exit one of 0.02."""
    run = rolled(desk, "AU", "AU1906", "AU1912", fill, tick=0.02, multiplier=10.0)
    lots = run.frame["lots_y"].iloc[2]
    x_cost = 10.0 * run.frame["lots_x"].abs().iloc[2]  # leg x concedes its tick of 1 at both ends
    assert lots > 0
    assert run.frame["cost"].tolist() == pytest.approx(
        [0, lots * 10 * 0.05 + x_cost, 0, lots * 10 * (0.05 + 0.02), 0, lots * 10 * 0.02 + x_cost],
        rel=1e-12,
    )


def test_a_multiplier_that_changes_with_the_contract_marks_its_own_lots(desk):
    """Plywood 1911 to 1912, 500 to 10: the lots stay; what 101 earns over 100 is 500 a lot, what 121 earns over 120 is 10."""
    run = rolled(
        desk,
        "FB",
        "FB1911",
        "FB1912",
        multiplier=10.0,
        tick=0.5,
        fee_mode="rate",
        fee_open=1e-4,
        fee_close=2e-4,
    )
    lots = run.frame["lots_y"].tolist()
    size = lots[2]
    assert lots == [0, size, size, size, size, 0]
    assert size > 0
    assert run.frame["pnl"].tolist() == pytest.approx(
        [0, 0, 0, size * (500 * 1 + 10 * 1), 0, 0], rel=1e-12
    )
    fees = size * (2e-4 * 101 * 500 + 1e-4 * 120 * 10)
    assert run.frame["cost"].iloc[3] == pytest.approx(
        fees + size * (0.05 * 500 + 0.5 * 10), rel=1e-12
    )
    if desk.engine is not product:
        return
    parts = attribute(run)
    assert parts["price_y"].iloc[3] == pytest.approx(run.frame["pnl"].iloc[3], rel=1e-12)
    assert parts["roll_fees"].iloc[3] == pytest.approx(-fees, rel=1e-12)


def test_an_entry_is_sized_by_the_contract_of_its_bar(desk):
    """The same prices and figures in FB1911, of 500 a lot, and in FB1912, of 10: a fiftieth of the lots."""
    plywood = with_history(spec("FB", multiplier=10.0))
    old, new = (
        desk.run(
            [-2.5, -1, -1],
            pair_of(leg_frame([100.0] * 3, contract=name), leg_frame([50.0] * 3), y_spec=plywood),
            whole_lots=False,
        )
        .frame["lots_y"]
        .iloc[1]
        for name in ("FB1911", "FB1912")
    )
    assert new == pytest.approx(50 * old, rel=1e-12)


def test_manifest_and_report_tell_which_contracts_were_on_older_terms():
    """`by_contract` has the older contracts' figures, the report says them beside the term; a leg without such is as ever."""
    run = run_backtest(
        pair_of(
            changing("AU1906", "AU1912"),
            leg_frame([50.0] * 6),
            y_spec=with_history(spec("AU", tick=0.02)),
        )
    )
    y, x = run_manifest(run).content["inputs"]["contract_specs"]
    assert (
        y["by_contract"]
        == {"AU1906": {"tick": 0.05}}
        == older_terms(run.pair.y_spec, run.pair.y.contracts)
    )
    assert y["older"] == [{"field": "tick", "before_delivery": "1912", "value": 0.05}]
    assert x == run.pair.x_spec.to_dict()
    assert "0.02 (0.05 in AU1906)" in report_html(run, checks=False)
    assert (
        "by_contract"
        not in run_manifest(run_backtest(run.pair[3:])).content["inputs"]["contract_specs"][0]
    )


def test_the_report_tells_what_held_before_a_day():
    """Each earlier figure beside the term with its day, the nearer day last; the manifest has them in the leg's terms."""
    older = (*until("2024-01-04", margin_rate=0.2), *until("2024-01-03", margin_rate=0.3))
    run = run_backtest(
        pair_of(
            leg_frame([100.0] * 6),
            leg_frame([50.0] * 6),
            y_spec=spec("Y", margin_rate=0.1, older=older),
        )
    )
    assert "0.1 (0.3 before 2024-01-03) (0.2 before 2024-01-04)" in report_html(run, checks=False)
    y = run_manifest(run).content["inputs"]["contract_specs"][0]
    assert y == run.pair.y_spec.to_dict()
    assert len(y["older"]) == 2
