"""The registry: what is asked reaches the check, and what cannot be asked is refused in words."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from pairkit.audit.runs.check_store import load_checks
from pairkit.audit.runs.trial_ledger import tried
from pairkit.checks import CHECKS, CheckResult
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, ConfigError
from pairkit.pair import Provenance
from pairkit.research import registry
from pairkit.research.check_spec import Case, CheckSpec
from pairkit.research.registry import CHECK_SPECS, run_and_save_checks, run_checks
from pairkit.setting import Setting
from tests.pairs import build_pair

SETTINGS = (
    Setting("draws", 300, "How many.", 10, 1000, 10),
    Setting("share", 0.5, "Of what.", 0, 1, 0.1),
    Setting("method", "shift", "Which.", options=("shift", "shuffle")),
)


@dataclass(frozen=True)
class Found:
    """A check that tells what it was asked."""

    asked: dict[str, object] = field(default_factory=dict)
    check: str = "placebo"

    def result(self) -> CheckResult:
        return CheckResult(self.check, "passed", "Asked.", {}, self.asked)


def fake(check: str = "placebo", **changes) -> CheckSpec:
    def run(case, given, *, progress, cancelled):
        if cancelled and cancelled():
            raise CancelledError("stopped")
        if progress:
            progress(1, 2)
        return Found(dict(given), check)

    return CheckSpec(
        check.title(), "It asks.", "No answer.", "answers", run, changes.get("settings", SETTINGS)
    )


@pytest.fixture
def fakes(monkeypatch):
    made = {name: fake(name) for name in ("placebo", "realism")}
    monkeypatch.setattr(registry, "CHECK_SPECS", made)
    return made


@pytest.fixture
def case() -> Case:
    return Case(build_pair(5, 120), StrategyConfig())


def test_every_check_is_offered_in_the_order_of_the_checks():
    """The registry has each check once, under its name, with a meaning and an alarm in whole sentences."""
    assert list(CHECK_SPECS) == list(CHECKS)
    for one in CHECK_SPECS.values():
        assert one.meaning.endswith(".")
        assert one.alarm.endswith(".")


@pytest.mark.parametrize(
    "setting",
    [setting for one in CHECK_SPECS.values() for setting in one.settings],
    ids=lambda setting: setting.name,
)
def test_every_default_is_accepted(setting):
    """Each setting takes its own default, as a value and as text, and keeps its kind."""
    assert setting.take(setting.default) == setting.default
    assert setting.read(str(setting.default)) == setting.default
    assert type(setting.read(str(setting.default))) is type(setting.default)


def test_what_is_given_reaches_the_check_and_the_rest_is_default(fakes, case):
    """Text becomes the option's kind; checks are made in the order asked for; progress says what is counted."""
    told = []
    found = run_checks(
        case,
        ["realism", "placebo"],
        {"placebo": {"draws": "500"}},
        progress=lambda *now: told.append(now),
    )
    assert list(found) == ["realism", "placebo"]
    assert found["placebo"].result().settings == {"draws": 500, "share": 0.5, "method": "shift"}
    assert found["realism"].result().settings == {"draws": 300, "share": 0.5, "method": "shift"}
    assert told == [(1, 2, "answers (Realism)"), (1, 2, "answers (Placebo)")]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"draws": 9}, "whole number from 10 to 1000"),
        ({"draws": "ten"}, "whole number"),
        ({"share": 1.5}, "number from 0 to 1"),
        ({"share": "nan"}, "number from 0 to 1"),
        ({"method": "other"}, "shift, shuffle"),
        ({"speed": 1}, "draws, share, method"),
    ],
)
def test_what_is_not_accepted_is_told(given, told):
    """Bounds, kinds, words and names are refused with what is accepted."""
    with pytest.raises(ConfigError, match=told):
        fake().values(given)


def test_an_unknown_check_is_told_before_any_is_made(fakes, case):
    """A misspelt name costs no waiting: the message lists the checks there are."""
    told = []
    with pytest.raises(ConfigError, match="placebo, realism"):
        run_checks(case, ["placebo", "luck"], progress=lambda *now: told.append(now))
    assert told == []


def test_the_figure_of_a_verdict_is_that_of_its_sentence():
    """What the overview shows first stands in the sentence too, or counts what the sentence says there is none of."""
    least = {"lookahead": {"cuts": 1}, "placebo": {"draws": 20}, "glitches": {"draws": 2}}
    case = Case(build_pair(5, 420), StrategyConfig(hedge_window=40, z_window=20, adf_gate=False))
    for check, found in run_checks(case, [*least, "realism"], least).items():
        result = found.result()
        figure = CHECK_SPECS[check].figure(result.figures)
        if check == "lookahead":
            assert (figure, result.verdict) == ("0 differences", "passed")
        else:
            said = figure.removesuffix(" left").lstrip("+-").split(" ")[-1]
            assert said in result.sentence, (check, figure)


def test_a_stop_ends_it(fakes, case):
    """Cancelled work raises, and gives no half result."""
    with pytest.raises(CancelledError):
        run_checks(case, cancelled=lambda: True)


def test_what_is_made_before_a_stop_is_kept(fakes, tmp_path, monkeypatch):
    """Each result is in the book as soon as it is made; the run counts as a trial once all are."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))
    pair = replace(build_pair(5, 120), provenance=Provenance("ab" * 32, "small"))
    case, stop = Case(pair, StrategyConfig()), []
    made = run_and_save_checks(case, ["placebo", "realism"], cancelled=lambda: bool(stop))
    stop.append(next(made))
    with pytest.raises(CancelledError):
        next(made)
    assert [one.check for one in load_checks(pair, case.config)] == ["placebo"]
    assert tried(pair).n_configs == 0
    assert [check for check, _ in run_and_save_checks(case, ["placebo", "realism"])] == [
        "placebo",
        "realism",
    ]
    assert [one.check for one in load_checks(pair, case.config)] == ["placebo", "realism"]
    assert dict(tried(pair).made_by) == {"check": 1}
