"""Contract names: every spelling of a delivery month, and the year that the bars' dates allow."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.columns import BAR_COLUMNS
from pairkit.columns import names as names_of
from pairkit.data.files.read import read_bars
from pairkit.data.quality import examine_leg
from pairkit.errors import DataError
from pairkit.market.contracts import bundled_spec
from pairkit.market.deliveries import delivery_month, normal_name, one_names, read_name, readings
from pairkit.market.rolls import dominant_by_open_interest, leg_table, lost_bars
from pairkit.pair import pair_from_frames
from tests.pairs import leg_frame, spec

DAY = pd.Timestamp("2024-01-15")


def month(year: int, of_year: int) -> int:
    return year * 12 + of_year - 1


@pytest.mark.parametrize(
    ("name", "root", "expected"),
    [
        ("RB2405", "RB", (2024, 5)),
        ("rb2405", "RB", (2024, 5)),
        (" RB2405 ", "RB", (2024, 5)),
        ("RB202405", "RB", (2024, 5)),
        ("TA405", "TA", (2024, 5)),
        ("TA501", "TA", (2025, 1)),
        ("TA1901.ZCE", "TA", (2019, 1)),
        ("CZCE.TA1901", "TA", (2019, 1)),
        ("SHFE.rb2405", "RB", (2024, 5)),
        ("rb2405.SHFE", "RB", (2024, 5)),
        ("TA201901", "TA", (2019, 1)),
        ("TA9911", "TA", (1999, 11)),
        ("KR32406", "KR3", (2024, 6)),
        ("SP500H24", "SP500", (2024, 3)),
        ("US10M4", "US10", (2024, 6)),
        ("CLK24", "CL", (2024, 5)),
        ("CLK4", "CL", (2024, 5)),
        ("CLZ2019", "CL", (2019, 12)),
        ("CLZ2012", "CL", (2012, 12)),
        ("CL-2024K", "CL", (2024, 5)),
        ("CL-K24", "CL", (2024, 5)),
        ("FESX2406", "FESX", (2024, 6)),
        ("SF405", "SF", (2024, 5)),
        ("AU2406", "AU", (2024, 6)),
    ],
)
def test_every_spelling_names_its_month(name, root, expected):
    """Seen in January 2024: digits or a letter, short year or long, exchange before or behind, capitals or not."""
    assert delivery_month(name, DAY, root) == month(*expected)


@pytest.mark.parametrize(
    ("name", "root"),
    [
        ("RB2405", "RB"),
        ("TA505", "TA"),
        ("KR32406", "KR3"),
        ("CLK24", "CL"),
        ("CL-2024K", "CL"),
        ("FESX2406", "FESX"),
        ("T2403", "T"),
        ("SF2405", "SF"),
        ("AU1906", "AU"),
        ("ESH25", "ES"),
    ],
)
def test_the_root_is_read_from_the_name_where_it_has_one_reading(name, root):
    """Digits are preferred to a month letter wherever they can be a month."""
    assert read_name(name).root == root


@pytest.mark.parametrize(
    "name", ["RB", "RBMAIN", "RB2413", "RB1", "2405", "", "RB24", "rb主力", "C01"]
)
def test_what_names_no_month_is_said_to_name_none(name):
    """No month 13, no name without a root, no name without a year."""
    assert read_name(name) is None


@pytest.mark.parametrize(
    ("name", "day", "expected"),
    [
        ("TA505", "2014-06-03", (2015, 5)),
        ("TA505", "2024-06-03", (2025, 5)),
        ("TA505", "2015-05-14", (2015, 5)),
        ("TA505", "2015-06-01", (2015, 5)),
        ("CLK4", "2013-09-02", (2014, 5)),
        ("CLK4", "2023-09-01", (2024, 5)),
        ("GC7912", "1978-06-01", (1979, 12)),
        ("GC7912", "1979-12-03", (1979, 12)),
        ("GC0002", "1999-06-01", (2000, 2)),
        ("RB2405", "2024-08-01", (2024, 5)),
    ],
)
def test_a_short_year_is_the_one_that_the_day_allows(name, day, expected):
    """Decade and century come from the bar's date; a late bar is no bar of another decade."""
    assert delivery_month(name, pd.Timestamp(day)) == month(*expected)


@pytest.mark.parametrize(
    ("name", "root", "expected"),
    [
        ("CL_K24", "CL", (2024, 5)),
        ("CL K24", "CL", (2024, 5)),
        ("rb_2405", "RB", (2024, 5)),
        ("NYMEX:CLK24", "CL", (2024, 5)),
        ("US102406", "US10", (2024, 6)),
        ("KR3406", "KR3", (2024, 6)),
        ("SP500-2403", "SP500", (2024, 3)),
        ("6EH24", "6E", (2024, 3)),
        ("2405", "RB", (2024, 5)),
        ("405", "TA", (2024, 5)),
        ("202405", "RB", (2024, 5)),
        ("CF2005", "C", (2005, 1)),
    ],
)
def test_a_known_root_says_where_the_month_begins(name, root, expected):
    """Whatever digits or letters the root itself ends in; a delivery month alone is of the root beside it."""
    assert delivery_month(name, DAY, root) == month(*expected)


@pytest.mark.parametrize(
    ("name", "roots", "expected"),
    [
        ("KR3406", ["KR3", "RB"], {("KR3", "4", 6)}),
        ("KR3406", ["KR", "KR3"], {("KR", "34", 6), ("KR3", "4", 6)}),
        ("SF2405", ["S", "SF"], {("SF", "24", 5)}),
        ("SF2005", ["S", "SF"], {("SF", "20", 5)}),
        ("SF2005", ["S"], set()),
        ("SF24", ["S", "SF"], {("S", "24", 1)}),
        ("AU1912", ["A", "AU"], {("AU", "19", 12)}),
        ("US102406", ["US"], set()),
        ("6EH24", ["6E"], {("6E", "24", 3)}),
        ("CLK24", ["RB"], set()),
    ],
)
def test_known_roots_are_tried_before_a_pattern(name, roots, expected):
    """One that leaves a month is the contract's; two are both told, and a letter never displaces digits."""
    assert {(found.root, found.year, found.month) for found in readings(name, roots)} == expected


def test_names_are_compared_trimmed_and_in_capitals():
    """Blank and missing are one, in every way to write it; digits come as numbers, and as floats beside a missing one."""
    missing = ["", "  ", None, math.nan, pd.NA, pd.NaT, "nan", "None", "--"]
    assert [normal_name(name) for name in missing] == [None] * len(missing)
    assert [normal_name(name) for name in (" rb2405 ", 2405, np.int64(405), 2405.0)] == [
        "RB2405",
        "2405",
        "405",
        "2405",
    ]


@pytest.mark.parametrize(
    "name", [True, np.bool_(False), 24.5, ("RB", "2405"), pd.Timestamp("2024-05-01"), b"RB2405"]
)
def test_what_is_no_name_is_refused(name):
    """Named as it stands."""
    with pytest.raises(DataError, match="is no name of a contract"):
        normal_name(name)


SPELLINGS = {
    "RB2405": [
        "RB2405",
        "rb2405",
        " RB2405 ",
        "RB202405",
        "RB405",
        "rb2405.SHFE",
        "SHFE.rb2405",
        "RB-2405",
        "2405",
        2405,
        405.0,
    ],
    "CLK24": [
        "CLK24",
        "CLK4",
        "clk2024",
        "CL-2024K",
        "CL2024K",
        "CLK24.NYM",
        "NYMEX:CLK24",
        "CL_K24",
    ],
}


@pytest.mark.parametrize(("name", "root"), [("RB2405", "RB"), ("CLK24", "CL")])
def test_every_spelling_of_a_contract_becomes_one_name(name, root):
    """Digits stay digits and a letter stays a letter; the year has two digits."""
    spelt = SPELLINGS[name]
    assert set(one_names(pd.Series(spelt, dtype=object), pd.Series([DAY] * len(spelt)), root)) == {
        name
    }


def test_a_name_without_a_month_is_itself():
    """Trimmed and in capitals; a missing one stays missing."""
    assert list(one_names(pd.Series(["main ", "MAIN", None, " "]), pd.Series([DAY] * 4))) == [
        "MAIN",
        "MAIN",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("spelt", "name"),
    [
        (["CLK24", "CL2405", "clk4", "CL405"], "CLK24"),
        (["CL405", "CLK24", "NYMEX:CLK2024"], "CL2405"),
    ],
)
def test_a_contract_under_a_letter_and_under_digits_has_its_first_name(spelt, name):
    """By day, in whatever order the rows are; of one day the digits. Another month keeps its own name, and another root too."""
    days = pd.Series(pd.date_range("2024-01-02", periods=len(spelt)))
    order = [2, 0, 1, *range(3, len(spelt))]
    names = pd.Series([*spelt, "CLM24", "BZK24"], dtype=object)
    days = pd.concat([days, days[-2:]], ignore_index=True)
    order += [len(spelt), len(spelt) + 1]
    assert list(one_names(names[order], days[order])) == [*[name] * len(spelt), "CLM24", "BZK24"]
    assert set(one_names(pd.Series(["CLK24", "CL2405"]), pd.Series([DAY] * 2), "CL")) == {"CL2405"}


def test_one_short_name_of_two_decades_is_two_contracts():
    """TA505 of 2015 and of 2025 part."""
    days = pd.Series(pd.to_datetime(["2014-10-01", "2024-10-01", "2014-10-01"]))
    assert list(one_names(pd.Series(["TA505", "TA505", "TA509"]), days)) == [
        "TA1505",
        "TA2505",
        "TA1509",
    ]


MIXED = ["TA505", "TA509", "ta2501", "CLK4", "CL405", "CL2405", "CLK24", "main", None]


@given(st.lists(st.sampled_from(MIXED), min_size=1, max_size=30), st.data())
def test_later_bars_change_no_name(names, data):
    """A day more, or ten years, leaves the names before as they were."""
    days = pd.Series(pd.date_range("2014-10-01", periods=len(names), freq="300D"))
    cut = data.draw(st.integers(1, len(names)))
    whole = one_names(pd.Series(names, dtype=object), days)
    assert list(one_names(pd.Series(names[:cut], dtype=object), days[:cut])) == list(whole[:cut])


# --- series with one bar a day ---------------------------------------------------------------------------------------
def series(names: list[str | None], root: str = "TA") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bars and mapping of a series that names the contract of each day."""
    days = pd.bdate_range("2020-01-06", periods=len(names)).as_unit("ns")
    close = 5000.0 + np.arange(len(names))
    bars = pd.DataFrame(
        {
            "root": root,
            "contract": names,
            "trade_date": days,
            "open": close,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "settle": close,
            "volume": 100.0,
            "open_interest": 100.0,
            "up_limit": math.nan,
            "down_limit": math.nan,
        }
    )
    return bars, bars[["root", "trade_date", "contract"]]


def test_a_stray_name_loses_no_bar():
    """One day named after the next contract, amid a series of 389: every close is there, and one day is counted as going back."""
    names = ["TA2005"] * 200 + ["TA2009"] * 189
    names[100] = "TA2009"
    bars, mapping = series(names)
    table = leg_table(bars, mapping)
    assert table["close"].tolist() == bars["close"].tolist()
    assert table["contract"].tolist() == names
    found = lost_bars(bars, mapping)
    assert len(found.missing) == 0
    assert found.returned.tolist() == [bars["trade_date"][101], bars["trade_date"][200]]


@given(st.lists(st.sampled_from(["TA005", "TA009", "ta101", " TA105"]), min_size=2, max_size=60))
def test_a_series_of_one_bar_a_day_never_loses_a_close(names):
    """Whatever contracts it names, in whatever order."""
    bars, mapping = series(names)
    assert leg_table(bars, mapping)["close"].tolist() == bars["close"].tolist()


def two_series() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bars of two contracts on six days, and a mapping to the nearer."""
    near, mapping = series(["TA2005"] * 6)
    far, _ = series(["TA2009"] * 6)
    return pd.concat([near, far], ignore_index=True), mapping


def test_with_other_contracts_bars_a_left_contract_is_not_taken_again():
    """Two bars a day: the provider's slip back to the old contract is not followed, and counted."""
    bars, mapping = two_series()
    mapping = mapping.assign(contract=["TA2005", "TA2005", "TA2009", "TA2005", "TA2009", "TA2009"])
    assert leg_table(bars, mapping)["contract"].tolist() == ["TA2005"] * 2 + ["TA2009"] * 4
    assert lost_bars(bars, mapping).not_followed.tolist() == [mapping["trade_date"][3]]


def test_a_day_without_a_bar_of_the_held_contract_is_counted():
    """The held contract lacks a bar on two days and a close on a third, on which the other has bars; a day without any is no loss
    of this kind."""
    bars, mapping = two_series()
    bars.loc[3, "close"] = 0.0
    bars.loc[[5, 11], "close"] = math.nan
    found = lost_bars(bars.drop(index=[2, 4]), mapping)
    assert found.missing.tolist() == mapping["trade_date"][[2, 3, 4]].tolist()
    assert len(found.unused) == len(found.returned) == len(found.not_followed) == 0


def test_bars_before_the_first_known_contract_are_counted():
    """A mapping that starts on the fourth day uses no bar of the two before; on the very first day nothing can be known."""
    bars, mapping = two_series()
    found = lost_bars(bars, mapping.iloc[3:])
    assert found.unused.tolist() == mapping["trade_date"][[1, 2]].tolist()


def test_what_is_lost_is_found_when_a_pair_is_opened(tmp_path):
    """A snapshot whose record says nothing of it: the pair says it, with its days, as an error."""
    bars, mapping = two_series()
    other, of_other = series(["X2005"] * 6, root="X")
    bars = pd.concat([bars.drop(index=[2]), other], ignore_index=True)
    both = pd.concat([mapping, of_other]).assign(known_date=pd.Timestamp("2019-12-31"))
    write_snapshot(
        tmp_path,
        "gap",
        bars=bars,
        mapping=both,
        specs=[bundled_spec("TA"), spec("X")],
        data_scope={"source": "test", "simulated": True},
    )
    found = open_snapshot(tmp_path / "gap").pair("TA", "X").findings
    assert [(one.kind, one.severity, one.root, one.dates) for one in found] == [
        ("missing_dominant_bar", "error", "TA", ("2020-01-08",))
    ]


def test_a_contract_without_open_interest_is_held_to_the_end_of_its_delivery_month():
    """The later one is taken up with the first day after that month, by the open interest of the session before."""
    days = pd.bdate_range("2020-05-25", "2020-06-05").as_unit("ns")
    near, _ = series(["TA2005"] * len(days))
    far, _ = series(["TA2009"] * len(days))
    near, far = (bars.assign(trade_date=days) for bars in (near, far))
    near.loc[0, "open_interest"], near.loc[1:, "open_interest"] = 500.0, math.nan
    mapping = dominant_by_open_interest(pd.concat([near, far])).set_index("trade_date")["contract"]
    assert mapping.loc[:"2020-06-01"].unique().tolist() == ["TA2005"]
    assert mapping.loc["2020-06-02":].unique().tolist() == ["TA2009"]


# --- files and frames ------------------------------------------------------------------------------------------------
def written(folder, names, days) -> pd.DataFrame:
    close = 5000.0 + 2.0 * np.arange(len(names))
    table = pd.DataFrame(
        {
            "date": [f"{day:%Y-%m-%d}" for day in days],
            "contract": names,
            "open": close,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "volume": 100,
            "open_interest": 100,
        }
    )
    table.to_csv(folder / "TA.csv", index=False)
    return table


def test_ten_years_of_three_digit_names_lose_no_bar(tmp_path):
    """CZCE writes TA505 for May 2015 and for May 2025: a main series over both keeps every close, as frames do."""
    days = pd.bdate_range("2014-06-02", "2025-06-30")
    names = [
        f"TA{day.year % 10 + (day.month >= 5):d}05"
        if day.year % 10 < 9 or day.month < 5
        else "TA005"
        for day in days
    ]
    table = written(tmp_path, names, days)
    read = read_bars(tmp_path / "TA.csv")
    assert {finding.kind for finding in read.findings if finding.severity != "info"} == set()
    imported = leg_table(read.bars, read.mapping)
    assert imported["close"].tolist() == table["close"].tolist()
    frame = (
        table.set_index(pd.DatetimeIndex(days))
        .drop(columns="date")
        .assign(settle=table["close"].to_numpy())
    )
    framed = pair_from_frames(frame, frame, y_spec=bundled_spec("TA"), x_spec=spec("X"))
    assert framed.y.table(framed.trade_date)["contract"].tolist() == imported["contract"].tolist()
    assert (
        np.flatnonzero(np.diff(framed.y.contract)).size == 11
    )  # one roll a May, also from 2015's name to itself in 2025


def test_contracts_of_the_last_century_are_in_order(tmp_path):
    """Gold of 1979 is delivered in 1979: its contracts follow each other by open interest, and no bar is held past its end."""
    parts = []
    for year, of_year in ((78, 12), (79, 6), (79, 12)):
        days = pd.bdate_range(f"19{year - 1}-{of_year:02d}-01", f"19{year}-{of_year:02d}-15")
        open_interest = np.minimum(
            np.linspace(10, 1000, len(days)), np.linspace(6000, 0, len(days))
        ).round()
        parts.append(
            pd.DataFrame(
                {
                    "date": days.strftime("%Y-%m-%d"),
                    "root": "GC",
                    "contract": f"GC{year}{of_year:02d}",
                    "open": 200.0,
                    "high": 201.0,
                    "low": 199.0,
                    "close": 200.0,
                    "volume": 50,
                    "open_interest": open_interest,
                }
            )
        )
    pd.concat(parts).to_csv(tmp_path / "GC.csv", index=False)
    read = read_bars(tmp_path / "GC.csv", specs=[spec("GC")])
    held = leg_table(read.bars, read.mapping)
    assert held["contract"].drop_duplicates().tolist() == ["GC7812", "GC7906", "GC7912"]
    assert held["close"].notna().all()


def test_contracts_of_three_digits_over_ten_years_make_a_snapshot_that_opens(tmp_path):
    """All contracts' bars, TA401 of 2014 to TA501 of 2025: each has its own name in bars and mapping, and no day is lost."""
    parts = []
    for year in range(2014, 2026):
        days = pd.bdate_range(f"{year - 2}-12-10", f"{year}-01-10")
        open_interest = np.minimum(
            100.0 + np.arange(len(days)), 10.0 * (len(days) - np.arange(len(days)))
        )
        parts.append(
            pd.DataFrame(
                {
                    "date": days.strftime("%Y-%m-%d"),
                    "contract": f"TA{year % 10}01",
                    "open": 5000.0,
                    "high": 5002.0,
                    "low": 4998.0,
                    "close": 5000.0,
                    "volume": 50,
                    "open_interest": open_interest,
                }
            )
        )
    table = pd.concat(parts)
    table.to_csv(tmp_path / "TA.csv", index=False)
    read = read_bars(tmp_path / "TA.csv")
    assert read.bars["contract"].unique().tolist() == [
        f"TA{year % 100}01" for year in range(2014, 2026)
    ]
    write_snapshot(
        tmp_path,
        "ten",
        bars=read.bars,
        mapping=read.mapping,
        specs=read.specs,
        findings=read.findings,
        data_scope={"source": "test"},
    )
    leg = open_snapshot(tmp_path / "ten").leg("TA")
    assert leg["close"].notna().all()
    assert leg.index.tolist() == pd.to_datetime(table["date"]).drop_duplicates().tolist()[1:]


def test_a_mapping_names_contracts_as_the_bars_do():
    """Whatever the spelling: so both stay together in a snapshot."""
    bars, _ = two_series()
    bars = bars.assign(contract=bars["contract"].map({"TA2005": "ta005", "TA2009": "TA009"}))
    mapping = dominant_by_open_interest(bars)
    assert set(mapping["contract"]) <= set(bars["contract"])
    assert set(leg_table(bars, mapping)["contract"]) == {"TA2005"}


STRAYS = st.lists(
    st.sampled_from(["TA005", " ta2005", "TA009", "TA101", "", None]), min_size=8, max_size=40
)


@given(STRAYS)
@settings(max_examples=40, deadline=None)
def test_frames_and_import_agree(names):
    """The same series as a table and as bars with a mapping: the same contracts on the same days, every close, one finding."""
    names = ["TA005", *names]
    bars, _ = series(names)
    days = pd.DatetimeIndex(bars["trade_date"])
    framed = pair_from_frames(
        bars.set_index(days)[[*names_of(BAR_COLUMNS), "contract"]],
        leg_frame([50.0] * 99).set_axis(pd.bdate_range(days[0], periods=99)),
        y_spec=bundled_spec("TA"),
        x_spec=spec("X"),
    )
    mapping = bars[["root", "trade_date", "contract"]].assign(
        contract=one_names(bars["contract"], bars["trade_date"], "TA")
    )
    filled = bars.assign(contract=mapping["contract"].ffill())
    table = leg_table(filled, mapping)
    assert framed.y.close.tolist() == table["close"].tolist() == bars["close"].tolist()
    assert framed.y.table(framed.trade_date)["contract"].tolist() == table["contract"].tolist()
    ours, theirs = (
        next((one for one in found if one.kind == "returning_contract"), None)
        for found in (framed.findings, examine_leg(filled, mapping))
    )
    assert ours == theirs


def test_a_column_of_names_that_are_all_missing_is_a_series_without_names():
    """One contract, and the finding that says so, as in a file."""
    pair = pair_from_frames(
        leg_frame([100.0] * 6, contract=["", None, "nan", " ", "--", ""]),
        leg_frame([50.0] * 6),
        y_spec=spec("RB"),
        x_spec=spec("X"),
    )
    assert pair.y.contracts == ("RB",)
    assert {one.root for one in pair.findings if one.kind == "unadjusted_splice"} == {"RB", "X"}


@pytest.mark.parametrize(
    "names",
    [
        pd.Categorical(["RB2405"] * 3 + ["RB2410"] * 3),
        [2405] * 3 + [2410] * 3,
        [2405.0, math.nan, 2405.0] + [2410.0] * 3,
        ["405"] * 3 + ["410"] * 3,
        ["SHFE.rb2405", "RB202405", "rb2405"] + ["rb2410.SHFE"] * 3,
    ],
    ids=str,
)
def test_names_are_taken_in_every_kind_of_column(names):
    """Categories, whole numbers, with a missing one among them, text: one roll, where it is."""
    pair = pair_from_frames(
        leg_frame([100.0] * 6, contract=names),
        leg_frame([50.0] * 6),
        y_spec=spec("RB"),
        x_spec=spec("X"),
    )
    assert pair.y.contract.tolist() == [0, 0, 0, 1, 1, 1]
    assert pair.y.contract_names == ("RB2405", "RB2410")


@pytest.mark.parametrize(
    "names",
    [[["RB2405"]] * 6, [("RB", 2405)] * 6, [True] * 6, [DAY] * 6],
    ids=["list", "tuple", "bool", "dates"],
)
def test_a_column_that_holds_no_names_is_refused(names):
    """By leg and column."""
    with pytest.raises(DataError, match=r"leg y \(RB\), column contract: "):
        pair_from_frames(
            leg_frame([100.0] * 6, contract=names),
            leg_frame([50.0] * 6),
            y_spec=spec("RB"),
            x_spec=spec("X"),
        )


def test_frames_and_names_of_other_spellings_agree():
    """Capitals and blanks make no roll; a blank name is a missing one."""
    y = leg_frame([100.0] * 5, contract=["rb2405", "RB2405 ", "", "rb2410", None])
    pair = pair_from_frames(y, leg_frame([50.0] * 5), y_spec=spec("RB"), x_spec=spec("X"))
    assert pair.y.contract.tolist() == [0, 0, 0, 1, 1]
