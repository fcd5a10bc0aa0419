"""Contract names: every spelling of a delivery month, and the year that the bars' dates allow."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairkit.data.files import read_bars
from pairkit.market.contracts import bundled_spec
from pairkit.market.deliveries import delivery_month, normal_name, read_name, told_apart
from pairkit.market.rolls import leg_table, lost_bars
from pairkit.pair import pair_from_frames
from tests.pairs import leg_frame, spec

DAY = pd.Timestamp("2024-01-15")


def month(year: int, of_year: int) -> int:
    return year * 12 + of_year - 1


@pytest.mark.parametrize(("name", "root", "expected"), [
    ("RB2405", "RB", (2024, 5)), ("rb2405", "RB", (2024, 5)), (" RB2405 ", "RB", (2024, 5)), ("RB202405", "RB", (2024, 5)),
    ("TA405", "TA", (2024, 5)), ("TA501", "TA", (2025, 1)), ("TA1901.ZCE", "TA", (2019, 1)), ("CZCE.TA1901", "TA", (2019, 1)),
    ("SHFE.rb2405", "RB", (2024, 5)), ("rb2405.SHFE", "RB", (2024, 5)), ("TA201901", "TA", (2019, 1)),
    ("TA9911", "TA", (1999, 11)),
    ("KR32406", "KR3", (2024, 6)), ("SP500H24", "SP500", (2024, 3)), ("US10M4", "US10", (2024, 6)), ("CLK24", "CL", (2024, 5)),
    ("CLK4", "CL", (2024, 5)), ("CLZ2019", "CL", (2019, 12)), ("CLZ2012", "CL", (2012, 12)), ("CL-2024K", "CL", (2024, 5)),
    ("CL-K24", "CL", (2024, 5)), ("FESX2406", "FESX", (2024, 6)), ("SF405", "SF", (2024, 5)), ("AU2406", "AU", (2024, 6))])
def test_every_spelling_names_its_month(name, root, expected):
    """Seen in January 2024: digits or a letter, short year or long, exchange before or behind, capitals or not."""
    assert delivery_month(name, DAY, root) == month(*expected)


@pytest.mark.parametrize(("name", "root"), [
    ("RB2405", "RB"), ("TA505", "TA"), ("KR32406", "KR3"), ("CLK24", "CL"), ("CL-2024K", "CL"), ("FESX2406", "FESX"),
    ("T2403", "T"),
    ("SF2405", "SF"), ("AU1906", "AU"), ("ESH25", "ES")])
def test_the_root_is_read_from_the_name_where_it_has_one_reading(name, root):
    """Digits are preferred to a month letter wherever they can be a month."""
    assert read_name(name).root == root


@pytest.mark.parametrize("name", ["RB", "RBMAIN", "RB2413", "RB1", "2405", "", "RB24", "rb主力", "C01"])
def test_what_names_no_month_is_said_to_name_none(name):
    """No month 13, no name without a root, no name without a year."""
    assert read_name(name) is None


@pytest.mark.parametrize(("name", "day", "expected"), [
    ("TA505", "2014-06-03", (2015, 5)), ("TA505", "2024-06-03", (2025, 5)), ("TA505", "2015-05-14", (2015, 5)),
    ("TA505", "2015-06-01", (2015, 5)), ("CLK4", "2013-09-02", (2014, 5)), ("CLK4", "2023-09-01", (2024, 5)),
    ("GC7912", "1978-06-01", (1979, 12)), ("GC7912", "1979-12-03", (1979, 12)), ("GC0002", "1999-06-01", (2000, 2)),
    ("RB2405", "2024-08-01", (2024, 5))])
def test_a_short_year_is_the_one_that_the_day_allows(name, day, expected):
    """Decade and century come from the bar's date; a late bar is no bar of another decade."""
    assert delivery_month(name, pd.Timestamp(day)) == month(*expected)


def test_names_are_compared_trimmed_and_in_capitals():
    """Blank and missing are one; a spelling is kept as it first came."""
    assert [normal_name(name) for name in (" rb2405 ", "", "  ", None, math.nan)] == ["RB2405", None, None, None, None]
    found = told_apart(pd.Series(["rb2405", "RB2405 ", None, " "]), pd.Series([DAY] * 4))
    assert list(found) == ["rb2405", "rb2405", None, None]


def test_one_short_name_of_two_decades_is_two_contracts():
    """TA505 of 2015 and of 2025 part; TA509 of one decade keeps its name."""
    days = pd.Series(pd.to_datetime(["2014-10-01", "2024-10-01", "2014-10-01"]))
    assert list(told_apart(pd.Series(["TA505", "TA505", "TA509"]), days)) == ["TA1505", "TA2505", "TA509"]


# --- series with one bar a day ---------------------------------------------------------------------------------------
def series(names: list[str | None], root: str = "TA") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bars and mapping of a series that names the contract of each day."""
    days = pd.bdate_range("2020-01-06", periods=len(names)).as_unit("ns")
    close = 5000.0 + np.arange(len(names))
    bars = pd.DataFrame({"root": root, "contract": names, "trade_date": days, "open": close, "high": close + 1, "low": close - 1,
                         "close": close, "settle": close, "volume": 100.0, "open_interest": 100.0, "up_limit": math.nan,
                         "down_limit": math.nan})
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


def test_with_other_contracts_bars_a_left_contract_is_not_taken_again():
    """Two bars a day: the provider's slip back to the old contract is not followed."""
    near, _ = series(["TA2005"] * 6)
    far, _ = series(["TA2009"] * 6)
    names = ["TA2005", "TA2005", "TA2009", "TA2005", "TA2009", "TA2009"]
    mapping = near[["root", "trade_date", "contract"]].assign(contract=names)
    assert leg_table(pd.concat([near, far]), mapping)["contract"].tolist() == ["TA2005"] * 2 + ["TA2009"] * 4


def test_a_day_without_a_bar_of_the_held_contract_is_counted():
    """The held contract lacks two days on which the other has bars."""
    near, mapping = series(["TA2005"] * 6)
    far, _ = series(["TA2009"] * 6)
    found = lost_bars(pd.concat([near.drop(index=[2, 4]), far]), mapping)
    assert found.missing.tolist() == [near["trade_date"][2], near["trade_date"][4]]


# --- files and frames ------------------------------------------------------------------------------------------------
def written(folder, names, days) -> pd.DataFrame:
    close = 5000.0 + 2.0 * np.arange(len(names))
    table = pd.DataFrame({"date": [f"{day:%Y-%m-%d}" for day in days], "contract": names, "open": close, "high": close + 1,
                          "low": close - 1, "close": close, "volume": 100, "open_interest": 100})
    table.to_csv(folder / "TA.csv", index=False)
    return table


def test_ten_years_of_three_digit_names_lose_no_bar(tmp_path):
    """CZCE writes TA505 for May 2015 and for May 2025: a main series over both keeps every close, as frames do."""
    days = pd.bdate_range("2014-06-02", "2025-06-30")
    names = [f"TA{day.year % 10 + (day.month >= 5):d}05" if day.year % 10 < 9 or day.month < 5 else "TA005" for day in days]
    table = written(tmp_path, names, days)
    read = read_bars(tmp_path / "TA.csv")
    assert {finding.kind for finding in read.findings if finding.severity != "info"} == set()
    imported = leg_table(read.bars, read.mapping)
    assert imported["close"].tolist() == table["close"].tolist()
    frame = table.set_index(pd.DatetimeIndex(days)).drop(columns="date").assign(settle=table["close"].to_numpy())
    framed = pair_from_frames(frame, frame, y_spec=bundled_spec("TA"), x_spec=spec("X"))
    assert framed.y.table(framed.trade_date)["contract"].tolist() == imported["contract"].tolist()
    assert np.flatnonzero(np.diff(framed.y.contract)).size == 11  # one roll a May, also from 2015's name to itself in 2025


def test_contracts_of_the_last_century_are_in_order(tmp_path):
    """Gold of 1979 is delivered in 1979: its contracts follow each other by open interest, and no bar is held past its end."""
    parts = []
    for year, of_year in ((78, 12), (79, 6), (79, 12)):
        days = pd.bdate_range(f"19{year - 1}-{of_year:02d}-01", f"19{year}-{of_year:02d}-15")
        open_interest = np.minimum(np.linspace(10, 1000, len(days)), np.linspace(6000, 0, len(days))).round()
        parts.append(pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "root": "GC", "contract": f"GC{year}{of_year:02d}",
                                   "open": 200.0, "high": 201.0, "low": 199.0, "close": 200.0, "volume": 50,
                                   "open_interest": open_interest}))
    pd.concat(parts).to_csv(tmp_path / "GC.csv", index=False)
    read = read_bars(tmp_path / "GC.csv", specs=[spec("GC")])
    held = leg_table(read.bars, read.mapping)
    assert held["contract"].drop_duplicates().tolist() == ["GC7812", "GC7906", "GC7912"]
    assert held["close"].notna().all()


def test_frames_and_names_of_other_spellings_agree():
    """Capitals and blanks make no roll; a blank name is a missing one."""
    y = leg_frame([100.0] * 5, contract=["rb2405", "RB2405 ", "", "rb2410", None])
    pair = pair_from_frames(y, leg_frame([50.0] * 5), y_spec=spec("RB"), x_spec=spec("X"))
    assert pair.y.contract.tolist() == [0, 0, 0, 1, 1]
