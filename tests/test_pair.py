"""`pair_from_frames`: what it aligns, what it carries, what it derives, what it refuses."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pairkit.columns import BAR_COLUMNS, LEG_COLUMNS, names
from pairkit.errors import DataError, RunError
from pairkit.findings import Finding
from pairkit.pair import Provenance, crossed, pair_from_frames
from pairkit.run import run_backtest
from tests.pairs import build_pair, draw_pair, leg_frame, pair_of, spec

NAN = float("nan")


def on(days: list[str], close: list[float], **columns) -> pd.DataFrame:
    """A leg's table on given days."""
    return leg_frame(close, **columns).set_axis(pd.DatetimeIndex(days), axis=0)


def isoformat(index: pd.DatetimeIndex) -> list[str]:
    return [f"{day:%Y-%m-%d}" for day in index]


def test_1_1_rows_are_the_union_between_later_first_and_earlier_last():
    """Dates of either leg, from the later first to the earlier last; a lacking date is NaN and nothing is filled."""
    y = on(["2024-01-02", "2024-01-03", "2024-01-05", "2024-01-08"], [1, 2, 3, 4])
    x = on(["2024-01-03", "2024-01-04", "2024-01-08", "2024-01-09"], [5, 6, 7, 8])
    pair = pair_of(y, x)
    assert isoformat(pair.trade_date) == ["2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]
    np.testing.assert_array_equal(pair.y.close, [2, NAN, 3, 4])
    np.testing.assert_array_equal(pair.x.close, [5, 6, NAN, 7])
    for name in names(BAR_COLUMNS):
        assert np.isnan(getattr(pair.y, name)[1])
        assert np.isnan(getattr(pair.x, name)[2])


def test_1_2_pre_close_is_the_last_finite_close_of_the_same_contract():
    """Over a day without a close the one before counts; unknown on the first row and on the day the contract changes."""
    y = leg_frame([10, NAN, 12, 13, 14], contract=["A", "A", "A", "B", "B"])
    pair = pair_of(y, leg_frame([1, 2, 3, 4, 5]))
    np.testing.assert_array_equal(pair.y.pre_close, [NAN, 10, 10, NAN, 13])


def test_1_2_a_given_pre_close_is_kept():
    """What the source knows is not derived again."""
    y = leg_frame([10, 11, 12], pre_close=[9, 10.5, NAN])
    np.testing.assert_array_equal(pair_of(y, leg_frame([1, 2, 3])).y.pre_close, [9, 10.5, NAN])


def test_1_2_pre_close_looks_before_the_first_common_row():
    """A leg's own earlier bars count: they were known."""
    pair = pair_of(leg_frame([10, 11, 12, 13]), leg_frame([1, 2, 3, 4]).iloc[2:])
    np.testing.assert_array_equal(pair.y.pre_close, [11, 12])


def test_1_3_contract_names_are_carried_over_all_rows():
    """Over unnamed rows, rows without a close and dates the leg lacks; before the first known name there is none."""
    y = leg_frame([1, 2, NAN, 4, 5, 6], contract=[None, "A", "B", None, np.nan, "C"]).drop(
        pd.Timestamp("2021-01-08")
    )
    pair = pair_of(y, leg_frame([1, 2, 3, 4, 5, 6]))
    assert [None if pd.isna(name) else name for name in pair.frame["y"]["contract"]] == [
        None,
        "A",
        "B",
        "B",
        "B",
        "C",
    ]


def test_a_leg_without_names_is_one_contract_and_says_so():
    """One finding for each such leg, none for a leg with names, none twice."""
    given = Provenance(
        "id",
        "snap",
        simulated=True,
        findings=(Finding("unadjusted_splice", "warning", "known", root="X"),),
    )
    y, x = leg_frame([1, 2]), leg_frame([1, 2])
    assert [(f.kind, f.root) for f in pair_of(y, x).findings] == [
        ("unadjusted_splice", "Y"),
        ("unadjusted_splice", "X"),
    ]
    pair = pair_from_frames(
        y.assign(contract="Y2405"), x, y_spec=spec("Y"), x_spec=spec("X"), provenance=given
    )
    assert [f.message for f in pair.findings] == ["known"]
    assert (pair.provenance.snapshot_id, pair.provenance.simulated) == ("id", True)
    assert pair.y.contract_names == ("Y2405",)


def test_optional_columns_are_nan_where_not_given():
    """Limits and roll prices are unknown, not zero."""
    frame = pair_of(leg_frame([1, 2]), leg_frame([1, 2])).frame
    assert frame["y"][["roll_open", "up_limit", "down_limit"]].isna().all(axis=None)
    assert list(frame["y"].columns) == list(frame["x"].columns) == names(LEG_COLUMNS)


def test_the_given_tables_stay_as_they_were_and_the_legs_are_read_only():
    """Nothing that was handed in changes, and nothing handed out can be changed."""
    y, x = leg_frame([1, 2, 3]), leg_frame([4, 5, 6])
    before = y.copy(deep=True)
    pair = pair_of(y, x)
    y.loc[:, "close"] = 99.0
    np.testing.assert_array_equal(pair.y.close, before["close"])
    with pytest.raises(ValueError, match="read-only"):
        pair.y.close[0] = 0.0


def test_dates_may_be_written_as_iso_text():
    """An index of text days is read as days."""
    text = leg_frame([1, 2]).set_axis(["2021-01-04", "2021-01-05"], axis=0)
    assert isoformat(pair_of(text, leg_frame([1, 2])).trade_date) == ["2021-01-04", "2021-01-05"]


def test_a_slice_is_what_was_known_then():
    """`pair[:n]` is the first n rows of the table, and of every leg's arrays."""
    pair = build_pair(3, 120)
    part = pair[:50]
    pd.testing.assert_frame_equal(part.frame, pair.frame.iloc[:50])
    assert len(part) == 50
    assert (part.y_spec, part.provenance) == (pair.y_spec, pair.provenance)
    pd.testing.assert_frame_equal(pair[20:50].frame, pair.frame.iloc[20:50])
    for wrong in (3, slice(None, None, 2)):
        with pytest.raises(TypeError, match="consecutive rows"):
            pair[wrong]


def test_a_pair_says_what_it_is():
    """Codes, bars and span."""
    pair = pair_of(leg_frame([1, 2, 3]), leg_frame([1, 2, 3]))
    assert repr(pair) == "<PairFrame Y-X: 3 bars, 2021-01-04 .. 2021-01-06>"
    assert repr(pair[:0]) == "<PairFrame Y-X: 0 bars, no rows>"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda leg: leg.drop(columns=["volume", "settle"]),
            r"leg y \(Y\) lacks column settle, volume",
        ),
        (lambda leg: leg.assign(close=["1", "two", "3"]), "column close.*numbers"),
        (lambda leg: leg.reset_index(drop=True), "indexed by numbers"),
        (lambda leg: leg.set_axis(["one", "two", "three"], axis=0), "not indexed by trade date"),
        (
            lambda leg: leg.set_axis(["01/02/2021", "02/02/2021", "03/02/2021"], axis=0),
            "such as '01/02/2021'.*ISO dates",
        ),
        (lambda leg: leg.iloc[:0], "has no rows"),
        (
            lambda leg: leg.set_axis(pd.DatetimeIndex(["2021-01-04", None, "2021-01-06"]), axis=0),
            "without a date",
        ),
        (
            lambda leg: leg.set_axis(leg.index + pd.Timedelta(hours=15), axis=0),
            "with a time or time zone",
        ),
        (
            lambda leg: leg.set_axis(leg.index.tz_localize("Asia/Shanghai"), axis=0),
            "with a time or time zone",
        ),
        (lambda leg: leg.iloc[[0, 1, 1]], "2021-01-05 more than once"),
        (lambda leg: leg.iloc[[0, 2, 1]], r"not in order of date at 2021-01-05 \(row 2\)"),
    ],
)
def test_a_leg_that_cannot_be_understood_is_refused(spoil, said):
    """The message names the leg and the fault; the same for either leg."""
    good = leg_frame([1, 2, 3])
    with pytest.raises(DataError, match=said):
        pair_of(spoil(good), good)
    with pytest.raises(DataError, match=said.replace("leg y", "leg x").replace("(Y", "(X")):
        pair_of(good, spoil(good))


def test_legs_without_a_common_day_are_refused():
    """The message shows both spans."""
    early, late = on(["2020-01-02", "2020-01-03"], [1, 2]), on(["2021-01-04", "2021-01-05"], [1, 2])
    with pytest.raises(
        DataError, match=r"no days in common: y runs 2020-01-02 \.\. 2020-01-03; x runs 2021-01-04"
    ):
        pair_of(early, late)


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        (("2100-01-01", None), "has no bar from 2100-01-01; it runs"),
        ((None, "1900-01-01"), "has no bar to 1900-01-01; it runs"),
        (("2100-01-01", "2100-02-01"), "has no bar from 2100-01-01 to 2100-02-01; it runs"),
    ],
)
def test_a_stretch_without_bars_is_refused_by_the_ends_that_were_given(ends, says):
    """An open end is not named, for it is no date."""
    with pytest.raises(DataError, match=says):
        build_pair(1, 200).between(*ends)


# --- what is no table of daily bars in one currency ------------------------------------------------------------------
def given(**columns):
    """A leg of thirty days; columns changed or added."""
    return leg_frame(100.0 + np.arange(30.0), **columns)


@pytest.mark.parametrize(
    "table",
    [{"open": [1.0]}, [1.0, 2.0], np.ones((5, 7)), pd.Series([1.0]), None, "RB.csv"],
    ids=lambda table: type(table).__name__,
)
def test_what_is_no_table_is_refused_by_its_name(table):
    """The leg, what was given, and what is taken."""
    with pytest.raises(
        DataError, match=rf"leg x \(X\) is a {type(table).__name__}; give a DataFrame"
    ):
        pair_from_frames(given(), table, y_spec=spec("Y"), x_spec=spec("X"))


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("close", [True] * 30, "close holds yes and no"),
        ("open", [1 + 2j] * 30, "open holds complex numbers"),
        ("settle", pd.date_range("2024-01-01", periods=30), "settle holds dates"),
        ("high", [np.inf] + [100.0] * 29, "high is infinite on 1 rows"),
        ("volume", ["many"] * 30, "volume holds 'many', a str"),
        ("close", ["100.5"] * 30, "close holds '100.5', a str"),
        ("close", pd.Categorical(["1_000"] * 30), "close holds '1_000'"),
        ("open", np.array([1.0, True] * 15, dtype=object), "open holds True, a bool"),
        ("open", [b"1"] * 30, "open holds b'1', a bytes"),
        ("low", np.array([1 + 2j] * 30, dtype=object), "low holds .1.2j., a complex"),
        ("close", [[1.0]] * 30, "close holds .1.0., a list"),
        ("settle", [date(2024, 1, 1)] * 30, "settle holds datetime.date"),
        ("close", np.array([10**400] * 30, dtype=object), "close: int"),
    ],
)
def test_a_column_that_holds_no_prices_is_refused_by_its_name(column, values, says):
    """Each is named, with its leg."""
    with pytest.raises(DataError, match=rf"leg y \(Y\), column {says}"):
        pair_from_frames(
            given().assign(**{column: values}), given(), y_spec=spec("Y"), x_spec=spec("X")
        )


def test_a_column_given_twice_is_refused():
    """Nobody knows which of the two is meant."""
    table = given()
    twice = pd.concat([table, table[["close"]]], axis=1)
    arrow = pa.Table.from_pandas(table.rename_axis("trade_date").reset_index())
    for given_twice in (twice, arrow.append_column("close", arrow["close"])):
        with pytest.raises(DataError, match=r"leg y \(Y\) has column close more than once"):
            pair_from_frames(given_twice, given(), y_spec=spec("Y"), x_spec=spec("X"))


@pytest.mark.parametrize("year", [1, 1849, 2151, 9999])
def test_a_bar_of_no_year_in_which_futures_trade_is_refused(year):
    """By its leg and year."""
    days = pd.DatetimeIndex(
        np.datetime64(f"{year:04d}-03-01", "s") + np.arange(30).astype("timedelta64[D]")
    )
    with pytest.raises(
        DataError,
        match=rf"leg y \(Y\) has a bar of the year {year}; accepted are the years 1850 to 2150",
    ):
        pair_from_frames(given().set_axis(days), given(), y_spec=spec("Y"), x_spec=spec("X"))


def test_an_arrow_table_is_taken_as_a_frame_is():
    """With its dates in a column; the same pair to the bit."""
    table = given(contract=["A"] * 20 + ["B"] * 10)
    arrow = pa.Table.from_pandas(table.rename_axis("trade_date").reset_index())
    ours, theirs = (
        pair_from_frames(one, given(), y_spec=spec("Y"), x_spec=spec("X")) for one in (arrow, table)
    )
    assert ours.frame.equals(theirs.frame)
    with pytest.raises(DataError, match="has no column trade_date"):
        pair_from_frames(arrow.drop(["trade_date"]), given(), y_spec=spec("Y"), x_spec=spec("X"))


@pytest.mark.parametrize(
    ("every", "word"), [("7D", "weekly"), ("MS", "monthly"), ("QS", "quarterly"), ("YS", "yearly")]
)
def test_7_7_bars_that_are_not_daily_are_refused(every, word):
    """With the word for what they are; a leg over long holidays is daily."""
    table = given().set_axis(pd.date_range("2010-01-01", periods=30, freq=every))
    with pytest.raises(DataError, match=f"has {word} "):
        pair_from_frames(table, table, y_spec=spec("Y"), x_spec=spec("X"))
    holidays = given().iloc[[0, 1, 2, 12, 13, 14, 15, 25, 26]]
    assert len(pair_from_frames(holidays, holidays, y_spec=spec("Y"), x_spec=spec("X"))) == 9


@pytest.mark.parametrize("clock", [True, False])
def test_7_7_bars_of_minutes_are_called_intraday(clock):
    """Several rows on most dates, with times in the index or without; one date that comes twice is only that."""
    minutes = pd.DatetimeIndex(
        [
            day + pd.Timedelta(minutes=minute)
            for day in pd.bdate_range("2021-01-04", periods=10)
            for minute in (541, 542, 543)
        ]
    )
    table = given().set_axis(minutes if clock else minutes.normalize())
    with pytest.raises(DataError, match=r"has intraday \(3 rows a day in the median\) bars"):
        pair_from_frames(table, given(), y_spec=spec("Y"), x_spec=spec("X"))
    twice = given().iloc[[*range(30), 29]]
    with pytest.raises(DataError, match="more than once; keep one bar a day"):
        pair_from_frames(twice, given(), y_spec=spec("Y"), x_spec=spec("X"))


def test_7_7_legs_in_two_currencies_are_refused():
    """Dollars and yuan have no sum."""
    with pytest.raises(DataError, match="Y is in CNY and X in USD"):
        pair_from_frames(given(), given(), y_spec=spec("Y"), x_spec=spec("X", currency="USD"))


# --- a user's dates --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "given_day",
    [
        "2021-01-20",
        "2021/1/20",
        "20210120",
        date(2021, 1, 20),
        pd.Timestamp("2021-01-20"),
        np.datetime64("2021-01-20"),
        pd.Timestamp("2021-01-20").to_pydatetime(),
    ],
)
def test_a_day_is_taken_in_any_form_that_has_one_reading(given_day):
    """Text from the largest unit to the smallest, and the dates of Python, numpy and pandas; in between, and in explain."""
    pair = pair_from_frames(given(), given(), y_spec=spec("Y"), x_spec=spec("X"))
    assert pair.between(given_day, given_day).trade_date.tolist() == [pd.Timestamp("2021-01-20")]
    assert run_backtest(pair).explain(given_day).date == pd.Timestamp("2021-01-20")


@pytest.mark.parametrize(
    ("given_day", "says"),
    [
        ("03/04/2020", "could be day first or month first"),
        ("4.3.2021", "could be day first"),
        ("soon", "is not a date"),
        ("2021-02-30", "not a day of the calendar"),
        ("0001-01-01", "not in the years 1850 to 2150"),
        ("9999-12-31", "not in the years 1850 to 2150"),
        (np.datetime64("99999-01-01"), "not in the years 1850 to 2150"),
        (20210120, "is a int, not a date"),
        (1.5, "is a float"),
        (pd.NaT, "not a date"),
        (pd.Timestamp("2021-01-20", tz="Asia/Shanghai"), "time zone"),
        (pd.Timestamp("2021-01-20 09:30"), "time of day"),
    ],
)
def test_a_day_with_two_readings_or_none_is_refused(given_day, says):
    """In a sentence of its kind: DataError from the pair, RunError from the run."""
    pair = pair_from_frames(given(), given(), y_spec=spec("Y"), x_spec=spec("X"))
    with pytest.raises(DataError, match=says):
        pair.between(given_day)
    with pytest.raises(RunError, match=says):
        run_backtest(pair).explain(given_day)
    with pytest.raises(RunError, match="is a NoneType, not a date"):
        run_backtest(pair).explain(None)


@pytest.mark.parametrize("seed", range(6))
def test_legs_checked_before_are_joined_as_their_tables_are(seed):
    """Two legs with rolls and holes, each with days of its own: `crossed` makes what `pair_from_frames` makes of the tables."""
    rng, drawn = np.random.default_rng(seed), draw_pair(seed, 120)
    tables = {
        leg: drawn.frame[leg][rng.random(len(drawn)) > 0.2].iloc[cut]
        for leg, cut in (("y", slice(5, None)), ("x", slice(None, -7)))
    }
    specs = {"y": drawn.y_spec, "x": drawn.x_spec}
    whole = pair_from_frames(tables["y"], tables["x"], y_spec=drawn.y_spec, x_spec=drawn.x_spec)
    singles = {
        leg: pair_from_frames(table, table, y_spec=specs[leg], x_spec=specs[leg])
        for leg, table in tables.items()
    }
    pd.testing.assert_frame_equal(
        crossed(singles["y"], singles["x"]).frame, whole.frame, check_exact=True
    )
    with pytest.raises(DataError, match="no days in common"):
        crossed(singles["y"][:3], singles["y"][-3:])
