"""The Honesty page without a browser: checks are made, told, kept for this very run, and shown by Explore's badge."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pairkit.audit.runs.check_store import load_checks
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.checks import CHECKS
from pairkit.config import StrategyConfig
from pairkit.research.registry import CHECK_SPECS
from tests import ROOT
from tests.ui.test_page_explore import app, said

DEMO = ROOT / "snapshots" / "demo"


@pytest.fixture(autouse=True)
def own_runs(tmp_path, monkeypatch):
    """What is kept is kept in this test's folder."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))


def honesty() -> AppTest:
    page = app("4_honesty")
    assert not page.exception
    return page


def made(page: AppTest, button: str) -> AppTest:
    page.button(key=button).click().run()
    assert page.session_state["honesty_job"].ended.wait(120)
    page.run()
    assert not page.exception
    return page


def on(page: AppTest, check: str) -> AppTest:
    """The page with this check's panel in sight."""
    page.session_state["check"] = CHECK_SPECS[check].title
    return page.run()


def verdicts(page: AppTest) -> list[str]:
    return [cell.split(" ")[-1].rstrip("]") for cell in page.table[0].value["Verdict"]]


def test_nothing_is_claimed_before_it_is_made():
    """Every check is listed with its question and stands as not run."""
    page = honesty()
    assert verdicts(page) == ["run"] * len(CHECKS)
    assert page.table[0].value["What was found"].to_list() == [
        f":gray[{question}]" for question in CHECKS.values()
    ]
    assert "none of 8 checks run" in said(page)


def test_a_check_is_made_told_and_kept_for_this_run():
    """The verdict and its sentence stand in the panel and in the overview, and in the book for this pair and config alone.

    The badge of Explore counts what the book knows of this very run.
    """
    page = on(honesty(), "lookahead")
    page.number_input(key="lookahead_cuts").set_value(8).run()
    made(page, "lookahead_start")
    pair = open_snapshot(DEMO).pair("RB", "HC")
    (result,) = load_checks(pair, StrategyConfig())
    assert (result.check, result.verdict) == ("lookahead", "passed")
    assert result.sentence in page.success[0].value.replace("\\", "")
    assert verdicts(page)[0] == "passed"
    assert page.table[0].value["Figure"].to_list() == ["**0 differences**", *[""] * 7]
    page.slider(key="entry_z").set_value(2.1).run()
    assert verdicts(page) == ["run"] * len(CHECKS)
    page.slider(key="entry_z").set_value(2.0).run()
    page.switch_page("pages/1_explore.py").run()
    assert "Checks: 1 passed]" in said(page)
    page.slider(key="entry_z").set_value(2.1).run().run()
    assert "Checks: none run" in said(page)


def test_trials_are_counted_shown_and_forgotten_on_record():
    """Two configs looked at in Explore are two trials; a reset leaves none, and says that there were two."""
    page = app()
    page.slider(key="entry_z").set_value(2.3).run().run()
    page.slider(key="entry_z").set_value(2.0).run().run()
    page.switch_page("pages/4_honesty.py").run()
    assert "2 by the settings on a page" in said(page)
    assert page.button(key="forget_trials").disabled
    page.checkbox(key="forget_trials_sure").check().run()
    page.button(key="forget_trials").click().run()
    assert not page.exception
    assert "2 forgotten on" in said(page)
    page.switch_page("pages/1_explore.py").run()
    page.switch_page("pages/4_honesty.py").run()
    assert "1 by the settings on a page" in said(page)
