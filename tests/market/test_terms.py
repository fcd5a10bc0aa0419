"""Terms as they were: which record is in force for a contract on a day."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from pairkit.analysis.attribution import attribute
from pairkit.analysis.terms_paid import terms_of_trades
from pairkit.errors import DataError
from pairkit.market.contracts import ContractSpec, OlderTerm
from pairkit.market.spec_history import (
    own_table,
    records_in_force,
    specs_in_force,
    terms_on,
    with_figures_of,
)
from pairkit.market.terms import TermRecord, TermsTable, read_deliveries
from pairkit.run import run_backtest
from tests.engines import ENGINES, Desk, product
from tests.pairs import build_pair, draw_on_terms, leg_frame, pair_of, spec
from tests.rules.test_against_twin import departures
from tests.twin import twin_run
from tests.twin.terms import terms_of_contract

NAMES = ("RB2105", "RB2110", "RB2201", "RB2205", "RB")
DAYS = pd.bdate_range("2021-01-04", "2022-06-30")
OF_RECORDS = range(14)
FIGURES = (
    "multiplier",
    "tick",
    "fee_mode",
    "fee_open",
    "fee_close",
    "fee_close_today",
    "margin_rate",
)


@pytest.fixture(params=ENGINES)
def desk(request) -> Desk:
    """Each engine in turn."""
    return Desk(request.param)


def fees(opened: float, closed: float | None = None, mode: str = "lot", **what) -> list[TermRecord]:
    """The fees of one record."""
    return [
        TermRecord("fee_open", opened, mode, **what),
        TermRecord("fee_close", opened if closed is None else closed, mode, **what),
    ]


def drawn_table(seed: int, names=NAMES, days=DAYS) -> TermsTable:
    """Records of every kind: of contracts, of deliveries, of the root; dated and not; fees in both modes, margins by months."""
    rng = np.random.default_rng(seed)
    held = [{"contract": name} for name in names if name != "RB"]
    held += [
        {"deliveries": text} for text in ("..2110", "2110..2201", "05,10", "2105.. 01,05", "2205")
    ]
    held += [{}]
    records: dict[tuple, TermRecord] = {}
    for _ in range(rng.integers(4, 40)):
        what = dict(held[rng.integers(len(held))])
        if rng.random() < 0.7:
            what["from_date"] = f"{days[rng.integers(len(days))]:%Y-%m-%d}"
        kind = rng.integers(4)
        size = float(rng.integers(1, 9))
        made = [TermRecord(("multiplier", "tick")[kind % 2], size, **what)]
        if kind == 2:
            mode = ("lot", "rate")[rng.integers(2)]
            made = fees(size if mode == "lot" else size * 1e-5, mode=mode, **what)
            made += [made[0]._replace(field="fee_close_today", value=0.0)] * int(rng.integers(2))
        if kind == 3:
            made = [TermRecord("margin_rate", size / 100, **what)]
            made += [
                TermRecord(f"margin_rate@{rung}", size / 100 + (4 - rung) / 20, **what)
                for rung in range(4)
                if rng.random() < 0.5
            ]
        group = (made[0].group, *made[0].key)
        if group not in records:
            records[group] = made
    return TermsTable(one for of in records.values() for one in of)


@pytest.mark.parametrize("seed", range(120))
def test_7_5_what_is_in_force_agrees_with_plain_python(seed):
    """On every day and for every contract the terms are those that plain loops find in the same records."""
    root = spec("RB", fee_open=3.0, fee_close=3.0, terms=drawn_table(seed))
    contract = np.random.default_rng(seed).integers(-1, len(NAMES), len(DAYS))
    found = specs_in_force(root, contract, NAMES, DAYS)
    for row, day in enumerate(DAYS):
        name = NAMES[contract[row]] if contract[row] >= 0 else None
        expected = terms_of_contract(root, name, f"{day:%Y-%m-%d}")
        here = found.specs[found.place[row]]
        assert [getattr(here, one) for one in FIGURES] == [
            getattr(expected, one) for one in FIGURES
        ]
        told = terms_on(root, name, day)
        assert all(told[one].value == getattr(here, one) for one in told)
        assert told["fee_open"].fee_mode == here.fee_mode
    assert len(set(found.specs)) == len(found.specs)


@pytest.mark.parametrize("seed", range(40))
def test_7_5_the_records_that_were_used_are_enough(seed):
    """A spec of the records in force on some bars alone has the same terms there, and uses all of these."""
    root = spec("RB", terms=drawn_table(seed))
    contract = np.random.default_rng(seed).integers(-1, len(NAMES), len(DAYS))
    used = records_in_force(root, contract, NAMES, DAYS)
    assert set(used) <= set(root.terms.records)
    part = replace(root, terms=used)
    assert (
        specs_in_force(part, contract, NAMES, DAYS).specs
        == specs_in_force(root, contract, NAMES, DAYS).specs
    )
    assert records_in_force(part, contract, NAMES, DAYS) == used


@pytest.mark.parametrize("seed", range(40))
def test_7_5_what_is_first_known_on_a_day_changes_none_before_it(seed):
    """Records of a day more, whatever they say, leave every row before that day as it was."""
    table = drawn_table(seed)
    at = int(np.random.default_rng(seed).integers(20, len(DAYS) - 20))
    day = f"{DAYS[at]:%Y-%m-%d}"
    before = [one for one in table.records if (one.from_date or "") < day]
    contract = np.random.default_rng(seed).integers(-1, len(NAMES), len(DAYS))
    old, new = (
        specs_in_force(spec("RB", terms=TermsTable(records)), contract, NAMES, DAYS)
        for records in (before, table.records)
    )
    assert [old.specs[place] for place in old.place[:at]] == [
        new.specs[place] for place in new.place[:at]
    ]


@pytest.mark.parametrize(
    ("spelt", "day"),
    [
        ("TA1901", "2018-12-03"),
        ("TA901", "2018-12-03"),
        ("TA1901.ZCE", "2018-12-03"),
        ("CZCE.TA1901", "2018-12-03"),
        ("ta201901", "2018-12-03"),
        (" TA901 ", "2018-12-03"),
    ],
)
@pytest.mark.parametrize("in_table", [True, False])
def test_7_5_a_contract_is_met_however_it_is_spelt(spelt, day, in_table):
    """The record of TA1901 is found for each spelling of it, and by a record of each spelling; so is its range of deliveries."""
    record, bar = (spelt, "TA1901") if in_table else ("TA1901", spelt)
    table = [TermRecord("tick", 7.0, contract=record, from_date="2018-11-01")]
    assert terms_on(spec("TA", terms=table), bar, day)["tick"].value == 7.0
    assert terms_on(spec("TA", terms=table), "TA1905", day)["tick"].value == 1.0
    ranged = [TermRecord("tick", 7.0, deliveries="..1902")]
    assert terms_on(spec("TA", terms=ranged), bar, day)["tick"].value == 7.0


@pytest.mark.parametrize("second", ["TA1901", "TA901", "CZCE.TA1901", "ta201901", "TAF19"])
@pytest.mark.parametrize("bar", ["TA1901", "TA901"])
def test_7_5_records_of_one_contract_in_two_spellings_are_of_one(second, bar):
    """The newest counts, whichever of them is spelt as the bars are."""
    for spelt in (("TA1901", second), (second, "TA1901")):
        table = [
            TermRecord("tick", float(month), contract=name, from_date=f"2018-{month}-01")
            for name, month in zip(spelt, (11, 12), strict=True)
        ]
        for day, figure in (("2018-11-30", 11.0), ("2018-12-03", 12.0)):
            assert terms_on(spec("TA", terms=table), bar, day)["tick"].value == figure


def test_7_5_years_of_the_last_century_come_first():
    """TA9911 is delivered before 2001, and not in 2099."""
    table = [TermRecord("tick", 7.0, deliveries="..0012")]
    assert terms_on(spec("TA", terms=table), "TA9911", "1999-10-11")["tick"].value == 7.0
    assert terms_on(spec("TA", terms=table), "TA0111", "2001-10-11")["tick"].value == 1.0


@pytest.mark.parametrize(
    ("text", "of", "wrong"),
    [
        ("2111..", ("2111", "2601"), ("2110",)),
        ("..2110", ("2110", "9911"), ("2111",)),
        ("2601..2603", ("2601", "2603"), ("2512", "2604")),
        ("2603", ("2603",), ("2604", "2703")),
        ("01,05,10", ("2601", "2710"), ("2602",)),
        ("2605.. 01,05", ("2605", "2701"), ("2601", "2606")),
    ],
)
def test_deliveries_are_ranges_months_of_the_year_or_both(text, of, wrong):
    """Each text covers the deliveries that it says, and no other; a name without a delivery is in none."""
    for months, verdict in ((of, True), (wrong, False)):
        for month in months:
            assert (
                terms_on(
                    spec("RB", terms=[TermRecord("tick", 7.0, deliveries=text)]),
                    f"RB{month}",
                    "2021-01-04",
                )["tick"].value
                == 7.0
            ) is verdict
    assert not read_deliveries(text).cover(None)


@pytest.mark.parametrize(
    "text",
    ["2113..", "x", "1,5", "2603..2601", "01 05", "2601.. 2602..", "2601.. 01 05", "..  x", "13"],
)
def test_deliveries_that_are_none_are_refused(text):
    """The error says how they are written."""
    with pytest.raises(DataError, match=r"write a range such as 2111\.\."):
        read_deliveries(text)


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([TermRecord("price", 1.0)], "no term"),
        ([TermRecord("margin_rate@-1", 0.1), TermRecord("margin_rate", 0.1)], "no term"),
        ([TermRecord("tick", 0.0)], "above 0"),
        ([TermRecord("tick", float("nan"))], "finite"),
        ([TermRecord("margin_rate", 7.0)], "1 at the most"),
        ([TermRecord("fee_open", 1.0)], "rate or lot"),
        ([TermRecord("tick", 1.0, "lot")], "only a fee has one"),
        ([TermRecord("tick", 1.0, contract="RB2105", deliveries="2105")], "one of them"),
        ([TermRecord("tick", 1.0, from_date="2021-1-4")], "no day"),
        ([TermRecord("tick", 1.0, deliveries="21")], "deliveries"),
        ([TermRecord("tick", 1.0), TermRecord("tick", 2.0)], "twice"),
        ([TermRecord("fee_open", 1.0, "lot")], "together"),
        (
            [TermRecord("fee_open", 1.0, "lot"), TermRecord("fee_close", 1e-4, "rate")],
            "one fee_mode",
        ),
        ([TermRecord("margin_rate@1", 0.1)], "beside them"),
        ([{"field": "tick", "value": 1.0, "unit": "CNY"}], "not known: unit"),
    ],
)
def test_records_that_cannot_be_are_refused(records, says):
    """A field, figure, mode, day or delivery that is none, a record given twice, or one that is not whole."""
    with pytest.raises(DataError, match=says):
        TermsTable(records)
    with pytest.raises(ValidationError, match=says):
        spec("RB", terms=records)


def test_older_terms_go_through_the_same_lookup():
    """What `older` says as records, given as `terms`, is in force on the same bars."""
    older = (
        OlderTerm("tick", 5.0, before_delivery="2110"),
        OlderTerm("tick", 2.0, before_delivery="2201"),
        OlderTerm("fee_open", 9.0, before_date="2021-03-01"),
        OlderTerm("fee_close", 8.0, before_date="2021-06-01"),
        OlderTerm("margin_rate", 0.2, before_date="2021-04-01"),
        OlderTerm("margin_rate", 0.3, before_delivery="2110"),
    )
    told = spec("RB", fee_open=3.0, fee_close=3.0, older=older)
    given = replace(told, older=(), terms=own_table(told))
    contract = np.random.default_rng(0).integers(-1, len(NAMES), len(DAYS))
    one, other = (specs_in_force(each, contract, NAMES, DAYS) for each in (told, given))
    assert [one.specs[place] for place in one.place] == [
        other.specs[place] for place in other.place
    ]
    for row, day in enumerate(DAYS):
        name = NAMES[contract[row]] if contract[row] >= 0 else None
        expected = terms_of_contract(told, name, f"{day:%Y-%m-%d}")
        here = one.specs[one.place[row]]
        assert [getattr(here, f) for f in FIGURES] == [getattr(expected, f) for f in FIGURES]


def test_a_spec_with_records_survives_json():
    """It comes back equal from its plain values, and says nothing of what there is not."""
    whole = spec("RB", terms=drawn_table(3))
    assert ContractSpec(**whole.to_dict()) == whole
    assert "terms" not in spec("RB").to_dict()
    assert spec("RB", terms=[]) == spec("RB")


def test_a_spec_takes_its_figures_from_the_root_of_a_table():
    """The oldest of the root; a group that has none there keeps the spec's own."""
    table = TermsTable(
        [
            TermRecord("tick", 2.0, from_date="2021-01-04"),
            TermRecord("tick", 1.5),
            TermRecord("multiplier", 5.0, contract="RB2105"),
            *fees(1e-4, 2e-4, "rate"),
        ]
    )
    made = with_figures_of(spec("RB", fee_close_today=3.0), table)
    assert (made.tick, made.multiplier, made.fee_mode, made.fee_close) == (1.5, 10.0, "rate", 2e-4)
    assert (made.fee_close_today, made.terms) == (None, table)


@pytest.mark.parametrize("fill", ["open", "close"])
def test_7_5_the_old_contract_of_a_roll_is_sold_on_its_terms_of_that_day(desk, fill):
    """Its fee is 7 a lot up to the day before the roll and 9 from that day on; the new one costs 2: the roll is charged 9 + 2."""
    y = leg_frame(
        [100.0] * 6,
        contract=["RB2105"] * 3 + ["RB2110"] * 3,
        roll_open=[np.nan] * 3 + [100.0] + [np.nan] * 2,
    )
    day = f"{y.index[3]:%Y-%m-%d}"
    table = [
        *fees(7.0, contract="RB2105"),
        *fees(9.0, contract="RB2105", from_date=day),
        *fees(2.0, contract="RB2110"),
    ]
    pair = pair_of(y, leg_frame([50.0] * 6), y_spec=spec("RB", terms=table))
    run = desk.run([-2.5, -1, -1, -1, -1, -1], pair, fill=fill, slippage_ticks=0.0)
    lots = run.frame["lots_y"].iloc[3]
    assert lots > 0
    assert run.frame["cost"].tolist() == [0, lots * 7, 0, lots * (9 + 2), 0, 0]
    if desk.engine is product:
        assert attribute(run)["roll_fees"].iloc[3] == -lots * 11
        assert terms_of_trades(run).query("event == 'roll: sold'")["fee"].tolist() == [9.0]


@cache
def case_of_records(seed: int):
    """A pair on terms by contract, delivery, day and months to delivery, a config, and what the twin makes of them."""
    pair = build_pair(seed, 260)
    names = tuple(f"RB{month}" for month in ("2105", "2110", "2201", "2205"))
    codes = np.minimum(np.arange(len(pair)) // 70, 3).astype(np.int64)
    y, x = (replace(leg, contract=codes, contract_names=names) for leg in (pair.y, pair.x))
    rolls = pair.trade_date[[70, 71, 140, 141, 210, 211]]  # where terms change, too
    tables = [drawn_table(seed + of, names, rolls) for of in (0, 100)]
    pair = replace(
        pair,
        y=y,
        x=x,
        y_spec=spec("RB", terms=tables[0]),
        x_spec=spec("RB", terms=tables[1]),
    )
    config = draw_on_terms(seed, hedge_window=30, z_window=20)
    return pair, config, twin_run(pair, config)


@pytest.mark.parametrize("seed", OF_RECORDS)
def test_7_5_a_run_on_records_agrees_with_the_twin(seed):
    """Every column and trade is the plain backtest's."""
    pair, config, twin = case_of_records(seed)
    run = run_backtest(pair, config)
    assert departures(run.frame, twin.frame) == []
    assert departures(run.trades, twin.trades) == []
    assert run.metrics["trades"] > 0


def test_7_5_the_cases_of_records_hold_what_they_are_for():
    """In them lots are held over changes of terms, rolled to others, and rolled on a day on which the old contract's change."""
    events = [case_of_records(seed)[2].events for seed in OF_RECORDS]
    for event in (
        "held over a change of terms",
        "rolls to other terms",
        "rolled on a day of other terms",
    ):
        assert sum(event in of for of in events) >= 2, event


@pytest.mark.parametrize("seed", range(4))
def test_6_1_a_cut_has_the_terms_of_the_whole_to_the_bit(seed):
    """A run on the first rows of a pair on records equals the first rows of the run, whether or not their terms were looked up."""
    pair, config, _ = case_of_records(seed)
    whole = run_backtest(pair, config).frame
    for rows in (60, 141, 215):
        for looked_up in (pair, replace(pair)):
            assert ("y_in_force" in looked_up.__dict__) == (looked_up is pair)
            found = run_backtest(looked_up[:rows], config).frame
            pd.testing.assert_frame_equal(found, whole.iloc[:rows], check_exact=True)


def test_a_fee_that_changes_its_unit_is_charged_in_each(desk):
    """7 a lot up to the day of the exit, 1e-4 of notional from it on: 7 to open, 1e-4 x 102 x 10 to close."""
    y, x = leg_frame([100.0, 100.0, 101.0, 102.0, 102.0]), leg_frame([50.0] * 5)
    day = f"{y.index[3]:%Y-%m-%d}"
    table = [*fees(7.0), *fees(1e-4, mode="rate", from_date=day)]
    run = desk.run([-2.5, -1, 0, 0, 0], pair_of(y, x, y_spec=spec("Y", terms=table)), fill="close")
    lots = run.frame["lots_y"].iloc[1]
    assert lots > 0
    np.testing.assert_allclose(run.frame["cost"], [0, lots * 7, 0, lots * 1e-4 * 102 * 10, 0])
