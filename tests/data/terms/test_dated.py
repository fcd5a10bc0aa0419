"""A root's table of terms from several sources: whose record is in force, and what a reader is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pairkit.audit.snapshots.from_files import import_files
from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.config import StrategyConfig
from pairkit.data.files.uploads import Upload
from pairkit.data.terms.combine import combine_terms
from pairkit.data.terms.dated import dated_terms, terms_findings
from pairkit.data.terms.own_terms import check_own_terms
from pairkit.data.terms.specs_file import OwnSpec
from pairkit.data.terms.terms_file import read_terms_file
from pairkit.errors import DataError
from pairkit.market.contracts import bundled_terms
from pairkit.market.spec_history import bundled_dated, own_table, terms_on
from pairkit.market.terms import FIELDS, TermRecord, TermsTable
from pairkit.run import run_backtest
from tests.market.test_terms import drawn_table, fees
from tests.pairs import eager, spec
from tests.twin.terms import terms_of_contract

NAMES = ("RB2105", "RB2110", "RB2201", "RB2205", "RB2603", "RB2605")
DAYS = pd.bdate_range("2021-01-04", "2022-06-30", freq="13B")


GROUPS = ("multiplier", "tick", "fees", "margin_rate")


def alone(records):
    """One source's records by group, each as the terms of a spec that has no other; no entry where it has none."""
    unset = spec("RB", multiplier=99.0, tick=99.0, fee_open=99.0, fee_close=99.0, margin_rate=0.99)
    of_group = {group: [one for one in records if one.group == group] for group in GROUPS}
    return {
        group: replace(unset, terms=TermsTable(found)) for group, found in of_group.items() if found
    }


def layer(source, group, name, day):
    """What one source `alone` has in force for a contract on a day, by plain loops; None where it has nothing."""
    if group not in source:
        return None
    found = terms_of_contract(source[group], name, day)
    names = [
        one
        for one in FIELDS
        if (one in ("fee_open", "fee_close", "fee_close_today")) == (group == "fees")
    ]
    names = names if group == "fees" else [group]
    values = tuple(getattr(found, one) for one in names)
    return (
        None
        if values[0] in (99.0, 0.99)
        else (*values, found.fee_mode if group == "fees" else None)
    )


def drawn_provider(seed: int) -> list[TermRecord]:
    """Fees and margins of some contracts, from days on."""
    rng = np.random.default_rng(seed)
    found = []
    for name in NAMES[:4]:
        for day in sorted({int(d) for d in rng.integers(0, len(DAYS), rng.integers(0, 4))}):
            what = {"contract": name, "from_date": f"{DAYS[day]:%Y-%m-%d}", "source": "p"}
            size = float(rng.integers(1, 9))
            found += (
                fees(size * 1e-5, mode="rate", **what)
                if rng.random() < 0.5
                else [TermRecord("margin_rate", size / 50, **what)]
            )
    return found


@pytest.mark.parametrize("seed", range(30))
def test_the_order_is_override_provider_own_table(seed):
    """For every contract, day and figure the record in force is of the first source in that order that has one in force."""
    rng = np.random.default_rng(seed)
    mine = list(drawn_table(seed).records) if rng.random() < 0.8 else []
    over = list(drawn_table(seed + 1000).records) if rng.random() < 0.4 else []
    provided = drawn_provider(seed)
    whole = bundled_dated("RB")
    made = dated_terms(
        combine_terms("RB")[0], provided=provided, mine=mine, override=over, contracts=NAMES
    )
    layers = [alone(records) for records in (over, provided, mine, whole.terms.records)]
    for name in (*NAMES, None):
        for day in DAYS:
            text = f"{day:%Y-%m-%d}"
            found = terms_of_contract(made, name, text)
            for group in GROUPS:
                expected = next(
                    said for source in layers if (said := layer(source, group, name, text))
                )
                names = (
                    ("fee_open", "fee_close", "fee_close_today", "fee_mode")
                    if group == "fees"
                    else (group,)
                )
                here = tuple(getattr(found, one) for one in names)
                assert here == expected[: len(names)], (name, text, group)


def test_without_other_sources_it_is_the_bundled_table():
    """And every figure keeps its source."""
    assert dated_terms(combine_terms("RB")[0]) == bundled_dated("RB")
    assert (
        terms_on(bundled_dated("RB"), "RB2605", "2026-01-05")["fee_open"].tag == "typical 2026-01"
    )


def test_a_spec_that_overrides_holds_for_every_contract():
    """The fields that a specs file overrides are its own for all contracts and days, with what it says of before; others stay."""
    own = OwnSpec(replace(spec("RB", margin_rate=0.3), version="mine"), frozenset({"margin_rate"}))
    flat, _ = combine_terms("RB", own=own)
    made = dated_terms(
        flat,
        own=own,
        provided=[TermRecord("margin_rate", 0.2, contract="RB2605", from_date="2026-01-05")],
        contracts=NAMES,
    )
    for delivery in ("2601", "2605"):
        assert terms_on(made, f"RB{delivery}", "2026-01-05")["margin_rate"].value == 0.3
    assert terms_on(made, "RB2603", "2026-01-05")["fee_open"].value == 2e-5
    assert made.source_of("margin_rate") == "user mine"
    assert made.source_of("fee_open") == "typical 2026-01"


def terms_csv(
    *rows: str, head="root,contract,deliveries,from_date,field,value,fee_mode,source,version"
) -> Upload:
    return Upload("terms.csv", "\n".join([head, *rows]).encode())


def test_a_file_of_terms_is_read_as_it_is_written():
    """Days and names in several spellings, empty cells, comments of source and version; by root."""
    found = read_terms_file(
        terms_csv(
            "rb,,,20240301,fee_open,0.0002,rate,broker,7",
            "RB,,,2024-3-1,fee_close,0.0003,rate,,",
            "TA,TA901,,2018-11-05,tick,2,,,",
            "L,,..2110,,tick,5,,,",
            'RB,,"2603.. 01,05",,margin_rate,0.07,,,',
            ",,,,,,,,",
        )
    )
    assert found.records["RB"][0] == TermRecord(
        "fee_open", 2e-4, "rate", None, None, "2024-03-01", "broker", "7"
    )
    assert found.records["RB"][1].source == "user"
    assert found.records["TA"][0].contract == "TA1901"
    assert found.records["RB"][2].deliveries == "2603.. 01,05"
    assert (sorted(found.roots), found.override) == (["L", "RB", "TA"], {})


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (("RB,,,,fee_open,x,rate,,",), "row 2.*finite.*'x'"),
        (("RB,,,,fee_open,1,,,",), "row 2.*rate or lot"),
        (("RB,,,2024-13-01,tick,1,,,",), "no day"),
        ((",,,,tick,1,,,",), "no root"),
        (("RB,,,,tick,1,,,", "rb,,,,tick,2,,,"), "row 3.*in row 2 too"),
        (("RB,,,,tick,1",), "more or fewer cells"),
        ((), "holds no record"),
        (("RB,,,,price,1,,,",), "no term"),
        (("RB,,,9999-01-01,tick,1,,,",), "row 2.*no day"),
        (("RB,HC2305,,,tick,1,,,",), "row 2.*HC2305 is not one of RB"),
    ],
)
def test_a_file_of_terms_that_cannot_be_is_refused(rows, says):
    """With the file, the row and what is accepted."""
    with pytest.raises(DataError, match=f"(?s)terms.csv.*{says}"):
        read_terms_file(terms_csv(*rows))
    with pytest.raises(DataError, match=r"columns root, price.*are needed"):
        read_terms_file(terms_csv("RB,1", head="root,price"))


# A lot of RB at 4,000 is worth 40,000: its bundled fees, 2e-5 to 1e-4, are 0.8 to 4 a lot.
FAR_APART = [
    TermRecord("multiplier", 300.0),
    TermRecord("multiplier", 1e308),
    TermRecord("multiplier", 1e-9),
    TermRecord("tick", 1e5),
    TermRecord("margin_rate", 0.01),
    TermRecord("margin_rate", 1.0, contract="RB2405"),
    TermRecord("margin_rate@1", 0.8, deliveries="2405.."),
    TermRecord("fee_open", 1e-3, "rate", from_date="2024-03-01"),
    TermRecord("fee_open", 13.0, "lot"),
    TermRecord("fee_close_today", 0.2, "lot"),
]


@pytest.mark.parametrize("record", FAR_APART, ids=str)
def test_a_figure_far_from_the_bundled_one_is_refused_unless_it_overrides(record):
    """By more than a factor of three, in the unit of the user's; both figures are said, in the finding of an override too."""
    with pytest.raises(DataError, match=rf"RB {record.field} .*the bundled table .*override"):
        check_own_terms("RB", [record], [], 4000.0)
    (finding,) = check_own_terms("RB", [], [record], 4000.0)
    assert (finding.kind, finding.count) == ("terms_differ", 1)
    assert f"{record.value:g}" in finding.message


@pytest.mark.parametrize(
    ("record", "differs"),
    [
        (TermRecord("margin_rate", 0.13), False),  # within 7 to 20 %
        (TermRecord("margin_rate", 0.05), True),
        (TermRecord("fee_open", 11.0, "lot"), True),
        (TermRecord("fee_open", 3.0, "lot"), False),
        (TermRecord("fee_open", 0.0, "rate"), False),
        (TermRecord("tick", 2.0), True),
    ],
    ids=str,
)
def test_a_figure_near_the_bundled_one_counts_and_is_told_where_it_differs(record, differs):
    """Nothing is refused; what lies outside the range of the bundled figures is a finding."""
    found = check_own_terms("RB", [record], [], 4000.0)
    assert [finding.kind for finding in found] == ["terms_differ"] * differs
    assert check_own_terms("MINE", [record], [], 4000.0) == []  # nothing to compare with


def test_an_import_holds_a_file_of_terms_against_the_bundled_table(tmp_path):
    """Refused in a sentence and nothing is written; within reach it is written, with the finding."""
    bars = [bars_csv("RB", ["RB2405"] * 8, pd.bdate_range("2024-01-02", periods=8), 4000.0)]

    def imported(value, name):
        terms = terms_csv(f"RB,,,2024-01-04,margin_rate,{value},,,")
        return import_files(bars, name=name, folder=tmp_path, terms_file=terms)

    with pytest.raises(DataError, match=r"margin_rate 0\.01 .*the bundled table 0\.07 to 0\.2"):
        imported(0.01, "slipped")
    assert not (tmp_path / "slipped").exists()
    assert "margin_rate 0.05" in told(imported(0.05, "lower"), "terms_differ")


def test_half_a_fee_is_completed_by_the_one_before_it():
    """An opening fee alone keeps the closing fee of the record before, in the same unit; in another unit it is refused."""
    raised = [TermRecord("fee_open", 2e-4, "rate", from_date="2024-03-01")]
    made = dated_terms(combine_terms("RB")[0], mine=raised, contracts=("RB2405", "RB2603"))
    for delivery, day, fee in (
        ("2405", "2024-02-29", 1e-4),
        ("2405", "2024-03-01", 2e-4),
        ("2603", "2026-01-05", 2e-4),
    ):
        found = terms_on(made, f"RB{delivery}", day)
        assert (found["fee_open"].value, found["fee_close"].value) == (fee, 1e-4)
    with pytest.raises(DataError, match="fee_open and fee_close together"):
        dated_terms(combine_terms("RB")[0], mine=[raised[0]._replace(fee_mode="lot")])


def told(snapshot, kind: str) -> str:
    """The first finding of a kind, in words."""
    return next(finding.message for finding in snapshot.findings if finding.kind == kind)


# --- imports ---------------------------------------------------------------------------------------------------------
def bars_csv(
    root: str, contracts: list[str], days: pd.DatetimeIndex, start: float, seed: int = 1
) -> Upload:
    """Bars of a root, one contract a day, at prices that wander."""
    close = start * np.exp(np.random.default_rng(seed).normal(0, 0.01, len(days)).cumsum())
    close = np.round(close / 10) * 10
    rows = [
        f"{day:%Y-%m-%d},{contract},{price},{price + 10},{price - 10},{price},5000,9000"
        for day, contract, price in zip(days, contracts, close, strict=True)
    ]
    head = "date,contract,open,high,low,close,volume,open_interest"
    return Upload(f"{root}.csv", "\n".join([head, *rows]).encode())


@pytest.fixture(scope="module")
def every_root(tmp_path_factory) -> Snapshot:
    """Eight bars of every listed root, imported from their files alone."""
    days = pd.bdate_range("2025-12-01", periods=8)
    files = [bars_csv(root, [f"{root}2605"] * 8, days, 5000.0) for root in sorted(bundled_terms())]
    return import_files(files, name="every", folder=tmp_path_factory.mktemp("every"))


@pytest.mark.parametrize("root", sorted(bundled_terms()))
def test_every_listed_root_is_imported_without_specs(root, every_root):
    """From files of bars alone; its terms are those of the bundled table, and the finding says so of each field."""
    assert own_table(every_root.specs[root]) == bundled_terms()[root]
    findings = [finding for finding in every_root.findings if finding.root == root]
    days_of = {
        finding.message.split("table's ")[1].split(" (")[0]: finding.count
        for finding in findings
        if finding.kind == "bundled_terms"
    }
    assert days_of == {"fees": 8, "margins": 8}
    doubted = {finding.kind for finding in findings} & {"uncertain_terms"}
    assert bool(doubted) == (
        root in {"AD", "BU", "BZ", "LG", "OP", "PD", "PL", "PR", "PS", "PT", "RM", "SC"}
    )


@pytest.mark.parametrize("root", ["RB", "SC"])
def test_a_root_by_itself_is_imported_as_among_all(root, every_root, tmp_path):
    """The same terms and the same findings of it."""
    days = pd.bdate_range("2025-12-01", periods=8)
    file = bars_csv(root, [f"{root}2605"] * 8, days, 5000.0)
    made = import_files([file], name="alone", folder=tmp_path)
    assert own_table(made.specs[root]) == own_table(every_root.specs[root])
    assert [one for one in made.findings if one.root == root] == [
        one for one in every_root.findings if one.root == root
    ]


def test_polyethylene_slips_five_and_then_one(tmp_path):
    """L2109 and L2111 in one run, by hand: a roll concedes 5 CNY a tonne on what is sold and 1 on what is bought, 5 t a lot."""
    days = pd.bdate_range("2021-05-06", periods=120)
    names = ["L2109"] * 60 + ["L2111"] * 60
    files = [bars_csv("L", names, days, 8000.0), bars_csv("PP", ["PP2201"] * 120, days, 8500.0, 13)]
    made = import_files(files, name="l", folder=tmp_path)
    assert "tick is 5 in L2109 and 1 in L2111" in told(made, "spec_changed")
    pair = made.pair("L", "PP")
    config = StrategyConfig(
        hedge_window=20,
        z_window=10,
        entry_z=0.5,
        exit_z=0.0,
        stop_z=9.0,
        adf_gate=False,
        beta_gate=False,
        vol_gate=False,
        vol_target=0.0,
        max_holding_days=250,
        max_loss=0.0,
        max_participation=0.0,
        fee_multiplier=0.0,
        slippage_ticks=1.0,
    )
    run = run_backtest(pair, config)
    held = run.frame["position"].iloc[59:61]
    assert held.iloc[0] == held.iloc[1] != 0
    lots = abs(run.frame["lots_y"].iloc[60])
    assert run.frame["cost"].iloc[60] == pytest.approx(lots * 5 * (5 + 1), rel=1e-12)


def test_a_fee_raised_on_a_day_moves_no_row_before_it(tmp_path):
    """Two imports that differ in a fee from a day on have the same frame before that day, to the bit, and another after."""
    days = pd.bdate_range("2023-01-03", periods=150)
    files = [
        bars_csv("RB", ["RB2310"] * 150, days, 4000.0),
        bars_csv("HC", ["HC2310"] * 150, days, 4200.0, 2),
    ]
    day = f"{days[90]:%Y-%m-%d}"
    raised = terms_csv(f"RB,,,{day},fee_open,0.0003,rate,,", f"RB,,,{day},fee_close,0.0003,rate,,")
    config = eager()
    frames = [
        run_backtest(
            import_files(files, name=name, folder=tmp_path, terms_file=terms).pair("RB", "HC"),
            config,
        ).frame
        for name, terms in (("plain", None), ("raised", raised))
    ]
    pd.testing.assert_frame_equal(frames[0].iloc[:90], frames[1].iloc[:90], check_exact=True)
    assert frames[0]["cost"].iloc[90:].sum() < frames[1]["cost"].iloc[90:].sum()


def test_records_of_roots_without_bars_are_told(tmp_path):
    """They are not used, and a finding names them."""
    days = pd.bdate_range("2023-01-03", periods=5)
    made = import_files(
        bars_csv("RB", ["RB2310"] * 5, days, 4000.0),
        name="one",
        folder=tmp_path,
        terms_file=terms_csv("HC,,,,tick,1,,,"),
    )
    assert "records of HC, of which there are no bars" in told(made, "unused_terms")


def test_days_on_other_records_are_not_told_as_bundled():
    """From the day of the user's own margin on, fewer days stand on the table."""
    days = pd.bdate_range("2023-01-03", periods=10)
    bars = pd.DataFrame({"root": "RB", "contract": "RB2310", "trade_date": days})
    mine = [TermRecord("margin_rate", 0.2, from_date=f"{days[4]:%Y-%m-%d}")]
    made = dated_terms(combine_terms("RB")[0], mine=mine)
    days_of = {
        finding.message.split("table's ")[1].split(" (")[0]: finding.count
        for finding in terms_findings(bars, None, [made])
    }
    assert days_of == {"fees": 10, "margins": 4}
