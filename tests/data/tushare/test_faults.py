"""A thousand faults and more: what comes out is right, or told, or a typed error; never a silent gap."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pairkit.data.provider.source import Answer
from pairkit.data.tushare import TushareSource
from pairkit.errors import SourceError
from pairkit.findings import Finding
from tests.data.tushare.conftest import source_for
from tests.data.tushare.market import market
from tests.data.tushare.server import (
    DRIFTS,
    FAULTS,
    PROTOCOL_FAULTS,
    REFUSALS,
    ROW_FAULTS,
    TRANSPORT_FAULTS,
    FaultServer,
    seeded,
)

BARS = ["open", "high", "low", "close", "settle", "volume", "open_interest"]
EXCHANGES = {"RB": "SHFE", "HC": "SHFE", "TA": "CZCE"}
HEALING = (*(fault for fault in FAULTS if fault not in REFUSALS and fault != "time-out"), "minute")
SEEDS = range(8)
TIMEOUT = 0.15  # seconds; the server hangs for longer
FAULTS_PER_SEED = 130  # more than 1,000 in all


@pytest.mark.parametrize("seed", SEEDS)
def test_what_comes_out_is_right_or_told_or_a_typed_error(server: FaultServer, seed: int):
    """Seeded faults of all kinds in most answers: each question ends in the truth, in told gaps, or in a typed error."""
    rng = random.Random(seed)
    outcomes = {"right": 0, "told": 0, "error": 0}
    injected = number = 0
    server.reset(seeded(seed, 0.8, (*HEALING, "hour", "day", "time-out")), seed)
    while injected < FAULTS_PER_SEED:
        number += 1
        server.injected.clear()
        outcome = ask_one(source_for(server, timeout=TIMEOUT), rng)
        if not server.injected:
            assert outcome == "right", (
                f"seed {seed}, question {number}: an honest answer was not taken as it is"
            )
        outcomes[outcome] += 1
        injected += len(server.injected)
    assert outcomes["right"] > 0
    assert outcomes["error"] > 0


def ask_one(source: TushareSource, rng: random.Random) -> str:
    """Ask a question drawn at random, hold the answer against the market, and say how it came out."""
    root = rng.choice(sorted(EXCHANGES))
    question = rng.choice(
        (
            bars_are_true,
            bars_are_true,
            limits_are_true,
            mapping_is_true,
            calendar_is_true,
            listing_is_true,
        )
    )
    try:
        return question(source, root, rng)
    except SourceError as error:
        refused = error
    assert type(refused) is not SourceError
    assert str(refused).endswith(".")
    return "error"


def bars_are_true(source: TushareSource, root: str, rng: random.Random) -> str:
    truth = contract_rows(root, rng)
    answer = source.bars(
        truth["contract"].iloc[0], EXCHANGES[root], pd.DatetimeIndex(truth["trade_date"])
    )
    return held_against(answer, truth, BARS)


def limits_are_true(source: TushareSource, root: str, rng: random.Random) -> str:
    truth = contract_rows(root, rng)
    answer = source.limits(
        truth["contract"].iloc[0], EXCHANGES[root], pd.DatetimeIndex(truth["trade_date"])
    )
    return held_against(answer, truth, ["up_limit", "down_limit"])


def mapping_is_true(source: TushareSource, root: str, rng: random.Random) -> str:
    of_root = mapping_of(root)
    first = rng.randrange(len(of_root) - 60)
    truth = of_root.iloc[first : first + rng.randrange(5, 60)]
    truth = pd.DataFrame({"trade_date": truth["known_date"], "contract": truth["contract"]})
    return held_against(
        source.mapping(root, EXCHANGES[root], pd.DatetimeIndex(truth["trade_date"])),
        truth,
        ["contract"],
    )


def calendar_is_true(source: TushareSource, root: str, rng: random.Random) -> str:
    first = pd.Timestamp("2019-02-01") + pd.Timedelta(days=rng.randrange(1500))
    last = first + pd.Timedelta(days=rng.randrange(10, 90))
    answer = source.calendar(EXCHANGES[root], first.date(), last.date())
    sessions = market().sessions
    expected = sessions[(sessions >= first) & (sessions <= last)]
    assert list(answer.table["trade_date"]) == list(expected)
    return "right"


def listing_is_true(source: TushareSource, root: str, _rng: random.Random) -> str:
    answer = source.contracts(EXCHANGES[root], [root])
    expected = set(bars_of(root))
    undated = sum(
        finding.count for finding in answer.findings if finding.kind == "undated_contracts"
    )
    found = set(answer.table["contract"])
    assert found <= expected
    assert len(expected - found) == undated
    assert (answer.table["lot_size"] == {"RB": 10, "HC": 10, "TA": 5}[root]).all()
    return "told" if undated else "right"


@cache
def bars_of(root: str) -> dict[str, pd.DataFrame]:
    """The bars of each contract of a root."""
    of_root = market().bars[market().bars["root"] == root]
    return {str(name): rows for name, rows in of_root.groupby("contract")}


@cache
def mapping_of(root: str) -> pd.DataFrame:
    """The dominant contract of each day of a root."""
    return market().mapping[market().mapping["root"] == root]


def contract_rows(root: str, rng: random.Random) -> pd.DataFrame:
    """Some consecutive sessions of one contract, as they are."""
    rows = bars_of(root)[rng.choice(sorted(bars_of(root)))]
    first = rng.randrange(max(1, len(rows) - 40))
    return rows.iloc[first : first + rng.randrange(5, 40)].reset_index(drop=True)


def held_against(answer: Answer, truth: pd.DataFrame, columns: list[str]) -> str:
    """Every cell that is there is true, no day comes twice, and what is missing is told by its days and counts."""
    table = answer.table.set_index("trade_date")
    assert table.index.is_unique
    assert table.index.is_monotonic_increasing
    expected = truth.set_index("trade_date")
    assert set(table.index) <= set(expected.index)
    days_told, cells_told = (
        told(answer.findings, kind) for kind in ("missing_rows", "missing_cells")
    )
    missing = expected.index.difference(table.index)
    cells = 0
    for column in columns:
        ours, theirs = table[column], expected.loc[table.index, column]
        empty = ours.isna() & theirs.notna()
        same = (
            np.isclose(ours[~empty].astype(float), theirs[~empty].astype(float))
            if column != "contract"
            else ours[~empty] == theirs[~empty]
        )
        assert np.all(same), f"{column} differs from what the market is"
        cells += int(empty.sum())
    if columns == ["contract"]:  # a day without a name is no row
        assert len(missing) == days_told + cells_told
    else:
        assert (len(missing), cells) == (days_told, cells_told)
    return "told" if len(missing) or cells else "right"


def told(findings: tuple[Finding, ...], kind: str) -> int:
    return sum(finding.count for finding in findings if finding.kind == kind)


@pytest.mark.parametrize(
    "fault",
    sorted(
        {
            *TRANSPORT_FAULTS,
            *PROTOCOL_FAULTS,
            *DRIFTS,
            "twice",
            "shuffled",
            "missing days",
            "null cells",
            "dashes",
            "contradiction",
            "other rows",
            "cut rows",
            "minute",
            "busy",
        }
    ),
)
def test_a_passing_fault_leaves_no_trace_in_the_bars(server: FaultServer, fault: str):
    """One spoiled answer of each kind that can heal: the bars are those of an honest server, to the last cell."""
    plan: Any = lambda number, _api: fault if number == 0 else None  # noqa: E731  a plan is one line
    rng = random.Random(5)
    server.reset(plan, seed=5)
    patience = TIMEOUT if fault == "time-out" else 5.0
    assert bars_are_true(source_for(server, timeout=patience), "RB", rng) == "right"
    assert server.injected == [fault]


@pytest.mark.parametrize(
    "fault",
    sorted({*TRANSPORT_FAULTS[:6], *PROTOCOL_FAULTS, *REFUSALS, *ROW_FAULTS} - {"null items"}),
)
def test_a_lasting_fault_is_an_error_or_told(server: FaultServer, fault: str):
    """The same fault in every answer: an error of its own type, or a gap that is told; harmless ones leave the truth."""
    server.reset(lambda _number, _api: fault, seed=7)
    outcome = ask_one(source_for(server), random.Random(2))
    harmless = {"twice", "shuffled", "other rows", "missing days", "null cells", "dashes"}
    assert (
        outcome == "error" if fault not in {*harmless, "cut rows"} else outcome in ("right", "told")
    )
