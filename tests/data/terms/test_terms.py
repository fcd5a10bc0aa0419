"""One order of sources for contract terms: an override, the provider, the bundled table, the user's file; every field tagged."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from pairkit.data.files.uploads import Upload
from pairkit.data.quality import examine_grid
from pairkit.data.terms.combine import combine_terms
from pairkit.data.terms.from_provider import Provided
from pairkit.data.terms.specs_file import FEES, TERMS, OwnSpec, read_specs
from pairkit.errors import DataError
from pairkit.market.contracts import ContractSpec, OlderTerm, bundled_spec

TYPICAL = f"{bundled_spec('RB').source} {bundled_spec('RB').version}"


def own(*override: str, code: str = "RB", **terms) -> OwnSpec:
    figures = {
        "multiplier": 5,
        "tick": 0.5,
        "fee_mode": "lot",
        "fee_open": 2,
        "fee_close": 3,
        "margin_rate": 0.2,
        **terms,
    }
    return OwnSpec(ContractSpec(code=code, **figures, version="mine"), frozenset(override))


def specs(text: str) -> dict[str, OwnSpec]:
    return read_specs(Upload("specs.txt", text.encode()))


def test_every_field_says_where_it_comes_from():
    """Provider first, then the bundled table; the fallback is one finding that names the fields."""
    absent = {"fee_mode": "no fee", "margin_rate": "no margin"}
    provided = Provided("tushare", "2024-05-31", {"multiplier": 10.0, "tick": 1.0}, absent)
    spec, findings = combine_terms("RB", provided=provided, exchange="SHFE")
    assert spec.source_of("multiplier") == "tushare 2024-05-31"
    assert spec.source_of("margin_rate") == TYPICAL
    assert spec.margin_rate == bundled_spec("RB").margin_rate
    assert [finding.kind for finding in findings] == ["spec_fallback"]
    assert "margin_rate" in findings[0].message
    assert ContractSpec(**spec.to_dict()) == spec
    assert hash(spec) == hash(ContractSpec(**spec.to_dict()))


def test_what_was_otherwise_comes_with_the_figure_that_is_used():
    """An override's dated figure is kept; that of a figure which another source beats is not."""
    older = [{"field": "margin_rate", "before_date": "2020-01-02", "value": 0.08}]
    margin = own("margin_rate", older=older)
    spec, _ = combine_terms("RB", own=margin)
    assert (spec.margin_rate, [term.value for term in spec.older]) == (0.2, [0.08])
    spec, _ = combine_terms("RB", own=own("tick", older=older))
    assert (spec.margin_rate, spec.older) == (bundled_spec("RB").margin_rate, ())


def test_a_difference_in_what_a_contract_is_is_told():
    """A multiplier other than the bundled one is used, and told with both figures."""
    spec, findings = combine_terms(
        "RB", provided=Provided("tushare", "v", {"multiplier": 20.0, "tick": 1.0}, {})
    )
    assert spec.multiplier == 20
    assert "20 against 10" in next(
        finding.message for finding in findings if finding.kind == "spec_differs"
    )


def test_a_root_that_nobody_knows_takes_the_users_terms_or_is_refused():
    """Not bundled and not whole from the provider: DataError that asks for a file; with the file, its figures fill in."""
    provided = Provided("tushare", "v", {"multiplier": 4.0}, {"tick": "no tick that can be read"})
    with pytest.raises(DataError, match=r"tick.*--specs"):
        combine_terms("QQ", provided=provided, exchange="SHFE")
    spec, _ = combine_terms("QQ", provided=provided, own=own(code="QQ"), exchange="SHFE")
    assert (spec.multiplier, spec.tick, spec.source_of("tick")) == (4, 0.5, "user mine")


@pytest.mark.parametrize(
    ("given_by_provider", "bundled", "override"), list(product([True, False], repeat=3))
)
def test_the_order_is_override_provider_table_user(given_by_provider, bundled, override):
    """In all eight cases a field comes from the first source in that order that has it, whether or not a provider was asked."""
    code = "RB" if bundled else "QQ"
    provided = Provided("tushare", "v", {"margin_rate": 0.3}, {}) if given_by_provider else None
    spec, findings = combine_terms(
        code, provided=provided, own=own(*(("margin_rate",) if override else ()), code=code)
    )
    table = (bundled_spec("RB").margin_rate, TYPICAL) if bundled else (0.2, "user mine")
    expected = (
        (0.2, "user mine") if override else (0.3, "tushare v") if given_by_provider else table
    )
    assert (spec.margin_rate, spec.source_of("margin_rate")) == expected
    kinds = {finding.kind for finding in findings}
    assert ("spec_override" in kinds) == (override and (bundled or given_by_provider))
    assert ("spec_not_used" in kinds) == (bundled or (given_by_provider and not override))


def test_what_is_left_out_of_the_users_file_is_told_with_both_figures(caplog):
    """Without the word, the user's multiplier of a bundled root is not used: finding and log show both, and how to use it."""
    spec, (finding,) = combine_terms("RB", own=own())
    assert spec is bundled_spec("RB")
    assert "multiplier 5, against 10 (" in finding.message
    assert '"override": true' in finding.message
    assert finding.message in caplog.text


def test_fees_are_of_one_source():
    """The provider's rate does not meet the table's fee for the same day, which is in another unit."""
    provided = Provided(
        "tushare", "v", {"fee_mode": "rate", "fee_open": 1e-4, "fee_close": 1e-4}, {}
    )
    spec, _ = combine_terms("QQ", provided=provided, own=own(code="QQ", fee_close_today=1.5))
    assert [getattr(spec, name) for name in FEES] == ["rate", 1e-4, 1e-4, None]
    spec, _ = combine_terms("QQ", provided=provided, own=own(*FEES, code="QQ", fee_close_today=1.5))
    assert [getattr(spec, name) for name in FEES] == ["lot", 2, 3, 1.5]


@pytest.mark.parametrize(
    ("row", "override"),
    [
        ({"margin_rate": 0.2, "override": True}, {"margin_rate"}),
        ({"margin_rate": 0.2, "tick": 2, "override": ["tick"]}, {"tick"}),
        (
            {"fee_mode": "lot", "fee_open": 2, "fee_close": 3, "override": ["fee_open"]},
            {"fee_mode", "fee_open", "fee_close"},
        ),
    ],
    ids=["true", "names", "fees together"],
)
@pytest.mark.parametrize("shape", ["json", "csv"])
def test_a_row_with_an_override_need_not_be_whole(row, override, shape):
    """JSON and CSV: the figures named are the user's, the others stay the table's, and each has its tag."""
    row = {"code": "RB", **row}
    cells = {
        name: " ".join(cell) if isinstance(cell, list) else str(cell) for name, cell in row.items()
    }
    text = (
        json.dumps([row]) if shape == "json" else f"{','.join(cells)}\n{','.join(cells.values())}\n"
    )
    found = specs(text)["RB"]
    assert found.override == override
    spec, findings = combine_terms("RB", own=found)
    for name in TERMS:
        mine = name in override
        if getattr(spec, name) is not None:
            assert getattr(spec, name) == (row[name] if mine else getattr(bundled_spec("RB"), name))
            assert spec.source_of(name) == ("user" if mine else TYPICAL)
    assert findings[0].kind == "spec_override"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            '{"code": "RB", "margin_rate": 0.2, "override": ["tick"]}',
            r"override: found \['tick'\].*margin_rate",
        ),
        ('{"code": "RB", "margin_rate": 0.2, "override": 3}', "override: found 3"),
        (
            '{"code": "RB", "fee_open": 0.2, "override": true}',
            "fee_mode, fee_open and fee_close together",
        ),
        ('{"code": "RB", "margin_rate": 0.2}', "multiplier"),
        ('{"code": "ZZ", "margin_rate": 0.2, "override": true}', "multiplier"),
    ],
)
def test_an_override_that_does_not_fit_is_refused(row, says):
    """Names that the row lacks, half a set of fees, a row that is not whole and overrides nothing, or has nothing to override."""
    with pytest.raises(DataError, match=f"(?s)specs.txt.*{says}"):
        specs(f"[{row}]")


# --- a code that two contracts have ----------------------------------------------------------------------------------
CBOT = {
    "code": "C",
    "multiplier": 50.0,
    "tick": 0.25,
    "fee_mode": "lot",
    "fee_open": 2.0,
    "fee_close": 2.0,
    "margin_rate": 0.1,
}


def own_of(tmp_path, **said):
    """The user's spec of C as a file gives it."""
    (tmp_path / "specs.json").write_text(json.dumps([{**CBOT, **said}]), encoding="utf-8")
    return read_specs(tmp_path / "specs.json")["C"]


@pytest.mark.parametrize(
    "said",
    [
        {"currency": "USD"},
        {"exchange": "CBOT"},
        {"name": "Corn of Chicago"},
        {"name_zh": "芝加哥玉米"},
    ],
)
def test_a_spec_of_another_contract_under_a_bundled_code_is_a_question(tmp_path, said):
    """Both are named, and how to say which is meant."""
    with pytest.raises(
        DataError, match=r"C: your spec says .*; the bundled C is C 玉米 Corn of DCE.*override"
    ):
        combine_terms("C", own=own_of(tmp_path, **said))


def test_an_override_keeps_currency_exchange_and_name(tmp_path):
    """All that the row says holds, and the Chinese name of the other contract is not kept."""
    own = own_of(tmp_path, currency="USD", exchange="CBOT", name="Corn of Chicago", override=True)
    spec, (told,) = combine_terms("C", own=own)
    assert (spec.currency, spec.exchange, spec.label) == ("USD", "CBOT", "C Corn of Chicago")
    assert (spec.multiplier, spec.tick) == (50.0, 0.25)
    assert (
        "currency USD in place of CNY; exchange CBOT in place of DCE; name Corn of Chicago in place of Corn"
        in told.message
    )
    same, _ = combine_terms("C", own=own_of(tmp_path, override=True))
    assert (same.currency, same.exchange, same.label) == ("CNY", "DCE", "C 玉米 Corn")


@pytest.mark.parametrize("override", [False, True])
def test_a_margin_group_is_kept(tmp_path, override):
    """No other source has one, so it holds whether or not the row overrides figures."""
    assert (
        combine_terms("C", own=own_of(tmp_path, margin_group="grains", override=override))[
            0
        ].margin_group
        == "grains"
    )


def test_closes_off_the_tick_are_found():
    """Quarters of a cent are no prices of a contract that moves by whole yuan; a stray one in a hundred is."""
    days = pd.date_range("2024-01-01", periods=200)
    bars = pd.DataFrame({"trade_date": days, "close": 400.0 + 0.25 * np.arange(200)})
    (found,) = examine_grid(bars, bundled_spec("C"))
    assert (found.kind, found.count, found.dates[:4]) == (
        "off_tick_grid",
        150,
        ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-06"),
    )
    assert "玉米" in found.message
    whole = pd.DataFrame({"trade_date": days, "close": 2400.0 + np.arange(200)})
    whole.loc[[5, 9], "close"] += 0.5
    assert examine_grid(whole, bundled_spec("C")) == []


def test_what_lies_on_a_tick_that_held_is_on_the_grid():
    """Figures with rounding in them, below zero, on a tiny tick, and on an older tick are on the grid; 1e308 is passed over."""
    days = pd.date_range("2024-01-01", periods=4)
    spec = bundled_spec("C")
    for closes, terms in (
        ([-0.3, 0.1 + 0.2, 12345.6, 0.7], {"tick": 0.1}),
        ([0.0067455, 0.0067, 0.006699, 1e-6], {"tick": 5e-7}),
        (
            [2400.5, 2401.0, np.nan, 1e308],
            {"older": (OlderTerm("tick", 0.5, before_delivery="2405"),)},
        ),
    ):
        assert (
            examine_grid(
                pd.DataFrame({"trade_date": days, "close": closes}), replace(spec, **terms)
            )
            == []
        )
