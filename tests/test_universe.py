"""The universe: the bundled list is sound, and a user's own takes its place or says what is wrong with it."""

from __future__ import annotations

import json

import pytest

from pairkit.errors import DataError
from pairkit.market.contracts import bundled_specs
from pairkit.market.universe import MAX_BYTES, pairs_among, universe, universe_roots

PAIR = {"y": "RB", "x": "HC", "sector": "Steel", "reason": "Same mills."}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.delenv("PAIRKIT_UNIVERSE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_bundled_list_names_roots_with_specs(here):
    """Every root has a bundled spec, every pair a sector and a reason."""
    assert set(universe_roots()) <= set(bundled_specs())
    assert all(pair.sector and pair.reason for pair in universe())
    assert [(pair.y, pair.x) for pair in pairs_among({"RB", "HC", "M"})] == [("RB", "HC")]


@pytest.mark.parametrize("by", ["working folder", "variable"])
def test_a_users_list_takes_the_bundled_ones_place(here, monkeypatch, by):
    """Whole, in its order, a byte order mark or not; the variable goes before the folder."""
    pairs = [{**PAIR, "y": "ZZ9"}, PAIR]
    if by == "variable":
        (here / "universe.json").write_text("not this one")
        monkeypatch.setenv("PAIRKIT_UNIVERSE", str(here / "mine.json"))
    (here / ("universe.json" if by == "working folder" else "mine.json")).write_text(json.dumps({"pairs": pairs}), "utf-8-sig")
    assert [pair._asdict() for pair in universe()] == pairs
    assert universe_roots() == ("ZZ9", "HC", "RB")


@pytest.mark.parametrize(("content", "says"), [
    (b"", "not JSON"), (b"\xff", "not JSON"), (b"[" * 100_000, "not JSON"), (b"[]", "dictionary"),
    (b'{"pairs": []}', "at least 1"),
    (b" " * (MAX_BYTES + 1), "bytes"),
    ({"pairs": [{"y": "RB"}]}, "pairs.0.x: Field required"),
    ({"pairs": [{**PAIR, "y": "rb/../x"}]}, "pairs.0.y"),
    ({"pairs": [{**PAIR, "reason": ""}]}, "pairs.0.reason"),
    ({"pairs": [{**PAIR, "beta": 1}]}, "pairs.0.beta"),
    ({"pairs": [PAIR], "pair": 1}, "pair: Extra inputs"),
    ({"pairs": [{**PAIR, "x": "RB"}]}, "RB-RB has the same root twice"),
    ({"pairs": [PAIR, {**PAIR, "y": "HC", "x": "RB"}]}, "HC-RB is listed twice"),
], ids=lambda part: repr(part)[:30])
def test_a_list_that_is_none_is_refused_in_words(here, content, says):
    """The file, the place in it and what is accepted."""
    (here / "universe.json").write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(DataError, match=r"universe\.json") as caught:
        universe()
    assert says in str(caught.value)


def test_a_list_that_is_named_but_not_there_is_an_error(here, monkeypatch):
    """A misspelt name is not quietly the bundled list."""
    monkeypatch.setenv("PAIRKIT_UNIVERSE", str(here / "nowhere.json"))
    with pytest.raises(DataError, match=r"nowhere\.json cannot be read"):
        universe()
