"""Run manifests: what the id depends on, what the hashes notice, and that the text is canonical JSON."""

from __future__ import annotations

import hashlib
import json
import math
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import rfc8785

from pairkit.audit import runtime
from pairkit.audit.runs import manifest as module
from pairkit.audit.runs.manifest import checked_manifest, run_manifest
from pairkit.audit.runs.schema import schema_text
from pairkit.audit.runs.tables import tables_of
from pairkit.audit.runtime import describe_run_runtime
from pairkit.audit.seal import content_hash
from pairkit.columns import METRICS, RUN_COLUMNS, TRADE_COLUMNS, names
from pairkit.config import StrategyConfig
from pairkit.errors import RunError
from pairkit.findings import Finding
from pairkit.pair import PairFrame, Provenance
from pairkit.run import BacktestRun, run_backtest
from tests.pairs import build_pair, draw_config, leg_frame, pair_of, spec

PARTS = {
    "schema",
    "run_id",
    "inputs",
    "config_sha256",
    "runtime",
    "outputs",
    "metrics",
    "findings",
    "checks",
    "trials",
    "rerun_command",
    "rules",
}
SCHEMA_FILE = Path(module.__file__).with_name("run_schema.json")
FOUND = Finding(
    "zero_settle", "warning", "Y has 2 zero settlements.", "Y", 2, ("2021-02-01", "2021-02-02")
)


def sealed_pair() -> PairFrame:
    """A pair that says it comes from a snapshot."""
    return replace(
        build_pair(5, 200),
        provenance=Provenance("ab" * 32, "small", simulated=True, findings=(FOUND,)),
    )


@pytest.fixture(scope="module")
def run() -> BacktestRun:
    return run_backtest(sealed_pair(), draw_config(5))


def sha(plain: object) -> str:
    """sha256 of the canonical JSON, by hashlib and rfc8785."""
    return hashlib.sha256(rfc8785.dumps(plain)).hexdigest()


def id_of(pair: PairFrame, config: StrategyConfig) -> str:
    return run_manifest(run_backtest(pair, config)).run_id


def test_the_same_run_makes_the_same_text(run):
    """Two computations of one thing, two equal manifests to the byte."""
    again = run_backtest(sealed_pair(), draw_config(5))
    assert run_manifest(again).to_json() == run_manifest(run).to_json()


def test_the_text_is_canonical_json(run):
    """RFC 8785: encoding what was decoded gives the same bytes, and NaN appears nowhere."""
    text = run_manifest(run).to_json()
    plain = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert rfc8785.dumps(plain) == text.encode("utf-8")
    assert set(plain) == PARTS


def test_the_run_id_is_the_hash_of_the_inputs(run):
    """Anyone can check it from the text alone."""
    plain = json.loads(run_manifest(run).to_json())
    assert plain["run_id"] == sha(plain["inputs"])
    assert (
        plain["config_sha256"]
        == sha(plain["inputs"]["config"])
        == sha(run.config.model_dump(mode="json"))
    )


def test_the_inputs_name_everything_that_went_in(run):
    """Snapshot, pair, bars, both specs and every setting."""
    inputs = run_manifest(run).content["inputs"]
    dates = run.pair.trade_date
    assert inputs["snapshot"] == {"id": "ab" * 32, "name": "small", "simulated": True}
    assert inputs["pair"] == {"y": "Y", "x": "X"}
    assert inputs["bars"]["rows"] == len(run.pair)
    assert (inputs["bars"]["first"], inputs["bars"]["last"]) == (
        f"{dates[0]:%Y-%m-%d}",
        f"{dates[-1]:%Y-%m-%d}",
    )
    assert inputs["contract_specs"] == [run.pair.y_spec.to_dict(), run.pair.x_spec.to_dict()]
    assert StrategyConfig(**inputs["config"]) == run.config


def test_the_run_id_does_not_depend_on_who_runs_it_or_what_comes_out(run, monkeypatch):
    """Another machine, other findings and other results leave the id alone; the rest of the manifest tells."""
    before = run_manifest(run)
    monkeypatch.setattr(runtime, "__version__", "99.0")
    other = replace(
        run,
        metrics={**run.metrics, "sharpe": 99.0},
        pair=replace(run.pair, provenance=replace(run.pair.provenance, findings=())),
    )
    after = run_manifest(other)
    assert after.run_id == before.run_id
    assert after.content["runtime"] == {**before.content["runtime"], "pairkit_version": "99.0"}
    assert after.content["metrics"]["sharpe"] == 99.0
    assert (after.content["findings"], before.content["findings"]) == ([], [FOUND.to_dict()])


def test_the_run_id_depends_on_each_input():
    """One changed bar, size, contract name, term, setting, row, snapshot or order of legs: another id."""
    pair, config = sealed_pair(), draw_config(5)

    def with_y(name: str, row: int, value: float) -> PairFrame:
        column = getattr(pair.y, name).copy()
        column[row] = value
        return replace(pair, y=replace(pair.y, **{name: column}))

    last = len(pair) - 1
    variants = {
        "as it is": (pair, config),
        "close": (
            with_y(
                "close",
                last,
                pair.y.close[last] * (1 + 1e-15) if np.isfinite(pair.y.close[last]) else 1.0,
            ),
            config,
        ),
        "the other leg": (replace(pair, x=replace(pair.x, volume=pair.x.volume + 1.0)), config),
        "a figure no rule reads": (with_y("high", 7, 12345.0), config),
        "volume": (with_y("volume", last, 123456.0), config),
        "now missing": (with_y("settle", 9, math.nan), config),
        "contract": (with_y("contract", last, 0), config),
        "fewer rows": (pair[:-1], config),
        "legs swapped": (
            replace(pair, y=pair.x, x=pair.y, y_spec=pair.x_spec, x_spec=pair.y_spec),
            config,
        ),
        "fee": (
            replace(pair, x_spec=replace(pair.x_spec, fee_open=pair.x_spec.fee_open + 1e-9)),
            config,
        ),
        "margin": (replace(pair, y_spec=replace(pair.y_spec, margin_rate=0.5)), config),
        "snapshot": (
            replace(pair, provenance=replace(pair.provenance, snapshot_id="cd" * 32)),
            config,
        ),
        "setting": (pair, config.replace(slippage_ticks=config.slippage_ticks + 0.5)),
        "setting without effect": (pair, config.replace(kalman_gamma=0.05)),
    }
    ids = {name: id_of(*variant) for name, variant in variants.items()}
    assert len(set(ids.values())) == len(variants), ids


@pytest.mark.parametrize("column", ["equity", "pnl", "state", "lots", "deferred"])
def test_a_changed_output_changes_its_hash(run, column):
    """One cell of the frame is enough, be it a number, a word or a flag."""
    values = getattr(run.ledger, column).copy()
    values[-1] = (
        values[-1] * (1 + 1e-15)
        if column == "equity"
        else not values[-1]
        if column == "deferred"
        else values[-1] + 1
    )
    other = replace(run, ledger=run.ledger._replace(**{column: values}))
    ours, theirs = run_manifest(run).content["outputs"], run_manifest(other).content["outputs"]
    assert ours["frame"]["content_hash"] != theirs["frame"]["content_hash"]
    assert ours["trades"] == theirs["trades"]


def test_a_changed_trade_changes_only_the_hash_of_the_trades(run):
    """The tables are hashed apart."""
    money = run.ledger.trade_money.copy()
    assert len(money), "the run must have trades"
    money[0, 2] -= 1.0
    other = replace(run, ledger=run.ledger._replace(trade_money=money))
    ours, theirs = run_manifest(run).content["outputs"], run_manifest(other).content["outputs"]
    assert ours["trades"]["content_hash"] != theirs["trades"]["content_hash"]
    assert ours["frame"] == theirs["frame"]


def test_outputs_say_their_rows_and_columns(run):
    """As in the tables themselves."""
    outputs = run_manifest(run).content["outputs"]
    assert outputs["frame"]["columns"] == ["trade_date", *names(RUN_COLUMNS)]
    assert outputs["trades"]["columns"] == names(TRADE_COLUMNS)
    assert (outputs["frame"]["rows"], outputs["trades"]["rows"]) == (
        len(run.frame),
        len(run.trades),
    )


def test_an_undefined_metric_is_null():
    """A run without trades has a Sharpe ratio of null, not NaN and not 0."""
    flat = run_backtest(pair_of(leg_frame([100.0] * 30), leg_frame([50.0] * 30)))
    metrics = json.loads(run_manifest(flat).to_json())["metrics"]
    assert sorted(metrics) == sorted(names(METRICS))
    assert metrics["sharpe"] is metrics["win_rate"] is metrics["dsr"] is None
    assert (metrics["trades"], metrics["total_return"]) == (0, 0.0)


def test_own_frames_have_no_snapshot_and_no_rerun_command():
    """Nobody else has those bars."""
    content = run_manifest(
        run_backtest(pair_of(leg_frame([100.0] * 30), leg_frame([50.0] * 30)))
    ).content
    assert content["inputs"]["snapshot"] is None
    assert content["rerun_command"] is None
    assert [finding["kind"] for finding in content["findings"]] == ["unadjusted_splice"] * 2


def test_the_rerun_command_names_what_differs_from_the_defaults():
    """Snapshot, legs, and each changed setting once."""
    pair = sealed_pair()
    plain = run_manifest(run_backtest(pair))
    assert plain.content["rerun_command"] == "python -m pairkit run abababababab Y X"
    changed = run_manifest(
        run_backtest(pair, StrategyConfig(entry_z=2.2, rearm=False, hedge_model="kalman"))
    )
    assert changed.content["rerun_command"] == (
        "python -m pairkit run abababababab Y X --set hedge_model=kalman --set entry_z=2.2 --set rearm=False"
    )


def test_a_manifest_is_saved_whole(run, tmp_path):
    """The file holds the very text, and nothing is left beside it; saving again replaces it."""
    made = run_manifest(run)
    for _ in range(2):
        assert made.save(tmp_path / "run.json").read_bytes() == made.to_json().encode("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_folder_that_is_not_there_is_told(run, tmp_path):
    """A RunError with the path, and no file anywhere."""
    with pytest.raises(RunError, match=r"nowhere.*could not be written.*Choose a folder"):
        run_manifest(run).save(tmp_path / "nowhere" / "run.json")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_nothing_behind(run, tmp_path):
    """Where a folder stands in the way, it stays as it is, without a draft beside it."""
    (tmp_path / "run.json").mkdir()
    with pytest.raises(RunError, match="could not be written"):
        run_manifest(run).save(tmp_path / "run.json")
    assert [path.name for path in tmp_path.rglob("*")] == ["run.json"]


def test_no_time_of_day_is_in_a_manifest(run):
    """Nothing in it says when it was made: dates are days of the bars."""
    assert re.search(r"\d\d:\d\d|created|started|finished", run_manifest(run).to_json()) is None


def test_specs_enter_with_their_source(run):
    """Where fees and margins come from is part of the inputs."""
    named = replace(
        run, pair=replace(run.pair, y_spec=spec("Y", source="broker", version="2024-05"))
    )
    first = run_manifest(named).content["inputs"]["contract_specs"][0]
    assert (first["source"], first["version"]) == ("broker", "2024-05")


# --- schema, cut, code -----------------------------------------------------------------------------------------------
def test_the_shipped_schema_is_the_one_that_is_checked():
    """`run_schema.json` is made from the shape in the code, and is a valid JSON Schema itself."""
    shipped = SCHEMA_FILE.read_text(encoding="utf-8")
    assert shipped == schema_text(), "run `python docs/make_run_schema.py`"
    jsonschema.Draft202012Validator.check_schema(json.loads(shipped))


@pytest.mark.parametrize(
    "pair",
    [sealed_pair(), sealed_pair()[20:90], pair_of(leg_frame([100.0] * 30), leg_frame([50.0] * 30))],
    ids=["sealed", "cut", "own frames"],
)
def test_manifests_are_valid_under_the_shipped_schema(pair):
    """Whatever a run is made of."""
    plain = json.loads(run_manifest(run_backtest(pair)).to_json())
    jsonschema.validate(plain, json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "change",
    [
        lambda plain: plain.pop("metrics"),
        lambda plain: plain.update(note="x"),
        lambda plain: plain.update(run_id="XYZ"),
        lambda plain: plain["metrics"].update(sharpe="high"),
        lambda plain: plain["inputs"].update(contract_specs=[]),
        lambda plain: plain["outputs"]["frame"].update(rows=-1),
        lambda plain: plain["runtime"].update(git_dirty="no"),
        lambda plain: plain["findings"][0].update(severity="bad"),
        lambda plain: plain.update(schema="pairkit.run/2"),
    ],
)
def test_the_schema_and_the_reader_refuse_the_same(run, change):
    """What the shipped schema does not allow, `checked_manifest` does not read."""
    plain = json.loads(run_manifest(run).to_json())
    change(plain)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain, json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    with pytest.raises(RunError):
        checked_manifest(plain, what="run.json")


def test_a_cut_is_told(run):
    """A slice of a pair says which rows were kept, has an id of its own, and a command that cuts; a whole pair says null."""
    part = run_manifest(run_backtest(run.pair[20:90], run.config))
    dates = run.pair.trade_date
    first, last = f"{dates[20]:%Y-%m-%d}", f"{dates[89]:%Y-%m-%d}"
    assert part.content["inputs"]["cut"] == {"first": first, "last": last}
    assert f" --first {first} --last {last}" in part.content["rerun_command"]
    assert part.run_id != run_manifest(run).run_id
    assert run_manifest(run_backtest(run.pair[:], run.config)).content["inputs"]["cut"] is None


def test_each_column_has_its_hash(run):
    """The hash of a table of that column alone; one changed cell changes one of them."""
    values = run.ledger.pnl.copy()
    values[-1] += 1.0
    ours = run_manifest(run).content["outputs"]["frame"]["column_hashes"]
    theirs = run_manifest(replace(run, ledger=run.ledger._replace(pnl=values))).content["outputs"][
        "frame"
    ]["column_hashes"]
    assert ours == {
        name: content_hash(tables_of(run)["frame"].select([name]))
        for name in ["trade_date", *names(RUN_COLUMNS)]
    }
    assert [name for name in ours if ours[name] != theirs[name]] == ["pnl"]


def test_the_runtime_says_which_code():
    """Commit, whether the code departs from it and how, and a hash of the sources that does not need git."""
    told = describe_run_runtime()
    assert re.fullmatch("[0-9a-f]{64}", told["code_sha256"])
    assert told["git_dirty"] == (told["diff_sha256"] is not None)
    assert told["git_commit"] is None or re.fullmatch("[0-9a-f]{40}", told["git_commit"])
    assert set(told["threads"]) == {"numba", "processors"}
    assert {"numpy", "pandas", "numba", "llvmlite", "pyarrow", "pydantic", "rfc8785"} <= set(
        told["packages"]
    )


def test_the_hash_of_the_difference_notices_each_change(tmp_path, monkeypatch):
    """In a checkout of its own: none when clean; another for an edit, for another edit, and for a file that git does not know."""

    def git(*words: str) -> None:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *words]
        subprocess.run(command, check=True, capture_output=True)

    code = tmp_path / "pairkit" / "audit"
    code.mkdir(parents=True)
    (code / "runtime.py").write_text("a = 1\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "x")
    cached = (runtime._commit, runtime._difference, runtime.code_hash)
    monkeypatch.setattr(runtime, "_HERE", code)
    monkeypatch.setattr(runtime, "_CODE", code.parent)

    def now() -> tuple[str | None, str]:
        for function in cached:
            function.cache_clear()
        return runtime._difference(), runtime.code_hash()

    seen = [now()]
    assert seen[0][0] is None
    for name, source in (
        ("runtime.py", "a = 2\n"),
        ("runtime.py", "a = 3\n"),
        ("new.py", ""),
        ("new.py", "b = 1\n"),
    ):
        (code / name).write_text(source)
        seen.append(now())
    for function in cached:
        function.cache_clear()
    assert len(set(seen)) == len(seen) == len({code_hash for _, code_hash in seen})
