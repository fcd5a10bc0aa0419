"""Contract specs and the table that ships with pairkit."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pairkit.errors import DataError
from pairkit.market.contracts import ContractSpec, bundled_spec, bundled_specs
from tests.pairs import spec

# Published contract rules: lot size in quote units, and smallest price step.
KNOWN = {
    "RB": (10, 1),
    "HC": (10, 1),
    "CU": (5, 10),
    "AL": (5, 5),
    "AU": (1000, 0.02),
    "AG": (15, 1),
    "I": (100, 0.5),
    "J": (100, 0.5),
    "JM": (60, 0.5),
    "M": (10, 1),
    "RM": (10, 1),
    "Y": (10, 2),
    "P": (10, 2),
    "TA": (5, 2),
    "MA": (10, 1),
    "SR": (10, 1),
    "CF": (5, 5),
    "RU": (10, 5),
    "SC": (1000, 0.1),
    "IF": (300, 0.2),
    "IC": (200, 0.2),
    "IH": (300, 0.2),
}


@pytest.mark.parametrize("code", sorted(KNOWN))
def test_the_bundled_table_has_the_published_multiplier_and_tick(code):
    """Contract rules, checked against figures written down here."""
    found = bundled_spec(code)
    assert (found.multiplier, found.tick) == KNOWN[code]


def test_the_bundled_table_is_labelled_and_plausible():
    """Each spec carries its code, both names, exchange, source and version; fees are small against notional."""
    for code, found in bundled_specs().items():
        assert found.code == code == code.upper()
        assert all((found.name, found.name_zh, found.exchange, found.source, found.version))
        assert found.currency == "CNY"
        assert 0.0 < found.margin_rate <= (0.5 if code == "ZC" else 0.3)  # coal is held down
        assert found.fee_mode == "lot" or max(found.fee_open, found.fee_close) < 1e-3


def test_a_root_is_found_in_small_letters():
    """DCE and SHFE write theirs in lower case."""
    assert bundled_spec("rb") is bundled_spec("RB")


def test_an_unknown_root_is_refused_with_the_known_ones():
    """The message lists the roots and says what to do."""
    with pytest.raises(
        DataError, match=r"no bundled contract spec for 'XYZ'.*\bRB\b.*ContractSpec"
    ):
        bundled_spec("XYZ")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("code", ""),
        ("multiplier", 0.0),
        ("multiplier", -10.0),
        ("tick", 0.0),
        ("fee_open", -1e-4),
        ("fee_close", -1.0),
        ("margin_rate", -0.1),
        ("margin_rate", 1.5),
        ("price_limit", 0.0),
        ("fee_mode", "percent"),
        ("multiplier", float("nan")),
        ("tick", float("inf")),
        ("leverage", 2.0),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(field, wrong):
    """Out of bounds, not finite, or unknown: the fault names the field."""
    with pytest.raises(ValidationError) as caught:
        ContractSpec(**{**bundled_spec("RB").to_dict(), field: wrong})
    assert caught.value.errors()[0]["loc"][0] == field


def test_a_spec_is_frozen_and_survives_plain_values():
    """`to_dict` holds all that the spec is."""
    found = bundled_spec("RB")
    assert ContractSpec(**found.to_dict()) == found
    with pytest.raises(AttributeError):
        found.tick = 5.0


def test_a_label_shows_the_names_that_there_are():
    """Code, then the Chinese and the English name."""
    assert bundled_spec("RB").label == "RB 螺纹钢 Rebar"
    assert spec("ZZ").label == "ZZ"
