"""A root that the bundled table lacks, from a provider: days before the provider's first figure are refused, not filled with later ones."""

from __future__ import annotations

import pytest

from pairkit.data.files.uploads import Upload
from pairkit.data.provider.download import download_market
from pairkit.data.terms.terms_file import read_terms_file
from pairkit.errors import DataError
from pairkit.market.spec_history import terms_on
from tests.data.provider.in_memory import DAYS, FIRST, HistorySource

FROM = 20  # the first session with fees


class LateTerms(HistorySource):
    """A provider whose fees and margins of all contracts begin on one session."""

    def terms(self, contract, exchange, sessions):
        stated = sessions[sessions >= DAYS[FROM]]
        return super().terms(contract, exchange, stated if len(stated) else sessions[:0])


def downloaded(first: int, terms: bytes | None = None):
    """The only spec of a download of ZZ from the session `first`."""
    own = None if terms is None else read_terms_file(Upload("own.csv", terms))
    days = DAYS[first].date(), DAYS[45].date()
    return download_market(LateTerms(5), ["ZZ.SHFE"], *days, user_terms=own).specs[0]


def test_days_before_the_first_figure_are_refused():
    """The sentence names the root, the first day with a figure, the days before it, and both ways out."""
    with pytest.raises(DataError) as refused:
        downloaded(FIRST)
    said = str(refused.value)
    first = min(
        day
        for contract in ("ZZ2305", "ZZ2310")
        for day in LateTerms(5)
        .terms(contract, "SHFE", DAYS[FIRST:46])
        .table.dropna(subset=["fee_rate", "fee_cny"], how="all")["trade_date"]
    )
    assert f"first gives its fees for {first:%Y-%m-%d}" in said
    assert f"days from {DAYS[FIRST]:%Y-%m-%d} on are before that" in said
    assert "--terms" in said
    assert "a later start" in said


def test_own_records_fill_the_days_before():
    """With fees of one's own for all days the download is made: they hold until the provider's first, which holds from its day on."""
    rows = "".join(f"ZZ,{field},2.5,lot\n" for field in ("fee_open", "fee_close"))
    spec = downloaded(FIRST, f"root,field,value,fee_mode\n{rows}".encode())
    early = terms_on(spec, "ZZ2305", DAYS[FIRST])["fee_open"]
    assert (early.value, early.source) == (2.5, "user")
    assert terms_on(spec, "ZZ2310", DAYS[45])["fee_open"].source == "memory"


def test_a_later_start_is_accepted():
    """From the first session with a figure on there is nothing to refuse."""
    spec = downloaded(FROM + 4)
    assert terms_on(spec, "ZZ2310", DAYS[45])["fee_open"].source == "memory"
