"""Files of daily bars come in by any usual spelling, whole or not at all, and what was done to them is told."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from pairkit.audit.snapshots.from_files import import_files
from pairkit.data.files import read as reader
from pairkit.data.files import table
from pairkit.data.files.aliases import (
    CellError,
    meaning_of_heading,
    read_code,
    read_date,
    read_number,
)
from pairkit.data.files.read import read_bars
from pairkit.data.terms.specs_file import OwnSpec
from pairkit.errors import DataError, SnapshotError
from pairkit.market.contracts import bundled_spec, bundled_specs
from pairkit.market.spec_history import bundled_dated
from tests.small_market import small_market

REAL_DATA = os.environ.get("PAIRKIT_REAL_DATA", "")
PLAIN = """date,open,high,low,close,settle,volume,open_interest
2024-01-02,3990,4010.5,3985,4000,3999,1200,5000
2024-01-03,4001,4020,3990,4015,4010,1300,5100
2024-01-04,4015,4030,4005,,4012,1100,5050
"""


@pytest.fixture
def write(tmp_path):
    """Write text or bytes to a file and return its path."""

    def write_file(content, name="RB.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write_file


@pytest.fixture
def plain(write):
    """The bars that every other spelling must give."""
    return read_bars(write(PLAIN, "RB.csv")).bars


def kinds(imported):
    """The kinds of the findings, sorted."""
    return sorted(finding.kind for finding in imported.findings)


def parquet(frame, **options):
    """A DataFrame as Parquet bytes."""
    sink = io.BytesIO()
    frame.to_parquet(sink, **options)
    return sink.getvalue()


def test_a_plain_file_is_read_as_it_stands(plain):
    """Each cell is where it was; what is empty is NaN; what the file lacks is NaN."""
    assert list(plain["root"]) == ["RB"] * 3
    assert plain["contract"].isna().all()
    assert list(plain["trade_date"]) == list(
        pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04"])
    )
    assert list(plain["high"]) == [4010.5, 4020.0, 4030.0]
    np.testing.assert_array_equal(plain["close"], [4000.0, 4015.0, np.nan])
    assert plain["up_limit"].isna().all()


# --- spellings -------------------------------------------------------------------------------------------------------
HEADINGS = PLAIN.splitlines()[0]
CHINESE = PLAIN.replace(HEADINGS, "日期,开盘价,最高价,最低价,收盘价,结算价,成交量,持仓量")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (CHINESE, "utf-8"),
        (CHINESE, "utf-8-sig"),
        (CHINESE, "gb18030"),
        (CHINESE.replace("日期", "交易日期").replace("成交量", "成交量(手)"), "gb18030"),
        (PLAIN.replace(HEADINGS, "Trade_Date, OPEN ,High,LOW,Close,Settlement,Vol,OI"), "utf-8"),
        (PLAIN.replace(",", ";"), "utf-8"),
        (PLAIN.replace(",", "\t"), "utf-8"),
        (PLAIN.replace("\n", "\r\n"), "utf-8"),
        (PLAIN.replace("2024-01-0", "2024/1/"), "utf-8"),
        (PLAIN.replace("2024-01-0", "2024010"), "utf-8"),
        (
            PLAIN.replace("2024-01-02", "2024年1月2日").replace("2024-01-03", "2024年01月03日"),
            "gb18030",
        ),
        (
            PLAIN.replace("2024-01-02", "2024-01-02 00:00:00").replace(
                "2024-01-03", "2024-01-03T00:00"
            ),
            "utf-8",
        ),
        (PLAIN.replace("4005,,", "4005,--,"), "utf-8"),
        (PLAIN.replace("4005,,", "4005,null,"), "utf-8"),
        (PLAIN.replace("4005,,", "4005,NaN,"), "utf-8"),
        (PLAIN.replace("4005,,", "4005,-,"), "utf-8"),
        (PLAIN.replace("3990,4010.5", "3.99e3,4010.50"), "utf-8"),
        (PLAIN.replace("date", ""), "utf-8"),
        (PLAIN + "\n\n", "utf-8"),
    ],
    ids=range(19),
)
def test_every_usual_spelling_gives_the_same_bars(write, plain, content, encoding):
    """Headings, separators, encodings, dates, missing cells: the same table."""
    assert_frame_equal(read_bars(write(content, "RB.csv", encoding)).bars, plain)


def typed():
    """The plain bars with proper types."""
    return pd.read_csv(io.StringIO(PLAIN), parse_dates=["date"])


@pytest.mark.parametrize(
    "content",
    [
        parquet(typed(), index=False),
        parquet(typed().set_index("date")),
        parquet(typed().set_index("date").rename_axis(None)),
        parquet(typed().assign(date=lambda bars: bars["date"].dt.strftime("%Y%m%d").astype(int))),
        parquet(typed().assign(date=lambda bars: bars["date"].dt.date)),
        parquet(typed().assign(date=lambda bars: bars["date"].astype(str).astype("category"))),
        parquet(typed().assign(close=["4000", "4,015", "--"])),
    ],
    ids=["column", "index", "nameless index", "int dates", "date objects", "category", "text"],
)
def test_parquet_gives_the_same_bars(write, plain, content):
    """Dates of any type, as a column or as the index."""
    assert_frame_equal(read_bars(write(content, "RB.parquet")).bars, plain)


@pytest.mark.parametrize(
    "name",
    [
        "RB.csv",
        "rb.csv",
        "rb_daily.csv",
        "SHFE.rb.csv",
        "RB0.csv",
        "RB888.csv",
        "rb-2014-2024.txt",
        "螺纹钢.csv",
        "RB.SHF.csv",
    ],
)
def test_the_root_is_the_files_name(write, plain, name):
    """A file is named after its root, in any case, with what vendors add."""
    assert_frame_equal(read_bars(write(PLAIN, name)).bars, plain)


@pytest.mark.parametrize(
    ("heading", "cell"),
    [
        ("symbol", "rb"),
        ("品种", "螺纹钢"),
        ("ts_code", "RB.SHF"),
        ("代码", "RB0"),
        ("root", "RB"),
        ("合约", "RB888"),
        ("Ticker", "SHFE.rb"),
    ],
)
def test_the_root_may_be_a_column(write, plain, heading, cell):
    """A column names the root, whatever the file is called."""
    lines = PLAIN.splitlines()
    content = "\n".join([f"{lines[0]},{heading}", *(f"{line},{cell}" for line in lines[1:])])
    assert_frame_equal(read_bars(write(content, "download (3).csv")).bars, plain)


@pytest.mark.parametrize(
    ("heading", "meaning"),
    [
        ("今收盘", "close"),
        ("今结算", "settle"),
        ("涨停价", "up_limit"),
        ("跌停价", "down_limit"),
        ("hold", "open_interest"),
        ("持仓", "open_interest"),
        ("Open Interest", "open_interest"),
        ("\ufeffdate", "trade_date"),
        ("交易日", "trade_date"),
        ("成交量(万手)", None),
        ("amount", None),
        ("pre_close", None),
        ("change1", None),
    ],
)
def test_a_heading_has_one_meaning_or_none(heading, meaning):
    """A heading in another unit, or of another figure, is not ours."""
    assert meaning_of_heading(heading) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "01/02/2024",
        "2/1/2024",
        "1-2-24",
        "2024-02-30",
        "20241301",
        "2024-01-02 09:30",
        "2024-01-02 09:30:00+08:00",
        "45293",
        "Jan 2",
        "",
        "--",
        "2024-01/02",
    ],
)
def test_a_date_with_two_readings_or_none_is_refused(text):
    """Day-first and month-first, times of day, serial numbers and days that do not exist have no reading."""
    with pytest.raises(CellError, match=r"accepted are 2020-01-02|calendar"):
        read_date(text)


@pytest.mark.parametrize(
    "text",
    [
        "inf",
        "-Infinity",
        "1e999",
        "3500,5",
        "1,23",
        "1_000",
        "12%",
        "abc",
        "3 50",
        "0 500",
        "35 00",
        "1 234 56",
        "1 234\u00a0567",
        "1.2K",
        "0x10",
        "1.2.3",
        "True",
    ],
)
def test_a_number_with_two_readings_or_none_is_refused(text):
    """Infinite values, decimal commas, percent and other notations have no reading."""
    with pytest.raises(CellError):
        read_number(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("rb2405", ("RB", "RB2405")),
        ("RB2405.SHF", ("RB", "RB2405")),
        ("TA405", ("TA", "TA405")),
        ("DCE.m2405", ("M", "M2405")),
        ("IF1505", ("IF", "IF1505")),
        ("m8888", ("M", None)),
        ("MY_LEG", ("MY_LEG", None)),
        ("mine", ("Mine", None)),
    ],
)
def test_a_code_is_a_root_or_a_contract(text, code):
    """Delivery months make a contract; continuous-series numbers and names of one's own do not."""
    assert read_code(text, {"mine": "Mine"}) == code


# --- several roots and contracts -------------------------------------------------------------------------------------
def test_a_folder_is_one_root_a_file(write, tmp_path):
    """Every table of a folder is read; other files are named in a finding."""
    for name in ("RB.csv", "hc.csv", "M.csv"):
        write(PLAIN, name)
    write("# notes", "README.md")
    imported = read_bars(tmp_path)
    assert [spec.code for spec in imported.specs] == ["HC", "M", "RB"]
    assert len(imported.bars) == 9
    assert [source.name for source in imported.sources] == ["M.csv", "RB.csv", "hc.csv"]
    ignored = next(finding for finding in imported.findings if finding.kind == "ignored_file")
    assert "README.md" in ignored.message


def test_one_long_table_gives_the_same_as_a_file_a_root(write):
    """Long or wide apart, the bars are the same."""
    apart = read_bars([write(PLAIN, "RB.csv"), write(PLAIN, "HC.csv")])
    lines = PLAIN.splitlines()
    content = "\n".join(
        [f"{lines[0]},symbol", *(f"{line},{root}" for line in lines[1:] for root in ("RB", "HC"))]
    )
    assert_frame_equal(read_bars(write(content, "all.csv")).bars, apart.bars)


@pytest.mark.parametrize("by", ["column", "months", "files"])
def test_contracts_are_kept_and_mapped_by_open_interest(write, tmp_path, by):
    """A table of contracts keeps them, whoever names them, and gets a mapping that was known a session before."""
    bars = small_market().bars.query("root == 'RB'")
    handed_over = (bars["contract"] == "RB2410") & (bars["trade_date"] >= "2024-01-20")
    bars = bars.assign(open_interest=np.where(handed_over, 9000.0, 5000.0))
    table = bars.drop(columns=["root", "up_limit", "down_limit"])
    if by == "files":
        paths = [
            write(of_one.drop(columns="contract").to_csv(index=False), f"{name}.csv")
            for name, of_one in table.groupby("contract")
        ]
    elif by == "months":
        paths = [
            write(table.assign(contract=table["contract"].str[2:]).to_csv(index=False), "RB.csv")
        ]
    else:
        paths = [write(table.to_csv(index=False), "bars.csv")]
    imported = read_bars(paths)
    assert_frame_equal(
        imported.bars, bars.astype({"root": "str", "contract": "str"}).reset_index(drop=True)
    )
    mapping = imported.mapping.set_index("trade_date")
    assert mapping["contract"].loc["2024-01-22"] == "RB2405"
    assert mapping["contract"].loc["2024-01-23"] == "RB2410"
    assert (mapping["known_date"] < mapping.index).all()
    assert "mapping_made" in kinds(imported)


def test_a_series_that_names_its_contract_each_day_keeps_those_names(write):
    """One bar a day, each with its contract: that is the mapping."""
    lines = PLAIN.splitlines()
    named = [
        f"{line},{name}"
        for line, name in zip(lines[1:], ["rb2405", "rb2405", "rb2410"], strict=True)
    ]
    content = "\n".join([f"{lines[0]},合约", *named])
    imported = read_bars(write(content, "main.csv"))
    assert list(imported.mapping["contract"]) == ["RB2405", "RB2405", "RB2410"]
    assert list(imported.mapping["known_date"].dt.day) == [1, 2, 3]


def test_a_file_of_one_contract_needs_no_open_interest(write):
    """There is nothing to choose from: the contract is held throughout."""
    imported = read_bars(
        write(typed().drop(columns="open_interest").to_csv(index=False), "RB2405.csv")
    )
    assert list(imported.mapping["contract"]) == ["RB2405"] * 3


def test_limits_are_read_where_there_are_some(write):
    """涨停价 and 跌停价 become limits."""
    lines = PLAIN.splitlines()
    content = "\n".join([f"{lines[0]},涨停价,跌停价", *(f"{line},4400,3600" for line in lines[1:])])
    bars = read_bars(write(content)).bars
    assert (bars["up_limit"] == 4400).all()
    assert (bars["down_limit"] == 3600).all()


# --- what is done is told --------------------------------------------------------------------------------------------
ROWS = PLAIN.splitlines()
SNIPPETS = [
    b",",
    b"\n",
    b'"',
    b"-",
    b"1e999",
    b"nan",
    b"\r",
    b"0000-00-00",
    b"9999",
    b"RB2405",
    b",,,,,,,\n",
    b"\xef\xbb\xbf",
    b"contract",
]


@pytest.mark.parametrize(
    ("content", "kind", "count", "dates"),
    [
        ("\n".join([*ROWS, ROWS[2]]), "duplicate_rows", 1, ("2024-01-03",)),
        ("\n".join([*ROWS, ROWS[3], ROWS[3]]), "duplicate_rows", 2, ("2024-01-04", "2024-01-04")),
        ("\n".join([ROWS[0], ROWS[2], ROWS[1], ROWS[3]]), "unsorted_rows", 1, ("2024-01-02",)),
        ("\n".join([ROWS[0], *ROWS[:0:-1]]), "unsorted_rows", 2, ("2024-01-02", "2024-01-03")),
        (PLAIN.replace("1200", '"1,200"'), "thousands_separators", 1, ()),
    ],
    ids=["duplicate", "two duplicates", "unsorted", "newest first", "thousands"],
)
def test_what_is_done_to_rows_is_told(write, plain, content, kind, count, dates):
    """The bars are those of the plain file, and a finding says what was done, how often and on which days."""
    imported = read_bars(write(content))
    assert_frame_equal(imported.bars, plain)
    finding = next(finding for finding in imported.findings if finding.kind == kind)
    assert (finding.count, finding.dates) == (count, dates)


def test_columns_that_are_not_used_are_told(write):
    """A column without a meaning for us is named, not dropped in silence."""
    content = "\n".join([f"{ROWS[0]},amount", *(f"{row},1" for row in ROWS[1:])])
    finding = next(
        finding
        for finding in read_bars(write(content)).findings
        if finding.kind == "ignored_columns"
    )
    assert "amount" in finding.message


@pytest.mark.parametrize("name", ["settle", "open_interest"])
def test_settle_and_open_interest_may_be_absent(write, name):
    """They are NaN then, and a finding says so."""
    imported = read_bars(write(typed().drop(columns=name).to_csv(index=False)))
    assert imported.bars[name].isna().all()
    assert f"no_{name}" in kinds(imported)


def test_what_is_found_in_a_file_of_one_root_is_of_that_root(write):
    """So that a pair of others does not tell it; of a file of several roots it is of none."""
    odd = typed().assign(amount=1, close=["4,000", "4,015", "4,001"])
    one = read_bars(write(odd.to_csv(index=False))).findings
    assert {
        finding.root
        for finding in one
        if finding.kind in ("ignored_columns", "thousands_separators")
    } == {"RB"}
    both = pd.concat([odd.assign(root="RB"), odd.assign(root="HC")])
    several = read_bars(write(both.to_csv(index=False))).findings
    assert [finding.root for finding in several if finding.kind == "ignored_columns"] == [""]


def test_minutes_and_weeks_are_refused_with_the_word_for_them(write):
    """Rows of one file that repeat their dates are intraday, and a file that is given twice with changes is a contradiction."""
    table = typed()
    minutes = pd.concat([table.assign(volume=table["volume"] + minute) for minute in range(5)])
    with pytest.raises(
        DataError,
        match=r"RB has intraday \(5 rows a day in the median\) bars; pairkit takes daily ones",
    ):
        read_bars(write(minutes.to_csv(index=False)))
    long = pd.concat(
        [table.assign(date=table["date"] + pd.Timedelta(days=10 * place)) for place in range(3)]
    )
    with pytest.raises(DataError, match="given twice and differs: volume"):
        read_bars(
            [
                write(long.to_csv(index=False)),
                write(long.assign(volume=7).to_csv(index=False), "rb_new.csv"),
            ]
        )
    with pytest.raises(DataError, match=r"carries a time of day .* as intraday bars do"):
        read_bars(
            write(
                table.assign(date=table["date"].dt.strftime("%Y-%m-%d 09:01")).to_csv(index=False)
            )
        )
    weeks = pd.concat([table] * 10).head(20)
    weeks = weeks.assign(
        date=pd.date_range("2024-01-05", periods=len(weeks), freq="7D").strftime("%Y-%m-%d")
    )
    with pytest.raises(DataError, match=r"RB has weekly .* bars"):
        read_bars(write(weeks.to_csv(index=False)))


# --- what is refused -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (PLAIN.replace("4010.5", "4o10"), r"row 2, column 'high': '4o10' is not a number"),
        (PLAIN.replace("4015,4010", "inf,4010"), r"row 3, column 'close': 'inf' is infinite"),
        (
            PLAIN.replace("2024-01-03", "03/01/2024"),
            r"row 3, column 'date': '03/01/2024' could be day first or month first",
        ),
        (
            PLAIN.replace("2024-01-03", "9999-01-03"),
            r"row 3, column 'date': '9999-01-03' is not in the years 1850 to 2150",
        ),
        (b"\xef\xbb\xbf", "no table"),
        (PLAIN.replace("2024-01-04", ""), r"row 4, column 'date': '' is a missing date"),
        (PLAIN.replace("2024-01-03", "2024-01-03 21:00"), r"row 3, column 'date': .* time of day"),
        (
            PLAIN.replace("2024-01-03", "2024-01-02"),
            r"RB 2024-01-02 is given twice and differs: open 3990 and 4001;.*row 2, .*row 3",
        ),
        (PLAIN.replace("4001,4020", "4020"), r"row 3: has 7 cells where the headings are 8"),
        (PLAIN.replace(",volume", ",amount"), r"no column for volume; .* could have filled"),
        (PLAIN.replace("date", "when"), r"no column for trade_date; its headings are 'when'"),
        (PLAIN.replace("low", "close"), r"'close' and 'close' both mean close"),
        (PLAIN.replace("low", "收盘价"), r"'收盘价' and 'close' both mean close"),
        (PLAIN.replace("4000", '"4000'), r"quote"),
        (ROWS[0], "no rows"),
        (b"", "is empty"),
        (b"  \n\n", "is empty"),
        (b"hello", "no table"),
        (b"<html>, <body>\n", "no rows|no column"),
        (b"PK\x03\x04rest", "Excel workbook; save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0rest", "Excel workbook"),
        (b"\x1f\x8brest", "gzip"),
        (b"PAR1 not really", "cut off or damaged"),
        (PLAIN.encode("utf-16")[2:], "zero bytes"),
        (PLAIN.encode("utf-16")[:-1], "cut off or damaged"),
        (b"date,open\n\xff\xff\xff,1\n", "UTF-8 or GB18030"),
    ],
    ids=lambda part: part[:30] if isinstance(part, str) else "",
)
def test_what_has_no_reading_refuses_the_file_and_names_the_place(write, content, says):
    """File, row, column and value are in the message; nothing is imported."""
    with pytest.raises(DataError, match=says) as caught:
        read_bars(write(content))
    assert "RB" in str(caught.value)


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (typed().assign(close=[1.0, np.inf, 2.0]), "row 2, column 'close': inf is infinite"),
        (
            typed().assign(volume=[True, False, True]),
            "row 1, column 'volume': True is not a number",
        ),
        (
            typed().assign(date=typed()["date"] + pd.Timedelta(hours=9)),
            "row 1, column 'date': .* time zone",
        ),
        (
            typed().assign(date=typed()["date"] + pd.Timedelta(hours=9)),
            "row 1, column 'date': .* time of day",
        ),
        (typed().assign(close=[[1], [2], [3]]), "column close: holds lists"),
    ],
)
def test_parquet_cells_without_a_reading_are_refused(write, frame, says):
    """The same rules hold for typed cells."""
    with pytest.raises(DataError, match=says):
        read_bars(write(parquet(frame), "RB.parquet"))


@pytest.mark.parametrize("name", ["download.1.csv", "p_y.csv", "2024.csv", "daily bars.csv"])
def test_a_name_that_tells_no_root_is_refused(write, name):
    """None or two roots in the name: the message says how to name the file."""
    with pytest.raises(DataError, match=r"cannot tell which root.*\(RB.csv\)"):
        read_bars(write(PLAIN, name))


def test_rows_that_name_two_roots_or_none_are_refused(write):
    """Root and contract of a row must agree, and one must be there."""
    content = "\n".join([f"{ROWS[0]},root,contract", f"{ROWS[1]},RB,HC2405"])
    with pytest.raises(DataError, match="row 2: names both RB and HC2405"):
        read_bars(write(content))
    with pytest.raises(DataError, match="row 2: names neither"):
        read_bars(write(f"{ROWS[0]},root\n{ROWS[1]},--"))


def test_a_root_with_and_without_contracts_is_refused(write):
    """Contract names are for all of a root's bars or for none."""
    with pytest.raises(DataError, match="RB has bars with a contract and bars without"):
        read_bars(write(f"{ROWS[0]},contract\n{ROWS[1]},RB2405\n{ROWS[2]},RB"))


@pytest.mark.parametrize("paths", [[], ["nowhere.csv"]])
def test_nothing_to_read_is_refused(tmp_path, paths):
    """No path, a path that is not there, a folder without tables."""
    with pytest.raises(DataError):
        read_bars([tmp_path / path for path in paths])
    with pytest.raises(DataError, match="no file ending in"):
        read_bars(tmp_path)


def test_a_workbook_in_a_folder_is_refused_not_passed_over(write, tmp_path):
    """What is probably data in a form we do not read stops the import."""
    write(PLAIN, "RB.csv")
    write(b"PK\x03\x04", "HC.xlsx")
    with pytest.raises(DataError, match=r"HC.xlsx is an Excel workbook"):
        read_bars(tmp_path)


@given(st.data())
@settings(max_examples=300)
def test_damaged_text_is_read_or_refused_and_nothing_else(data):
    """Bytes put in, taken out or changed at will: bars or DataError, never another exception."""
    raw = bytearray(
        data.draw(st.sampled_from([PLAIN.encode(), CHINESE.encode("gb18030"), parquet(typed())]))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw)))
        raw[start : start + data.draw(st.integers(0, 12))] = data.draw(
            st.binary(max_size=6) | st.sampled_from(SNIPPETS)
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "RB.csv")
        path.write_bytes(bytes(raw))
        try:
            imported = read_bars(path)
        except DataError:
            return
    assert len(imported.bars) >= 1
    assert np.isfinite(imported.bars[["open", "volume"]].to_numpy(na_value=0)).all()


# --- specs -----------------------------------------------------------------------------------------------------------
OWN = '{"code": "ZZ", "multiplier": 10, "tick": 1, "fee_mode": "lot", "fee_open": 2, "fee_close": 2, "margin_rate": 0.1}'
OWN_CSV = "code,multiplier,tick,fee_mode,fee_open,fee_close,margin_rate,price_limit\nZZ,10,1,lot,2,2,0.1,\n"


def test_a_root_without_a_spec_says_how_to_give_one(write):
    """The message names --specs and shows a line to copy, with the root filled in."""
    with pytest.raises(
        DataError, match=r"no contract spec for root 'ZZ'.*--specs FILE.*\"code\": \"ZZ\""
    ):
        read_bars(write(PLAIN, "ZZ.csv"))


@pytest.mark.parametrize(
    "content",
    [f'{{"specs": [{OWN}]}}', f"[{OWN}]", f'{{"ZZ": {OWN}}}', OWN_CSV],
    ids=["specs", "list", "table", "csv"],
)
def test_specs_come_from_a_file(write, tmp_path, content):
    """JSON of three shapes, or CSV, gives the same spec."""
    specs_file = write(content, "specs.txt")
    snapshot = import_files(
        write(PLAIN, "zz_daily.csv"), name="own", folder=tmp_path / "out", specs_file=specs_file
    )
    spec = snapshot.specs["ZZ"]
    assert (spec.multiplier, spec.fee_mode, spec.fee_open, spec.price_limit, spec.source) == (
        10.0,
        "lot",
        2.0,
        None,
        "user",
    )


def test_a_given_spec_wins_over_the_bundled_one_where_it_says_so(write):
    """Your own RB is used where your file says override; else ours is, and a finding shows both."""
    own = bundled_spec("RB").__class__(
        **{**bundled_spec("RB").to_dict(), "multiplier": 7.0, "source": "user"}
    )
    imported = read_bars(write(PLAIN), specs=[own])
    assert imported.specs == (bundled_dated("RB"),)
    assert any(
        finding.kind == "spec_not_used" and "multiplier 7" in finding.message
        for finding in imported.findings
    )
    imported = read_bars(write(PLAIN), specs=[OwnSpec(own, override=frozenset({"multiplier"}))])
    (spec,) = imported.specs
    assert (spec.multiplier, spec.source_of("multiplier"), spec.tick) == (
        7.0,
        "user 2026-11",
        bundled_spec("RB").tick,
    )
    assert any(
        finding.kind == "spec_override" and "multiplier 7" in finding.message
        for finding in imported.findings
    )


def test_a_change_of_rules_within_the_bars_is_told(write):
    """Gold contracts of both sides of its new price step: a finding; of one side only, none."""
    rows = "date,contract,open,high,low,close,volume\n2019-06-03,AU1910,1,1,1,1,9\n2019-06-04,AU2002,1,1,1,1,9\n"
    for text, told in ((rows, True), (rows.replace("1910", "1912"), False)):
        assert (
            any(
                finding.kind == "spec_changed"
                for finding in read_bars(write(text, "AU.csv")).findings
            )
            == told
        )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no spec"),
        ("[3]", "found 3"),
        (f"[{OWN},{OWN}]", "given twice"),
        (f"[{OWN.replace('tick', 'ticks')}]", "no field ticks"),
        (f"[{OWN.replace('10', '-10')}]", "multiplier"),
        (f"[{OWN.replace('0.1', '3')}]", "margin_rate"),
        (OWN_CSV.replace(",10,", ",ten,"), "row 2, column multiplier: 'ten'"),
        (OWN_CSV.replace(",0.1,", ",0.1,0.06,"), "row 2: has more or fewer cells"),
        (OWN_CSV.replace(",10,", ",,"), "row 2, multiplier"),
    ],
)
def test_a_specs_file_that_does_not_fit_is_refused(write, tmp_path, content, says):
    """File, place and field are named."""
    with pytest.raises(DataError, match=f"(?s)specs.txt.*{says}"):
        import_files(
            write(PLAIN, "ZZ.csv"),
            name="own",
            folder=tmp_path / "out",
            specs_file=write(content, "specs.txt"),
        )


# --- into a snapshot -------------------------------------------------------------------------------------------------
def test_an_import_seals_bars_sources_and_findings(write, tmp_path):
    """The snapshot has the bars, each file's hash, and the findings of reading and of examining."""
    paths = [write(PLAIN, "RB.csv"), write(PLAIN.replace("3999", "0"), "HC.csv")]
    snapshot = import_files(paths, name="mine", folder=tmp_path / "out")
    assert_frame_equal(snapshot.bars, read_bars(paths).bars)
    assert [source["name"] for source in snapshot.manifest["data_scope"]["files"]] == [
        "RB.csv",
        "HC.csv",
    ]
    found = {(finding.root, finding.kind) for finding in snapshot.findings}
    assert {("HC", "zero_settle"), ("RB", "incomplete_bar"), ("RB", "unadjusted_splice")} <= found
    pair = snapshot.pair("RB", "HC")
    assert len(pair) == 3
    assert sum(finding.kind == "unadjusted_splice" for finding in pair.findings) == 2


def test_a_refused_import_leaves_nothing(write, tmp_path):
    """One bad cell in one of the files: no snapshot at all."""
    paths = [write(PLAIN, "RB.csv"), write(PLAIN.replace("4015", "x"), "HC.csv")]
    with pytest.raises(DataError):
        import_files(paths, name="mine", folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_taken_name_is_refused_before_reading(tmp_path):
    """The files are not even looked at."""
    (tmp_path / "mine").mkdir()
    with pytest.raises(SnapshotError, match="never changed"):
        import_files(tmp_path / "nowhere.csv", name="mine", folder=tmp_path)


@pytest.mark.skipif(not REAL_DATA, reason="PAIRKIT_REAL_DATA does not name a folder of real bars")
def test_real_bars_import_and_pair(tmp_path):
    """Every file of the folder comes in, its known faults are found, and any two roots make a pair."""
    snapshot = import_files(Path(REAL_DATA), name="real", folder=tmp_path)
    assert set(snapshot.roots) <= set(bundled_specs())
    found = {(finding.root, finding.kind): finding for finding in snapshot.findings}
    assert found["RB", "missing_bar"].dates[:3] == ("2014-01-16", "2014-03-07", "2014-03-13")
    assert "2015-09-07" in found["RB", "wrong_contract"].dates
    assert "2023-08-28" in found["RB", "zero_settle"].dates
    assert found["RB", "double_counted"].dates == ("2020-01-02",)
    assert "2015-09-03" in found["RB", "ghost_bar"].dates
    assert found["HC", "ohlc_contradiction"].dates == ("2021-12-30",)
    for y_root, x_root in zip(snapshot.roots, snapshot.roots[1:], strict=False):
        assert len(snapshot.pair(y_root, x_root)) > 2000
    shutil.rmtree(snapshot.path)


# --- as other programs write them --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "stamp",
    ["00:00:00", "00:00:00+08:00", "00:00:00Z", "00:00:00.000000-05:00", "15:00", "15:00:00"],
)
def test_a_stamp_that_says_only_the_day_is_the_day(write, plain, stamp):
    """Midnight wherever it is, and the end of a Chinese session."""
    text = "\n".join(
        f"{line[:10]} {stamp}{line[10:]}" if line[:1] == "2" else line
        for line in PLAIN.splitlines()
    )
    assert_frame_equal(read_bars(write(text)).bars, plain)


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN.encode("utf-16"),
        PLAIN.replace("date,", "<DATE>,").encode(),
        PLAIN.replace("open_interest", "OpenInt").encode(),
        (PLAIN + "合计,,,,,,3600,\n").encode(),
        (PLAIN + "Downloaded from a vendor as of 2024,,,,,,,\n").encode(),
        (PLAIN + PLAIN.splitlines()[0] + "\n").encode(),
    ],
)
def test_what_a_program_adds_is_no_bar(write, plain, raw):
    """UTF-16, brackets, a total, a last line of text, headings again: the same bars, and rows that are none are counted."""
    read = read_bars(write(raw))
    assert_frame_equal(read.bars, plain)
    assert ("other_rows" in kinds(read)) == (
        len(raw.splitlines()) > len(PLAIN.splitlines()) and not raw.startswith(b"\xff\xfe")
    )


def test_a_time_column_beside_the_dates_is_intraday_or_says_nothing(write, plain):
    """Zeros beside daily dates are passed over; a time of day is refused with the word for what it is."""
    zeros = "\n".join(
        f"{line},{'time' if line[:1] == 'd' else '000000'}" for line in PLAIN.splitlines()
    )
    assert_frame_equal(read_bars(write(zeros)).bars, plain)
    with pytest.raises(
        DataError, match="'09:31:00' is a time of day beside the date, so the bars are intraday"
    ):
        read_bars(write(zeros.replace("000000", "09:31:00")))


def german(*prices: str) -> str:
    """Two days of one price each, with semicolons between cells."""
    rows = "".join(
        f"2024-01-0{day};{price};{price};{price};{price};100\n"
        for day, price in enumerate(prices, 2)
    )
    return f"date;open;high;low;close;volume\n{rows}"


@pytest.mark.parametrize(
    ("prices", "closes"),
    [
        (("0,497", "0,512"), [0.497, 0.512]),
        (("3497,5", "3,512"), [3497.5, 3.512]),
        (("1,234,567", "3,512"), [1234567.0, 3512.0]),
        (("3.497,25", "3.512,00"), [3497.25, 3512.0]),
    ],
)
def test_a_comma_is_what_the_file_as_a_whole_says(write, prices, closes):
    """One number with a single reading decides for the others; 0,497 is never 497."""
    assert read_bars(write(german(*prices))).bars["close"].tolist() == closes


def test_a_comma_with_two_readings_is_refused(write):
    """Nothing decides: both readings are named, and what to write."""
    with pytest.raises(
        DataError, match=r"'3,497' could be 3497 or 3\.497; write decimals with a point"
    ):
        read_bars(write(german("3,497", "3,512")))
    with pytest.raises(DataError, match="some commas group thousands and others are decimal ones"):
        read_bars(write(german("1,234,567", "3,5")))


@pytest.mark.parametrize(
    "name", ["RB主力.csv", "螺纹主力.csv", "30#RBL8.csv", "RB9999.XSGE.csv", "RB888.csv"]
)
def test_a_main_series_is_its_root(write, plain, name):
    """As vendors name it."""
    assert_frame_equal(read_bars(write(PLAIN, name)).bars, plain)


@pytest.mark.parametrize(
    ("name", "contract"),
    [
        ("CLK24.csv", "CLK24"),
        ("CL-2024K.csv", "CLK24"),
        ("CLK4.csv", "CLK24"),
        ("CLZ2019.csv", "CLZ19"),
        ("CL202405.csv", "CL2405"),
    ],
)
def test_contracts_of_cme_and_ice_are_known_by_their_root(write, name, contract):
    """With a spec of CL, each is a contract of it."""
    read = read_bars(
        write(PLAIN, name),
        specs=[replace(bundled_spec("RB"), code="CL", name="Crude oil", name_zh="")],
    )
    assert read.bars["root"].unique().tolist() == ["CL"]
    assert read.bars["contract"].unique().tolist() == [contract]


def coded(roots_and_codes, heading="root,contract"):
    """The plain bars, each with two more cells."""
    lines = PLAIN.splitlines()
    return "\n".join(
        [
            f"{lines[0]},{heading}",
            *(f"{line},{codes}" for line in lines[1:] for codes in roots_and_codes),
        ]
    )


@pytest.mark.parametrize(
    ("codes", "root", "contract"),
    [
        ("KR3,KR3406", "KR3", "KR32406"),
        ("KR3,KR32406", "KR3", "KR32406"),
        ("US10,US102406", "US10", "US102406"),
        ("US10,2406", "US10", "US102406"),
        ("SP500,SP500H24", "SP500", "SP500H24"),
        ("6E,6EH4", "6E", "6EH24"),
        ("KR3,406", "KR3", "KR32406"),
        ("S,SF2024", "S", "SF24"),
        ("RB,SHFE.rb2405", "RB", "RB2405"),
        ("RB,RB202405", "RB", "RB2405"),
    ],
)
def test_a_root_column_says_where_the_delivery_month_begins(write, codes, root, contract):
    """Roots that end in digits, or before a month letter; a delivery month alone is of the root beside it."""
    own = [
        replace(bundled_spec("RB"), code=code, name=code, name_zh="")
        for code in ("KR", "KR3", "US10", "SP500", "6E", "S")
    ]
    bars = read_bars(write(coded([codes]), "bars.csv"), specs=own).bars
    assert bars[["root", "contract"]].drop_duplicates().to_numpy().tolist() == [[root, contract]]


def test_a_text_that_is_too_long_for_a_code_is_refused(write):
    """It would be a root of its own in every row."""
    with pytest.raises(
        DataError, match=r"row 2, column 'symbol': .* has 61 characters; a code has at most 60"
    ):
        read_bars(write(coded(["R" * 61], "symbol"), "x.csv"))


def test_a_code_that_is_a_contract_of_two_known_roots_is_refused(write):
    """KR3406 is June 2034 of KR or June 2024 of KR3; with one of the two known it has one reading."""
    kr, kr3 = (
        replace(bundled_spec("RB"), code=code, name=code, name_zh="") for code in ("KR", "KR3")
    )
    path = write(coded(["KR3406"], "code"), "bars.csv")
    with pytest.raises(
        DataError,
        match=r"row 2, column 'code': 'KR3406' could be 3406 of KR or 406 of KR3; name the root",
    ):
        read_bars(path, specs=[kr, kr3])
    assert read_bars(path, specs=[kr3]).bars["contract"].unique().tolist() == ["KR32406"]


def test_a_programs_own_number_of_a_contract_is_no_delivery_month(write):
    """Beside a name it says nothing; alone beside a root it is refused."""
    beside = read_bars(write(coded(["rb2405,206299"], "symbol,instrument_id"), "a.csv")).bars
    assert beside["contract"].unique().tolist() == ["RB2405"]
    with pytest.raises(DataError, match="206299 is no delivery month of RB"):
        read_bars(write(coded(["RB,206299"], "symbol,instrument_id"), "b.csv"))


def test_one_contract_in_two_spellings_is_one(write, tmp_path):
    """The same bars under TA405 and TA2405 are repeats, and are dropped as such."""
    write(PLAIN, "TA405.csv")
    write(PLAIN, "TA2405.csv")
    read = read_bars(tmp_path)
    assert read.bars["contract"].tolist() == ["TA2405"] * 3
    assert "duplicate_rows" in kinds(read)


def test_all_unknown_roots_are_named_at_once_with_a_file_to_fill_in(write, tmp_path):
    """Three roots, one refusal, and a ready file of terms for all of them."""
    for name in ("QQ", "WW", "RB", "VVV"):
        write(PLAIN, f"{name}.csv")
    with pytest.raises(
        DataError, match=r"no contract specs for 3 roots: QQ \(QQ.csv\), VVV \(VVV.csv\), WW"
    ) as refused:
        read_bars(tmp_path)
    template = str(refused.value).partition("fill in their figures: ")[2]
    assert [spec["code"] for spec in json.loads(template)["specs"]] == ["QQ", "VVV", "WW"]


def test_folders_below_are_read_and_other_files_are_said(write, tmp_path, plain):
    """A folder within the folder holds bars too; a picture there is passed over, with a finding."""
    (tmp_path / "2024").mkdir()
    write(PLAIN, "2024/RB.csv")
    write(b"\x89PNG", "2024/chart.png")
    read = read_bars(tmp_path)
    assert_frame_equal(read.bars, plain)
    assert "ignored_file" in kinds(read)


def test_without_open_interest_the_volume_of_the_day_before_chooses(write, tmp_path):
    """The later contract is held from the day after the one on which it traded more; a finding says by what it was chosen."""
    rows = ["date,contract,open,high,low,close,volume"]
    for day, (near, far) in enumerate(((90, 10), (60, 40), (40, 60), (10, 90)), 2):
        rows += [
            f"2024-01-0{day},RB2405,100,101,99,100,{near}",
            f"2024-01-0{day},RB2410,110,111,109,110,{far}",
        ]
    read = read_bars(write("\n".join(rows)))
    assert read.mapping["contract"].tolist() == ["RB2405", "RB2405", "RB2410"]
    assert any(
        finding.kind == "mapping_made" and "volume" in finding.message for finding in read.findings
    )


# --- layouts of other programs ---------------------------------------------------------------------------------------
SESSIONS = pd.to_datetime(
    ["2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07", "2024-03-08", "2024-03-11"]
)


def six():
    """Six sessions in March 2024 whose days and months could be taken for one another."""
    close = 3500.0 + 7.0 * np.arange(6)
    return pd.DataFrame(
        {
            "date": SESSIONS,
            "open": close - 3,
            "high": close + 9,
            "low": close - 11,
            "close": close,
            "volume": 100_000.0 + 13.0 * np.arange(6),
            "oi": 500_000.0 + 17.0 * np.arange(6),
        }
    )


def lines(table, separator=",", **formats):
    """The table as text, each column as its format says, without headings."""
    shown = {name: (formats.get(name) or "{:.0f}".format) for name in table}
    return [
        separator.join(shown[name](value) for name, value in zip(table, row, strict=True))
        for row in table.itertuples(index=False)
    ]


def same_as_six(read):
    """Whether bars are the six, in all that a file with these columns can say."""
    own = six()
    bars = read.bars
    assert list(bars["trade_date"]) == list(SESSIONS)
    for name, ours in (
        ("open", "open"),
        ("high", "high"),
        ("low", "low"),
        ("close", "close"),
        ("volume", "volume"),
    ):
        np.testing.assert_array_equal(bars[name], own[ours])
    return True


def iso(day):
    return f"{day:%Y-%m-%d}"


@pytest.mark.parametrize(
    "hour", [0, 16, 7], ids=["midnight in UTC", "midnight in China", "end of a session in China"]
)
@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("written", ["{}", "{}.0", "{:.16e}"])
def test_stamps_since_1970_name_their_day_in_china(write, hour, unit, written):
    """Seconds to nanoseconds, as integers, floats or in powers of ten; 16:00 in UTC is midnight of the next day in China."""
    seconds = [
        int(day.timestamp()) + hour * 3600 - (86400 if hour == 16 else 0) for day in SESSIONS
    ]
    stamps = [written.format(second * unit) for second in seconds]
    rows = [
        f"{stamp},SHFE.rb2405,{line.partition(',')[2]}"
        for stamp, line in zip(stamps, lines(six(), date=iso), strict=True)
    ]
    read = read_bars(
        write("\n".join(["datetime,symbol,open,high,low,close,volume,close_oi", *rows]))
    )
    assert same_as_six(read)
    assert read.bars["contract"].unique().tolist() == ["RB2405"]
    np.testing.assert_array_equal(read.bars["open_interest"], six()["oi"])


@pytest.mark.parametrize(
    ("stamps", "says"),
    [
        (
            [1709546400, 1709632800],
            "is 2024-03-04 10:00 in UTC, 2024-03-04 18:00 in China, so which day it names is not clear",
        ),
        ([1709510400, 1709568000], "2 times of day .* as those of intraday bars do"),
        ([1709827200, 1709913600], "midnight in China, and some are Saturdays there"),
    ],
    ids=["evening", "mixed", "afternoon in London"],
)
def test_stamps_since_1970_of_another_time_are_refused(write, stamps, says):
    """The evening before a session, or a session: nobody can say. Stamps of several times a day are of intraday bars, and
    those of 16:00 in UTC on Fridays name no day in China."""
    rows = [f"{stamp}000000000,1,1,1,1,1" for stamp in stamps]
    with pytest.raises(DataError, match=says):
        read_bars(write("\n".join(["datetime,open,high,low,close,volume", *rows])))


def test_titles_above_and_a_source_below_are_no_bars(write):
    """A title, padded headings, tabs, a last line: the bars, and the finding counts the two lines."""
    text = "\n".join(
        [
            "RBL8 螺纹主连 日线 不复权",
            "  日期\t  开盘\t  最高\t  最低\t  收盘\t  成交量\t  持仓量",
            *lines(six(), "\t", date=lambda day: f"{day:%Y/%m/%d}", open="{:.2f}".format),
            "数据来源:通达信",
        ]
    )
    read = read_bars(write(text, "30#RBL8.txt", "gb18030"))
    assert same_as_six(read)
    assert [finding.count for finding in read.findings if finding.kind == "other_rows"] == [2]


def test_bars_above_the_headings_are_refused(write):
    """A row that has as many cells as a bar is no title."""
    text = "\n".join(
        [
            *lines(six(), date=iso)[:1],
            "date,open,high,low,close,volume,oi",
            *lines(six(), date=iso)[1:],
        ]
    )
    with pytest.raises(DataError, match=r"row 1: stands above the headings \(row 2\)"):
        read_bars(write(text))


@pytest.mark.parametrize("ends", ["both", "rows"])
def test_bars_between_and_at_the_end_of_lines_make_no_column(write, ends):
    """A title, `|` between cells and behind the last, commas in numbers, a month of three digits."""
    headings = "交易日期|品种代码|今开盘|最高价|最低价|今收盘|成交量(手)|空盘量" + (
        "|" if ends == "both" else ""
    )
    table = six().assign(code="TA405")[
        ["date", "code", "open", "high", "low", "close", "volume", "oi"]
    ]
    text = "\n".join(
        [
            "郑州商品交易所期货历史行情下载(日行情)",
            headings,
            *(
                f"{line}|"
                for line in lines(
                    table,
                    "|",
                    date=iso,
                    code=str,
                    **dict.fromkeys(("open", "high", "low", "close"), "{:,.2f}".format),
                    volume="{:,.0f}".format,
                    oi="{:,.0f}".format,
                )
            ),
        ]
    )
    read = read_bars(write(text, "TA.txt", "gb18030"))
    assert same_as_six(read)
    assert read.bars["contract"].unique().tolist() == ["TA2405"]


@pytest.mark.parametrize("weekday", ["{},一", "{},周一", "{} 星期一", "{} Mon", "{}, Monday"])
def test_a_weekday_beside_a_date_must_be_right(weekday):
    """A right one says nothing new; a wrong one contradicts the date."""
    assert iso(read_date(weekday.format("2024-03-04"))) == "2024-03-04"
    with pytest.raises(CellError, match="names another weekday than its date, which is a Tuesday"):
        read_date(weekday.format("2024-03-05"))


def test_lots_are_whole_so_a_comma_in_them_groups_thousands(write):
    """100,013 lots decide for the file; prices alone, or lots that end in 000, do not."""
    text = [
        "时间\t开盘\t最高\t最低\t收盘\t总手",
        *lines(six().drop(columns="oi"), "\t", date=iso, volume="{:,.0f}".format),
    ]
    assert same_as_six(read_bars(write("\n".join(text), "RB.txt")))
    with pytest.raises(DataError, match=r"'100,000' could be 100000 or 100\.000"):
        read_bars(write("\n".join(text[:2]), "RB.txt"))


@pytest.mark.parametrize(
    ("written", "order"),
    [("{:%m/%d/%Y}", "month first"), ("{:%d.%m.%Y}", "day first"), ("{:%d-%m-%Y}", "day first")],
)
@pytest.mark.parametrize(
    "late", [False, True], ids=["by the step from day to day", "by a day above 12"]
)
def test_dates_are_read_in_the_order_that_all_of_them_allow(write, written, order, late):
    """Of six sessions in a row, the other order would make months; a 25th of a month decides at once."""
    table = six()
    if late:
        table["date"] = [
            *SESSIONS[:2],
            *pd.to_datetime(["2024-03-25", "2024-03-26", "2024-03-27", "2024-03-28"]),
        ]
    read = read_bars(
        write("\n".join(["date,open,high,low,close,volume,oi", *lines(table, date=written.format)]))
    )
    assert list(read.bars["trade_date"]) == list(table["date"])
    assert [
        order in finding.message for finding in read.findings if finding.kind == "day_and_month"
    ] == [True]


@pytest.mark.parametrize(
    ("dates", "says"),
    [
        (
            ["03/04/2024", "03/05/2024", "03/06/2024"],
            "'03/04/2024' could be day first or month first",
        ),
        (
            ["03/04/24", "03/05/24", "03/25/24", "03/26/24", "03/27/24"],
            "could be day first or month first",
        ),
        (
            ["2024-03-04", "2024-03-05", "2024-03-06", "03/07/2024", "03/08/2024"],
            "row 5, .*'03/07/2024' could be",
        ),
        (
            ["03/04/2024", "03.05.2024", "03/25/2024", "03/26/2024", "03/27/2024"],
            "could be day first or month first",
        ),
        (["25/03/2024", "03/26/2024"], "are written day first in part and month first in part"),
    ],
    ids=range(5),
)
def test_dates_that_do_not_say_their_order_are_refused(write, dates, says):
    """Too few, years of two digits, other dates or signs among them, and both orders."""
    with pytest.raises(DataError, match=says):
        read_bars(
            write(
                "\n".join(
                    ["date,open,high,low,close,volume", *(f"{day},1,1,1,1,1" for day in dates)]
                )
            )
        )


def test_a_price_of_the_day_is_the_close_where_there_is_no_other(write):
    """`Latest` and `Price` are the close; beside a close they are not used. A quoted last line is no bar."""
    rows = lines(six(), date="{:%m/%d/%Y}".format)
    text = "\n".join(
        [
            'Time,Open,High,Low,Latest,Volume,"Open Int"',
            *rows,
            '"Downloaded from Barchart.com as of 03-20-2024"',
        ]
    )
    assert same_as_six(read_bars(write(text)))
    beside = "\n".join(
        [
            "date,price,open,high,low,close,volume",
            *(f"{line[:10]},1{line[10:].rpartition(',')[0]}" for line in lines(six(), date=iso)),
        ]
    )
    read = read_bars(write(beside))
    assert same_as_six(read)
    assert any(
        finding.kind == "ignored_columns" and "price" in finding.message
        for finding in read.findings
    )


@pytest.mark.parametrize(
    ("lots", "value"),
    [
        ("100.01K", 100_010.0),
        ("1.2k", 1200.0),
        ("3.4M", 3_400_000.0),
        ("1.2B", 1.2e9),
        ("12.5万", 125_000.0),
        ("1.2亿", 1.2e8),
        ("5.6万手", 56_000.0),
        ('"1,234.5K"', 1_234_500.0),
    ],
)
def test_abbreviated_lots_are_read_exactly_and_told(write, lots, value):
    """In a column of lots; 100.01K are 100010, and rounded, as the finding says. A price is never abbreviated."""
    read = read_bars(
        write(f"Date,Price,Open,High,Low,Vol.\n2024-03-04,3500,3497,3509,3489,{lots}\n")
    )
    assert read.bars["volume"].tolist() == [value]
    assert [
        finding.count for finding in read.findings if finding.kind == "abbreviated_numbers"
    ] == [1]
    with pytest.raises(DataError, match=r"column 'Price': .* is not a number"):
        read_bars(write(f"Date,Price,Open,High,Low,Vol.\n2024-03-04,{lots},3497,3509,3489,1\n"))


@pytest.mark.parametrize(
    "blank", [" ", "\u00a0", "\u202f", "\u2009"], ids=["blank", "no-break", "narrow", "thin"]
)
def test_blanks_in_numbers_group_thousands(write, blank):
    """Of any width; then a comma is a decimal one."""
    row = f"2024-03-04;3{blank}497,25;3{blank}509,5;3489;3500;1{blank}100{blank}000"
    read = read_bars(write(f"date;open;high;low;close;volume\n{row}\n"))
    assert read.bars[["open", "high", "volume"]].to_numpy().tolist() == [
        [3497.25, 3509.5, 1_100_000.0]
    ]
    assert [
        finding.count for finding in read.findings if finding.kind == "thousands_separators"
    ] == [3]


def test_a_column_that_is_there_twice_with_the_same_cells_is_one(write, plain):
    """With one cell that differs it is refused."""
    text = "\n".join(f"{line},{line.split(',')[4]}" for line in PLAIN.splitlines())
    assert_frame_equal(read_bars(write(text)).bars, plain)
    with pytest.raises(DataError, match="'close' and 'close' both mean close"):
        read_bars(write(text.replace("1200,5000,4000", "1200,5000,4001")))


@pytest.mark.parametrize(
    ("code", "root"),
    [("CL=F", "CL"), ("CL.F", "CL"), ("KQ.m@SHFE.rb", "RB"), ("KQ.i@CZCE.TA", "TA")],
)
def test_a_code_of_a_continued_series_is_its_root(write, code, root):
    """In a column, and as the name of a file."""
    own = [replace(bundled_spec("RB"), code="CL", name="Crude oil", name_zh="")]
    assert read_bars(write(coded([code], "symbol"), "x.csv"), specs=own).bars[
        "root"
    ].unique().tolist() == [root]
    assert read_bars(write(PLAIN, f"{code}.csv"), specs=own).bars["root"].unique().tolist() == [
        root
    ]


def test_limits_and_contracts_are_read_under_the_names_of_other_programs(write):
    """high_limit and low_limit are limits, order_book_id a contract."""
    text = "\n".join(
        [
            "order_book_id,date,open,high,low,close,volume,high_limit,low_limit",
            *(f"RB2405,{line.rpartition(',')[0]},3900,3100" for line in lines(six(), date=iso)),
        ]
    )
    read = read_bars(write(text))
    assert same_as_six(read)
    assert read.bars[
        ["contract", "up_limit", "down_limit"]
    ].drop_duplicates().to_numpy().tolist() == [["RB2405", 3900.0, 3100.0]]


def test_one_contract_under_a_letter_and_under_digits_is_one(write):
    """A series that goes over from CLK24 to CL2405 has one contract, under its first name, and no roll."""
    own = [replace(bundled_spec("RB"), code="CL", name="Crude oil", name_zh="")]
    text = "\n".join(
        [f"{ROWS[0]},contract", f"{ROWS[1]},CLK24", f"{ROWS[2]},CL2405", f"{ROWS[3]},CLM4"]
    )
    read = read_bars(write(text, "CL.csv"), specs=own)
    assert sorted(read.bars["contract"]) == ["CLK24", "CLK24", "CLM24"]
    assert read.mapping["contract"].tolist() == ["CLK24", "CLK24", "CLM24"]


def test_a_code_before_each_heading_is_that_of_the_file(write):
    """As a downloader of one contract writes them; two contracts side by side are refused."""
    text = "\n".join(
        [
            ",".join(
                [
                    "datetime",
                    "datetime_nano",
                    *(
                        f"SHFE.rb2405.{name}"
                        for name in ("open", "high", "low", "close", "volume", "close_oi")
                    ),
                ]
            ),
            *(line.replace(",", " 00:00:00.000000000,1,", 1) for line in lines(six(), date=iso)),
        ]
    )
    read = read_bars(write(text, "download.csv"))
    assert same_as_six(read)
    assert read.bars["contract"].unique().tolist() == ["RB2405"]
    np.testing.assert_array_equal(read.bars["open_interest"], six()["oi"])
    with pytest.raises(DataError, match="no column for open"):
        read_bars(write(text.replace("SHFE.rb2405.open", "SHFE.rb2410.open"), "download.csv"))


def test_headings_in_three_lines_are_read_as_one(write):
    """Prices, tickers, dates: of one ticker it is a table as any other, of two it is refused."""
    own = [replace(bundled_spec("RB"), code="CL", name="Crude oil", name_zh="")]
    rows = lines(six()[["date", "close", "high", "low", "open", "volume"]], date=iso)
    text = "\n".join(
        ["Price,Close,High,Low,Open,Volume", "Ticker,CL=F,CL=F,CL=F,CL=F,CL=F", "Date,,,,,", *rows]
    )
    read = read_bars(write(text, "download.csv"), specs=own)
    assert same_as_six(read)
    assert read.bars["root"].unique().tolist() == ["CL"]
    with pytest.raises(DataError, match="row 2: holds columns of 2 tickers; expected one"):
        read_bars(write(text.replace("CL=F", "HO=F", 1), "download.csv"), specs=own)


# --- folders -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"bought these bars\nfrom a vendor\n"),
        ("specs.csv", b"code,multiplier\nZZ,10\n"),
        ("._RB.csv", b"\x00\x05\x16\x07"),
        ("~$RB.xlsx", b"\x05user"),
        ("empty.csv", b""),
        ("page.csv", b"<html><body>log in, please; now</body></html>"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\x00"),
        ("junk.parquet", b"PAR1 not really"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_strays_into_a_folder_is_told_and_not_fatal(write, tmp_path, plain, name, content):
    """The bars beside it come in; named by itself the same file is refused."""
    write(PLAIN, "RB.csv")
    stray = write(content, name)
    read = read_bars(tmp_path)
    assert_frame_equal(read.bars, plain)
    assert [
        (finding.severity, name in finding.message)
        for finding in read.findings
        if finding.kind == "ignored_file"
    ] == [("warning", True)]
    with pytest.raises(DataError):
        read_bars(stray)


def test_a_file_named_after_a_root_is_no_stray(write, tmp_path):
    """What is probably a root's bars, and cannot be read, refuses the folder."""
    write(PLAIN, "RB.csv")
    write(b"<html><body>log in, please; now</body></html>", "HC.csv")
    with pytest.raises(DataError, match=r"HC\.csv"):
        read_bars(tmp_path)


def test_a_folder_of_strays_alone_is_refused(write, tmp_path):
    """There is nothing to import then, and the message says of what."""
    write(b"some notes\n", "notes.txt")
    with pytest.raises(DataError, match=r"notes\.txt is no table"):
        read_bars(tmp_path)


# --- a mapping of one's own ------------------------------------------------------------------------------------------
MONTHS = ("RB2405", "RB2410")


def two_contracts(write, days=SESSIONS):
    """Bars of two contracts, of which the nearer one has more volume throughout; no open interest."""
    rows = ["date,contract,open,high,low,close,volume"]
    for day in days:
        rows += [
            f"{iso(day)},{name},100,101,99,100,{900 - 800 * place}"
            for place, name in enumerate(MONTHS)
        ]
    return write("\n".join(rows), "RB.csv")


def chosen(names, days=SESSIONS):
    """A mapping of these days as text."""
    return "\n".join(
        [
            "date,root,contract",
            *(f"{iso(day)},RB,{name}" for day, name in zip(days, names, strict=True)),
        ]
    )


@pytest.mark.parametrize("spelt", ["RB2410", "rb2410", "RBV24", "SHFE.RB202410", "2410"])
def test_the_users_mapping_wins_over_volume(write, tmp_path, spelt):
    """However it spells a contract; each day is known at the session before. The snapshot records the file."""
    bars, mapping = two_contracts(write), write(chosen(["RB2405"] * 3 + [spelt] * 3), "own.csv")
    snapshot = import_files(bars, name="mine", folder=tmp_path / "out", mapping_file=mapping)
    assert snapshot.mapping["contract"].tolist() == ["RB2405"] * 3 + ["RB2410"] * 3
    assert snapshot.mapping["known_date"].tolist()[1:] == list(SESSIONS[:-1])
    assert snapshot.leg("RB")["contract"].tolist() == ["RB2405"] * 3 + ["RB2410"] * 3
    assert snapshot.manifest["data_scope"]["mapping_file"]["name"] == "own.csv"
    assert any(
        finding.kind == "mapping_made" and "own.csv" in finding.message
        for finding in snapshot.findings
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            chosen(["RB2405"] * 6) + f"\n{iso(SESSIONS[2])},RB,RB2410",
            r"RB 2024-03-06 is mapped to RB2405 \(row 4\) and to RB2410 \(row 8\)",
        ),
        (
            chosen(["RB2405"] * 4 + ["RB2501", "RB2505"]),
            "maps to 2 contracts without a bar: RB2501, RB2505",
        ),
        (
            chosen(["RB2405"] * 5, SESSIONS[:5]),
            "the mapping of RB ends on 2024-03-08, and its bars on 2024-03-11",
        ),
        (chosen(["RB2405"] * 6).replace(",RB,RB", ",HC,HC"), "maps HC, of which there are no bars"),
        (chosen(["RB2405"] * 5 + [""]), "row 7: names no contract of RB"),
        ("date,root\n2024-03-04,RB", "no column for contract"),
        ("hello", "no table"),
        ("", "is empty"),
        (chosen(["HC2405"] + ["RB2405"] * 5), "row 2: names both RB and HC2405"),
    ],
    ids=range(9),
)
def test_a_mapping_that_does_not_fit_is_refused(write, text, says):
    """Contradictions, contracts without bars, an early end, other roots, no contract: each is named."""
    with pytest.raises(DataError, match=says):
        read_bars(two_contracts(write), mapping=write(text, "own.csv"))


def test_days_that_a_mapping_lacks_or_has_too_many_are_told(write):
    """A day without a row keeps the contract of the day before; days beyond the bars are not used."""
    days = [*SESSIONS[:2], *SESSIONS[3:], pd.Timestamp("2024-03-12")]
    mapping = write(chosen(["RB2405", *["RB2410"] * 4, "RB2501"], days), "own.csv")
    read = read_bars(two_contracts(write), mapping=mapping)
    assert {
        finding.kind: finding.dates for finding in read.findings if "mapping" in finding.kind
    } == {"mapping_made": (), "mapping_gaps": ("2024-03-06",), "unused_mapping": ("2024-03-12",)}
    assert read.mapping["trade_date"].tolist() == days[:-1]


# --- a calendar of one's own -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["lines", "heading", "table", "flags"])
def test_missing_sessions_follow_the_users_calendar(write, tmp_path, form):
    """One root alone has no missing bar by itself; by the calendar it lacks 2024-03-07, and none on a holiday."""
    bars = write(
        "\n".join(["date,open,high,low,close,volume,oi", *lines(six().drop(index=3), date=iso)])
    )
    days = [iso(day) for day in SESSIONS]
    text = {
        "lines": "\n".join(days),
        "heading": "\n".join(["date", *days]),
        "table": "\n".join(["name,date", *(f"x,{day}" for day in days)]),
        "flags": "\n".join(
            ["cal_date,is_open", *(f"{day},1" for day in days), "2024-03-09,0", "2024-03-10,0"]
        ),
    }[form]
    snapshot = import_files(
        bars, name="mine", folder=tmp_path / "out", calendar_file=write(text, "days.csv")
    )
    assert list(snapshot.calendar) == list(SESSIONS)
    assert [finding.dates for finding in snapshot.findings if finding.kind == "missing_bar"] == [
        ("2024-03-07",)
    ]
    assert snapshot.manifest["data_scope"]["calendar_file"]["name"] == "days.csv"
    without = import_files(bars, name="other", folder=tmp_path / "out")
    assert "missing_bar" not in {finding.kind for finding in without.findings}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "2024-03-04\n2024-03-08",
            "sessions from 2024-03-04 to 2024-03-08, and the bars are of 2024-03-04 to 2024-03-11",
        ),
        ("2024-01-01\n2024-03-04\n2024-05-01", "only 17% of the days with bars"),
        ("date\n2024-03-04\nsoon", "row 3, column 'date': 'soon'"),
        ("date", "holds no day"),
        ("03/04/2024\n03/11/2024", "could be day first or month first"),
        ("cal_date,is_open\n2024-03-04,maybe", "'maybe' is neither 1 nor 0"),
        ("a,b\n1,2", "0 columns of dates"),
    ],
    ids=range(7),
)
def test_a_calendar_that_does_not_fit_is_refused(write, text, says):
    """Too short, a list of holidays, no dates: each in a sentence."""
    bars = write("\n".join(["date,open,high,low,close,volume,oi", *lines(six(), date=iso)]))
    with pytest.raises(DataError, match=says):
        read_bars(bars, calendar=write(text, "days.csv"))


# --- limits ----------------------------------------------------------------------------------------------------------
def test_files_are_limited_together_before_one_is_read(write, monkeypatch):
    """Two files within the limit each, and beyond it together."""
    paths = [write(PLAIN, "RB.csv"), write(PLAIN, "HC.csv")]
    monkeypatch.setattr(table, "MAX_ROWS", 5)
    assert len(read_bars(paths[0]).bars) == 3
    monkeypatch.setattr(reader, "read_rows", lambda *_: pytest.fail("a file was read"))
    with pytest.raises(DataError, match="the files together: 8 rows; at most 5 are accepted"):
        read_bars(paths)


def test_a_file_that_is_too_large_is_not_read_from_disk(write, monkeypatch):
    """By its size alone, and so are several together; what is no plain file is refused."""
    paths = [write(PLAIN, "RB.csv"), write(PLAIN, "HC.csv")]
    monkeypatch.setattr(reader, "MAX_DISK_BYTES", len(PLAIN) + 1)
    with pytest.raises(
        DataError, match=r"the files have more than .* bytes together; .*HC\.csv is one too many"
    ):
        read_bars(paths)
    with pytest.raises(DataError, match="is no plain file"):
        read_bars("/dev/null")
