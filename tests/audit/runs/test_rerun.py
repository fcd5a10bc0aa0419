"""Reruns: the same where it is the same, the first difference where it is not, a sentence where it cannot be made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import rfc8785

from pairkit import rules
from pairkit.audit.runs import rerun as module
from pairkit.audit.runs.diff import numbers_apart
from pairkit.audit.runs.inputs import hash_of
from pairkit.audit.runs.manifest import read_manifest, run_manifest, save_run
from pairkit.audit.runs.rerun import rerun
from pairkit.audit.runs.tables import table_file, to_frame, to_parquet
from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.config import StrategyConfig
from pairkit.errors import PairkitError, RunError, SnapshotError
from pairkit.market.contracts import bundled_spec
from pairkit.market.terms import TermRecord
from pairkit.run import BacktestRun, run_backtest
from tests.cli.test_commands import cli  # noqa: F401  a fixture
from tests.pairs import leg_frame, pair_of

BARS = 300
CONFIG = StrategyConfig(
    adf_gate=False, entry_z=1.5, hedge_window=40, z_window=30, kalman_gamma=0.00037
)
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with two snapshots: `small`, and `other` of the same roots with one price changed."""
    rng = np.random.default_rng(23)
    x = 3600 * np.exp(np.cumsum(rng.normal(0, 0.012, BARS)))
    apart = np.zeros(BARS)
    for t in range(1, BARS):
        apart[t] = 0.8 * apart[t - 1] + rng.normal(0, 0.01)
    parent = tmp_path_factory.mktemp("snapshots")
    for name, nudge in (("small", 0.0), ("other", 1.0)):
        parts = []
        for root, close in (("HC", x), ("RB", x * np.exp(apart))):
            close = np.round(close)
            close[200] += nudge
            parts.append(
                pd.DataFrame(
                    {
                        "root": root,
                        "contract": None,
                        "trade_date": pd.bdate_range("2022-01-04", periods=BARS),
                        "open": close - 2,
                        "high": close + 9,
                        "low": close - 9,
                        "close": close,
                        "settle": close,
                        "volume": 5000.0,
                        "open_interest": 9000.0,
                        "up_limit": np.nan,
                        "down_limit": np.nan,
                    }
                )
            )
        write_snapshot(
            parent,
            name,
            bars=pd.concat(parts),
            specs=[bundled_spec("HC"), bundled_spec("RB")],
            data_scope={"source": "test", "simulated": True},
            created_utc="2024-06-01T00:00:00Z",
        )
    return parent


@pytest.fixture(scope="module")
def run(folder) -> BacktestRun:
    made = run_backtest(open_snapshot(folder / "small").pair("RB", "HC"), CONFIG)
    assert made.metrics["trades"] > 3
    return made


@pytest.fixture
def saved(run, tmp_path) -> Path:
    """A manifest with its tables beside it."""
    save_run(run, tmp_path / "run.json")
    return tmp_path / "run.json"


def edit(path: Path, change: Change, *, rehash: bool = False) -> Path:
    """The manifest with something changed; `rehash` makes its own hashes fit again."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    if rehash:
        content["config_sha256"], content["run_id"] = (
            hash_of(content["inputs"]["config"]),
            hash_of(content["inputs"]),
        )
    path.write_bytes(rfc8785.dumps(content))
    return path


def elsewhere(content: dict[str, Any]) -> None:
    """As if the manifest came from another version of numpy."""
    content["runtime"]["packages"]["numpy"] = "1.0.0"


def nudged(monkeypatch, stage: str, column: str, row: int, factor: float) -> None:
    """Make every run from now on come out otherwise in one cell."""

    def make(pair, config=None):
        run = run_backtest(pair, config)
        part = getattr(run, stage)
        values = getattr(part, column).copy()
        values[row] = values[row] * factor
        return BacktestRun(
            **{
                **{name: getattr(run, name) for name in run.__dataclass_fields__},
                stage: part._replace(**{column: values}),
            }
        )

    monkeypatch.setattr(module, "run_backtest", make)


def test_the_same_machine_gives_the_same_hashes(saved, folder):
    """Every column of both tables, to the bit; nothing of the runtime differs."""
    found = rerun(saved, folder)
    assert (found.verdict, found.exit_code, found.differences, found.runtime, found.notes) == (
        "same",
        0,
        (),
        (),
        (),
    )
    assert found.made.to_json() == saved.read_text(encoding="utf-8")


@pytest.mark.parametrize("model", ["ols", "kalman"])
def test_a_cut_run_is_cut_again(folder, tmp_path, model):
    """First and last bar are in the manifest, and the rerun takes the same rows."""
    whole = open_snapshot(folder / "small").pair("RB", "HC")
    made = run_backtest(whole[17:260], CONFIG.replace(hedge_model=model))
    content = save_run(made, tmp_path / "run.json").content
    assert content["inputs"]["cut"] == {
        "first": f"{whole.trade_date[17]:%Y-%m-%d}",
        "last": f"{whole.trade_date[259]:%Y-%m-%d}",
    }
    found = rerun(tmp_path / "run.json", folder)
    assert found.verdict == "same"
    assert found.run.frame.equals(made.frame)


def test_a_snapshot_is_found_by_its_id_under_another_name(saved, folder, tmp_path):
    """A colleague may keep the folder under a name of their own."""
    shutil.copytree(folder / "small", tmp_path / "elsewhere" / "from-anna")
    assert rerun(saved, tmp_path / "elsewhere").verdict == "same"


def test_a_changed_number_is_found_where_it_is(saved, folder, monkeypatch):
    """One cell of equity moved by 1e-9: column, day, and both values are told; hashes alone could not."""
    nudged(monkeypatch, "ledger", "equity", 123, 1 + 1e-9)
    found = rerun(saved, folder)
    assert (found.verdict, found.exit_code) == ("differs", 1)
    first = found.differences[0]
    recorded = run_backtest(found.run.pair, CONFIG).frame
    assert (first.where, first.column, first.row) == (
        "frame",
        "equity",
        f"{recorded.index[123]:%Y-%m-%d}",
    )
    assert first.recorded == recorded["equity"].iloc[123]
    assert first.rerun == found.run.frame["equity"].iloc[123] != first.recorded
    assert first.row in found.sentence


def test_on_the_same_machine_the_last_bit_counts(saved, folder, monkeypatch):
    """There is no reason for another bit, so one is a difference."""
    nudged(monkeypatch, "ledger", "equity", 123, 1 + 4e-16)
    assert rerun(saved, folder).verdict == "differs"


@pytest.mark.parametrize(
    ("factor", "verdict", "code"),
    [
        (1 + 4e-16, "within_tolerance", 0),
        (1 + 0.9e-12, "within_tolerance", 0),
        (1 + 1.2e-12, "differs", 1),
    ],
)
def test_on_other_versions_1e_12_counts(saved, folder, monkeypatch, factor, verdict, code):
    """Just within is good and just beyond is not; what differs in the runtime is told."""
    nudged(monkeypatch, "indicators", "adf_pvalue", 250, factor)
    found = rerun(edit(saved, elsewhere), folder)
    assert (found.verdict, found.exit_code) == (verdict, code)
    assert [(what, then) for what, then, _ in found.runtime] == [("numpy", "1.0.0")]


def test_another_decision_is_a_difference_on_any_version(saved, folder, monkeypatch):
    """Words have no tolerance: one reason changed is told with both words."""
    nudged(monkeypatch, "ledger", "reason", -1, 0)
    found = rerun(edit(saved, elsewhere), folder)
    then = run_backtest(found.run.pair, CONFIG).frame["reason"].iloc[-1]
    assert [(one.column, one.recorded, one.rerun) for one in found.differences] == [
        ("reason", then, "")
    ]


def test_without_its_tables_bits_that_moved_elsewhere_cannot_be_judged(saved, folder, monkeypatch):
    """Exit code 2, the columns by name, and what to ask for; on the same machine it is a difference all the same."""
    for name in ("frame", "trades"):
        table_file(saved, name).unlink()
    nudged(monkeypatch, "ledger", "equity", 123, 1 + 4e-16)
    here = rerun(saved, folder)
    assert (here.verdict, here.differences[0].column, here.differences[0].recorded) == (
        "differs",
        "equity",
        None,
    )
    found = rerun(edit(saved, elsewhere), folder)
    assert (found.verdict, found.exit_code) == ("cannot_tell", 2)
    assert "frame.equity" in found.sentence
    assert ".parquet" in found.sentence


def of_older_rules(content):
    """As a manifest of the rules before: no date of rules, none of the later settings and metrics, drawdowns of the peak."""
    content["runtime"]["code_sha256"] = "0" * 64
    del content["rules"]
    for name in ("fixed_beta", "max_participation", "one_sided_margin"):
        content["inputs"]["config"].pop(name)
    for name in ("sortino", "calmar", "underwater_bars", "turnover"):
        content["metrics"].pop(name)
    content["metrics"]["max_drawdown"] *= 0.9


OLD_SETTINGS = CONFIG.replace(max_participation=0.0, one_sided_margin=False)


@pytest.fixture
def of_older(folder, tmp_path) -> Path:
    """A manifest of the rules before, by what the run gives under settings that did not exist then."""
    save_run(
        run_backtest(open_snapshot(folder / "small").pair("RB", "HC"), OLD_SETTINGS),
        tmp_path / "run.json",
    )
    command = "python -m pairkit run small RB HC " + " ".join(
        f"--set {name}={getattr(CONFIG, name)}"
        for name in ("hedge_window", "kalman_gamma", "z_window", "entry_z", "adf_gate")
    )

    def change(content):
        of_older_rules(content)
        content["rerun_command"] = command

    return edit(tmp_path / "run.json", change, rehash=True)


def test_a_run_of_older_rules_is_said_to_be_so(of_older, folder):
    """What the changed rules move is named with them, what is new is said, and neither is called a difference."""
    found = rerun(of_older, folder)
    assert (found.verdict, found.exit_code) == ("rules_changed", 0)
    assert [difference.column for difference in found.differences] == ["max_drawdown"]
    assert "drawdowns are fractions of the capital (5)" in found.sentence
    assert "metrics, added since: sortino, calmar, underwater_bars, turnover." in found.notes


def test_changed_rules_excuse_nothing_else(of_older, folder):
    """A better Sharpe ratio in a manifest of older rules is a difference: no rule that changed can have made it."""
    found = rerun(edit(of_older, lambda content: content["metrics"].update(sharpe=3.0)), folder)
    assert (found.verdict, found.exit_code) == ("differs", 1)


def test_a_rule_that_moved_no_column_excuses_no_metric(of_older, folder, monkeypatch):
    """Rules that could have touched the run and left every column alone are not named, and a forged metric differs by itself."""
    wide = [
        each._replace(touches=lambda run: True) if "metrics.*" in each.columns else each
        for each in rules.CHANGES
    ]
    monkeypatch.setattr(rules, "CHANGES", tuple(wide))
    found = rerun(of_older, folder)
    assert found.verdict == "rules_changed"
    assert "tick" not in found.sentence
    assert "fee_close_today" not in found.sentence
    forged = rerun(edit(of_older, lambda content: content["metrics"].update(sharpe=3.0)), folder)
    assert forged.verdict == "differs"
    assert "first in metrics, column sharpe" in forged.sentence


def test_code_of_today_made_no_run_of_older_rules(saved, folder):
    """A manifest that drops the date of its rules, and betters a drawdown by it, was edited: its code is the one that is here."""

    def change(content):
        del content["rules"]
        content["metrics"]["max_drawdown"] *= 0.9

    found = rerun(edit(saved, change), folder)
    assert (found.verdict, found.exit_code) == ("differs", 1)


def test_a_column_that_the_manifest_leaves_out_and_its_table_has_is_missed(saved, folder):
    """Results may grow, and what was recorded cannot shrink: no code ever wrote a table with more than it listed."""

    def change(content):
        content["runtime"]["code_sha256"] = "0" * 64
        frame = content["outputs"]["frame"]
        del frame["column_hashes"]["equity"]
        frame["columns"].remove("equity")

    with pytest.raises(RunError, match="does not list equity"):
        rerun(edit(saved, change), folder)


@pytest.mark.parametrize("name", ["total_return", "costs"])
def test_a_metric_that_its_own_table_refutes_is_refused(of_older, folder, name):
    """What the recorded equity and costs add up to follows from no rule that could have changed."""
    forged = edit(of_older, lambda content: content["metrics"].update({name: 0.9}))
    with pytest.raises(RunError, match=f"metrics.{name} is 0.9, and the table"):
        rerun(forged, folder)


def test_results_may_grow(saved, folder):
    """A metric that only other code knows is said and decides nothing; of the same code it would be a difference."""

    def more(content):
        content["metrics"]["ulcer"] = 0.1

    assert rerun(edit(saved, more), folder).verdict == "differs"
    found = rerun(edit(saved, elsewhere), folder)
    assert (found.verdict, found.exit_code) == ("same", 0)
    assert "metrics, no longer there: ulcer." in found.notes


@pytest.mark.parametrize("hashed", ["equity", "z"])
def test_an_altered_hash_of_a_column_is_refused(saved, folder, hashed):
    """The table beside the manifest is its own and says otherwise: no tolerance excuses that, on whatever machine."""

    def change(content):
        elsewhere(content)
        content["outputs"]["frame"]["column_hashes"][hashed] = "0" * 64

    with pytest.raises(RunError, match=f"column_hashes.{hashed} is not the hash"):
        rerun(edit(saved, change), folder)


@pytest.mark.parametrize("name", ["placebo", "market_impact"])
def test_checks_and_trials_are_said_not_to_be_checked(saved, folder, name):
    """A forged check passes for no more than it is; one of a later version is read like any other."""
    check = {
        "check": name,
        "verdict": "passed",
        "sentence": "Best of all.",
        "figures": {},
        "settings": {},
    }
    found = rerun(edit(saved, lambda content: content["checks"].append(check)), folder)
    assert any("checks were not checked" in note for note in found.notes)


def test_without_its_tables_the_same_is_still_proved(saved, folder):
    """Hashes are enough for yes, whatever the versions."""
    for name in ("frame", "trades"):
        table_file(saved, name).unlink()
    assert rerun(edit(saved, elsewhere), folder).verdict == "same"


def test_a_table_of_another_run_is_not_believed(saved, folder):
    """Its content must have the manifest's hash; it is left aside with a word, and what is not a table too."""
    path = table_file(saved, "frame")
    table = pq.read_table(path)
    path.write_bytes(to_parquet(table.slice(1)))
    table_file(saved, "trades").write_bytes(b"PAR1 not at all")
    found = rerun(saved, folder)
    assert found.verdict == "same"
    assert "belongs to another run" in found.notes[0]
    assert "cannot be read as a table" in found.notes[1]


def outputs(table: str, key: str, value: Any) -> Change:
    return lambda content: content["outputs"][table].update({key: value})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (outputs("frame", "content_hash", "0" * 64), "(content hash of the table)"),
        (outputs("trades", "rows", 99), "(number of rows)"),
        (lambda content: content["outputs"]["frame"]["column_hashes"].update(z="0" * 64), "z"),
        (lambda content: content["metrics"].update(sharpe=3.0), "sharpe"),
        (lambda content: content["metrics"].update(dsr=0.99), "dsr"),
        (lambda content: content["metrics"].pop("costs"), "costs"),
        (lambda content: content["findings"].clear(), "findings"),
        (lambda content: content.update(rerun_command="rm -r ~"), "rerun_command"),
    ],
)
def test_a_result_that_was_edited_is_a_difference(saved, folder, change, told):
    """Everything in a manifest is derived again: a better Sharpe, a finding left out, a hash, a command."""
    for name in ("frame", "trades"):
        table_file(saved, name).unlink()
    found = rerun(edit(saved, change), folder)
    assert (found.verdict, found.exit_code) == ("differs", 1)
    assert told in [difference.column for difference in found.differences]


def inputs(part: str, **values: Any) -> Change:
    return lambda content: content["inputs"][part].update(values)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (inputs("config", entry_z=2.5), "config_sha256 is"),
        (inputs("pair", y="HC", x="RB"), "run_id is"),
        (inputs("snapshot", id="ab" * 32), "run_id is"),
        (inputs("bars", rows=3), "run_id is"),
        (lambda content: content["inputs"]["contract_specs"][0].update(fee_open=0.0), "run_id is"),
        (lambda content: content.update(run_id="0" * 64), "run_id is"),
        (lambda content: content["outputs"]["trades"].update(columns=["side"]), "hashes of"),
        (lambda content: content["outputs"]["frame"]["column_hashes"].pop("z"), "hashes of"),
        (lambda content: content.update(schema="pairkit.run/9"), "reads 'pairkit.run/1'"),
        (lambda content: content.pop("outputs"), "outputs: Field required"),
        (lambda content: content.update(saved_at="today"), "saved_at: Extra inputs"),
        (lambda content: content["metrics"].update(sharpe="3"), "metrics.sharpe"),
        (lambda content: content["inputs"]["config"].update(entry_z=[2]), "inputs.config.entry_z"),
    ],
)
def test_an_altered_manifest_is_refused(saved, folder, change, sentence):
    """Inputs that do not fit the id, a config that does not fit its hash, another schema or shape."""
    with pytest.raises(RunError) as refused:
        rerun(edit(saved, change), folder)
    assert sentence in str(refused.value)
    assert "run.json" in str(refused.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (inputs("bars", content_hash="0" * 64), "made of the bars"),
        (inputs("bars", rows=17), "made of the bars"),
        (inputs("snapshot", simulated=False), "snapshot came out otherwise"),
        (inputs("snapshot", id="ab" * 32), "has the id"),
        (inputs("snapshot", id="ab" * 32, name="gone"), "is not in"),
        (inputs("pair", x="ZZ"), "no root 'ZZ'"),
        (inputs("config", entry_z=99.0), "entry_z = 99: accepted"),
        (inputs("config", entry=2.0), "no setting 'entry'"),
        (lambda content: content["inputs"]["config"].pop("entry_z"), "lacks entry_z"),
        (
            lambda content: content["inputs"].update(
                cut={"first": "2022-02-31", "last": "2022-03-01"}
            ),
            "not a day of the calendar",
        ),
        (
            lambda content: content["inputs"].update(
                cut={"first": "2032-02-01", "last": "2033-03-01"}
            ),
            "no bar from 2032",
        ),
        (
            lambda content: content["inputs"]["contract_specs"][0].update(code="HC"),
            "It was altered",
        ),
        (lambda content: content["inputs"]["contract_specs"][0].update(tick=-1), "are not such"),
        (lambda content: content["inputs"].update(snapshot=None), "own frames"),
    ],
)
def test_a_lie_that_hashes_right_is_refused_too(saved, folder, change, sentence):
    """Inputs rewritten together with the id: the snapshot does not give them, or they are none."""
    with pytest.raises(PairkitError) as refused:
        rerun(edit(saved, change, rehash=True), folder)
    assert sentence in str(refused.value)


def test_a_lie_about_the_config_that_hashes_right_comes_out_otherwise(saved, folder):
    """Whoever claims these results for another config is refuted by running that config."""
    found = rerun(edit(saved, inputs("config", entry_z=2.25), rehash=True), folder)
    assert (found.verdict, found.exit_code) == ("differs", 1)


def test_own_contract_terms_are_rerun_and_told(run, folder, tmp_path):
    """A run on a broker's fees is rerun on them, and the note says that they are not the snapshot's."""
    from dataclasses import replace

    spec = replace(run.pair.y_spec, fee_open=0.0002, source="broker")
    save_run(run_backtest(replace(run.pair, y_spec=spec), CONFIG), tmp_path / "run.json")
    found = rerun(tmp_path / "run.json", folder)
    assert found.verdict == "same"
    assert (
        "RB is run on other terms than the snapshot's (fee_open, source; source: broker)"
        in found.notes[0]
    )


def test_the_records_of_terms_that_a_run_used_are_listed_and_rerun(run, folder, tmp_path):
    """A run on dated records lists those in force on its bars alone, and is rerun from the snapshot's without a note."""
    from dataclasses import replace

    snapshot = open_snapshot(folder / "small")
    day = f"{run.pair.trade_date[40]:%Y-%m-%d}"
    records = [
        TermRecord("tick", 2.0, contract="RB9901"),
        TermRecord("tick", 2.0, from_date=day, source="exchange", version="3"),
        TermRecord("margin_rate", 0.2, from_date="2099-01-04"),
    ]
    dated = replace(snapshot.specs["RB"], terms=records)
    made = write_snapshot(
        tmp_path / "snapshots",
        "dated",
        bars=snapshot.bars,
        specs=[snapshot.specs["HC"], dated],
        data_scope={"source": "test", "simulated": True},
    )
    for part in (slice(None), slice(None, 30)):
        pair = made.pair("RB", "HC")[part]
        save_run(run_backtest(pair, CONFIG), tmp_path / "run.json")
        listed = json.loads((tmp_path / "run.json").read_bytes())["inputs"]["contract_specs"]
        used = [(one["field"], one.get("from_date"), one["source"]) for one in listed[0]["terms"]]
        assert (("tick", day, "exchange") in used) == (part.stop is None)
        assert {source for _, _, source in used} <= {"typical", "exchange"}
        assert "terms" not in listed[1]
        found = rerun(tmp_path / "run.json", tmp_path / "snapshots")
        assert (found.verdict, found.notes) == ("same", ())


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "is not JSON"),
        (b"[]", "has the schema None"),
        (b'{"schema":1,"schema":1}', "twice"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":' + b"[" * 50 + b"]" * 50 + b"}", "deeper"),
        (b" " * (5 * 1024 * 1024), "bytes"),
        (b"\xff", "UTF-8"),
    ],
)
def test_what_is_no_manifest_is_told(tmp_path, folder, raw, sentence):
    """One reading of JSON only, of bounded size and depth."""
    (tmp_path / "run.json").write_bytes(raw)
    with pytest.raises(RunError, match=sentence):
        rerun(tmp_path / "run.json", folder)
    with pytest.raises(RunError, match="cannot be read"):
        rerun(tmp_path / "absent.json", folder)


def test_an_altered_snapshot_is_refused(saved, folder, tmp_path):
    """One byte of its bars changed, its manifest as it was."""
    shutil.copytree(folder / "small", tmp_path / "s" / "small")
    bars = tmp_path / "s" / "small" / "bars.parquet"
    raw = bytearray(bars.read_bytes())
    raw[len(raw) // 2] ^= 1
    bars.write_bytes(raw)
    with pytest.raises(SnapshotError, match=r"bars\.parquet: expected sha256"):
        rerun(saved, tmp_path / "s")


def test_the_command_answers_with_its_exit_code(cli, saved, folder, tmp_path, monkeypatch):  # noqa: F811
    """0 the same, 1 differs with the place, 2 cannot, in words and in JSON."""
    good = cli("rerun", saved, "--dir", folder)
    assert (good.code, good.out.startswith("The same")) == (0, True)
    assert json.loads(cli("rerun", saved, "--dir", folder, "--json").out)["verdict"] == "same"
    away = cli("rerun", saved, "--dir", tmp_path)
    assert (away.code, away.out) == (2, "")
    assert "is not in" in away.err
    told = cli("rerun", saved, "--dir", tmp_path, "--json")
    assert (told.code, json.loads(told.out)["verdict"]) == (2, "cannot")
    nudged(monkeypatch, "indicators", "z", 150, 1.5)
    bad = cli("rerun", saved, "--dir", folder)
    assert bad.code == 1
    day = f"{pd.bdate_range('2022-01-04', periods=BARS)[150]:%Y-%m-%d}"
    assert f"frame, column z, row {day}: recorded " in bad.out


def test_run_writes_what_rerun_reads(cli, folder, tmp_path):  # noqa: F811
    """`run --manifest` with a cut and settings of each kind, then `rerun`, in the words of the command line."""
    file = tmp_path / "x.json"
    settings = (
        "--set",
        "rearm=false",
        "--set",
        "kalman_gamma=0.00037",
        "--set",
        "hedge_model=kalman",
    )
    made = cli(
        "run",
        "small",
        "RB",
        "HC",
        "--dir",
        folder,
        "--first",
        "2022-02-01",
        "--last",
        "2022-12-30",
        *settings,
        "--manifest",
        file,
        "--json",
    )
    assert made.code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "x.frame.parquet",
        "x.json",
        "x.trades.parquet",
    ]
    assert cli("rerun", file, "--dir", folder).code == 0
    words = json.loads(made.out)["rerun_command"].split()
    assert cli(*words[3:], "--dir", folder, "--json").out == made.out


def test_own_frames_cannot_be_rerun(tmp_path, folder):
    """The sentence says why, and what their author can do."""
    save_run(
        run_backtest(pair_of(leg_frame([100.0] * 40), leg_frame([50.0] * 40))),
        tmp_path / "own.json",
    )
    with pytest.raises(RunError, match=r"own frames.*not the bars.*snapshot import"):
        rerun(tmp_path / "own.json", folder)


def test_saved_tables_are_the_runs_own(run, saved):
    """Read back from Parquet: each number, date and word of the frame."""
    frame = to_frame(pq.read_table(table_file(saved, "frame"))).set_index("trade_date")
    assert list(frame.columns) == list(run.frame.columns)
    for name in frame.columns:
        ours = run.frame[name]
        if ours.dtype == bool:
            ours = ours.astype(float)
        assert ours.to_list() == frame[name].to_list() or np.array_equal(
            ours.astype(float), frame[name], equal_nan=True
        ), name
    assert frame.index.equals(run.frame.index)


@pytest.mark.parametrize(
    ("recorded", "made", "apart"),
    [
        ([1.0, 2.0], [1.0 + 5e-13, 2.0], [False, False]),
        ([1e-14, 1.0], [2e-14, 1.0], [False, False]),  # near zero the column's usual size counts
        ([1e-14, 2e-14], [3e-14, 2e-14], [True, False]),
        ([np.nan, 1.0], [np.nan, np.nan], [False, True]),
        ([np.inf, -np.inf], [np.inf, np.inf], [False, True]),
        ([0.0, 0.0], [0.0, 1e-300], [False, True]),
        ([-0.0], [0.0], [False]),
    ],
)
def test_when_two_numbers_agree(recorded, made, apart):
    """By hand: tolerance, usual size, NaN, infinities, zero."""
    assert numbers_apart(np.array(recorded), np.array(made), 1e-12).tolist() == apart


def test_reading_a_manifest_back_gives_its_text(run, saved):
    """Nothing is lost between the file and the manifest."""
    assert read_manifest(saved).to_json() == run_manifest(run).to_json()


def _places(plain: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in nested JSON."""
    below = (
        plain.items()
        if isinstance(plain, dict)
        else enumerate(plain)
        if isinstance(plain, list)
        else ()
    )
    return [path, *(place for key, value in below for place in _places(value, (*path, key)))]


ODD = [
    None,
    True,
    0,
    -1,
    2**60,
    1.5,
    1e308,
    "",
    "x",
    "../..",
    "\ud800",
    "2022-02-30",
    "9999-12-31",
    [],
    {},
    ["x"],
    {"x": 1},
]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_in_a_manifest_the_answer_is_a_verdict_or_a_sentence(saved, folder, seed):
    """Any value put in any place, hashes made right again or not: never an error that is not pairkit's own."""
    rng = np.random.default_rng(seed)
    text = saved.read_text(encoding="utf-8")
    places = [place for place in _places(json.loads(text)) if place]
    parts = [place for place in places if place[0] == "inputs"]
    verdicts = set()
    for turn in range(60):
        content = json.loads(text)
        *above, last = (parts if turn % 2 else places)[
            rng.integers(len(parts if turn % 2 else places))
        ]
        inner = content
        for key in above:
            inner = inner[key]
        inner[last] = ODD[rng.integers(len(ODD))]
        try:
            content["config_sha256"], content["run_id"] = (
                hash_of(content["inputs"]["config"]),
                hash_of(content["inputs"]),
            )
            saved.write_bytes(rfc8785.dumps(content))
        except (
            PairkitError,
            TypeError,
            KeyError,
            rfc8785.CanonicalizationError,
            UnicodeEncodeError,
        ):
            saved.write_text(json.dumps(content), encoding="utf-8")
        try:
            verdicts.add(rerun(saved, folder).verdict)
        except PairkitError as error:
            verdicts.add("refused" if str(error) else "without a word")
    assert "refused" in verdicts
    assert "without a word" not in verdicts
