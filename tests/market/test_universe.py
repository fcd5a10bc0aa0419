"""The universe: the bundled list is sound, and a user's own takes its place or says what is wrong with it."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from pairkit.errors import DataError
from pairkit.market.contracts import bundled_specs
from pairkit.market.universe import MAX_BYTES, pairs_among, universe, universe_roots
from tests import ROOT

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
    (here / ("universe.json" if by == "working folder" else "mine.json")).write_text(
        json.dumps({"pairs": pairs}), "utf-8-sig"
    )
    assert [pair._asdict() for pair in universe()] == pairs
    assert universe_roots() == ("ZZ9", "HC", "RB")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "dictionary"),
        (b'{"pairs": []}', "at least 1"),
        (b" " * (MAX_BYTES + 1), "bytes"),
        ({"pairs": [{"y": "RB"}]}, "pairs.0.x: Field required"),
        ({"pairs": [{**PAIR, "y": "rb/../x"}]}, "pairs.0.y"),
        ({"pairs": [{**PAIR, "reason": ""}]}, "pairs.0.reason"),
        ({"pairs": [{**PAIR, "beta": 1}]}, "pairs.0.beta"),
        ({"pairs": [PAIR], "pair": 1}, "pair: Extra inputs"),
        ({"pairs": [{**PAIR, "x": "RB"}]}, "RB-RB has the same leg twice"),
        ({"pairs": [PAIR, {**PAIR, "y": "HC", "x": "RB"}]}, "HC-RB is listed twice"),
    ],
    ids=lambda part: repr(part)[:30],
)
def test_a_list_that_is_none_is_refused_in_words(here, content, says):
    """The file, the place in it and what is accepted."""
    (here / "universe.json").write_bytes(
        content if isinstance(content, bytes) else json.dumps(content).encode()
    )
    with pytest.raises(DataError, match=r"universe\.json") as caught:
        universe()
    assert says in str(caught.value)


def test_a_list_that_is_named_but_not_there_is_an_error(here, monkeypatch):
    """A misspelt name is not quietly the bundled list."""
    monkeypatch.setenv("PAIRKIT_UNIVERSE", str(here / "nowhere.json"))
    with pytest.raises(DataError, match=r"nowhere\.json cannot be read"):
        universe()


def test_a_list_may_name_legs_by_their_rule(here):
    """A calendar spread and a season are pairs; their roots are what a snapshot must hold."""
    spreads = [{**PAIR, "y": "RB", "x": "RB@next"}, {**PAIR, "y": "M@01", "x": "M@05"}]
    (here / "universe.json").write_text(json.dumps({"pairs": spreads}))
    assert universe_roots() == ("RB", "M")
    assert [(pair.y, pair.x) for pair in pairs_among(["RB"])] == [("RB", "RB@next")]
    page = explore()
    page.button(key="pair_M@01_M@05").click().run()
    assert [page.selectbox(key=name).value for name in ("y_contract", "x_contract")] == ["01", "05"]
    assert not page.exception


# --- on the page -----------------------------------------------------------------------------------------------------
def explore() -> AppTest:
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()


def test_the_page_suggests_the_pairs_that_its_snapshot_holds(here):
    """Each pair of the universe within the demo is one click away, and no other."""
    page = explore()
    suggested = {button.key for button in page.button if (button.key or "").startswith("pair_")}
    demo = ("AU", "CU", "HC", "M", "MA", "P", "RB", "RM", "SR", "TA", "Y")
    assert (
        suggested
        == {f"pair_{pair.y}_{pair.x}" for pair in universe() if pair.y in demo and pair.x in demo}
        != set()
    )
    page.button(key="pair_M_RM").click().run()
    assert (page.selectbox(key="y").value, page.selectbox(key="x").value) == ("M", "RM")
    assert not page.exception


def test_the_page_says_what_is_wrong_with_a_users_list_and_goes_on(here):
    """A warning in words; the pickers and the run are there all the same."""
    (here / "universe.json").write_text("{}")
    page = explore()
    assert not page.exception
    assert "universe" in page.warning[0].value
    assert page.metric
