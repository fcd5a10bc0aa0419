"""Rules that changed from a delivery month on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pairkit.market.contracts import bundled_spec
from pairkit.market.spec_history import CHANGES, changes_among, spec_for


@pytest.mark.parametrize(
    ("contract", "tick"),
    [("AU1906", 0.05), ("AU1911", 0.05), ("AU1912", 0.02), ("AU2406", 0.02), ("AU201906", 0.05), ("AU", 0.02)],
)
def test_a_contract_keeps_the_rules_it_was_listed_with(contract: str, tick: float):
    """Gold moved from steps of 0.05 to 0.02 with the December 2019 contract."""
    assert spec_for(bundled_spec("AU"), contract).tick == tick


def test_the_users_own_figure_stays():
    """A tick that no rule made is left alone."""
    assert spec_for(replace(bundled_spec("AU"), tick=0.5), "AU1906").tick == 0.5


def test_a_range_over_a_change_is_told():
    """Contracts of both rules: one finding; of one rule, or of a root without changes: none."""
    assert [finding.kind for finding in changes_among("AU", ["AU1910", "AU1912"])] == ["spec_changed"]
    assert changes_among("AU", ["AU1912", "AU2006"]) == ()
    assert changes_among("RB", ["RB1910", "RB2001"]) == ()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.code} {change.field}")
def test_the_bundled_table_has_todays_rules(change):
    """What a change made is what the table says, where it has the root."""
    from pairkit.market.contracts import bundled_specs

    spec = bundled_specs().get(change.code)
    assert spec is None or getattr(spec, change.field) == change.after
