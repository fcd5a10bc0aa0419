"""The snapshot commands: what they print, what they return to a shell, and that help is quick to load."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from pairkit.audit.runs import store
from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.cli.snapshot import snapshot_app
from pairkit.folders import snapshots_folder
from pairkit.run import run_backtest
from tests.small_market import snapshot_input

PLAIN = """date,open,high,low,close,settle,volume
2024-01-02,3990,4010,3985,4000,0,1200
2024-01-03,4001,4020,3990,4015,4010,1300
"""


def run(*arguments):
    """The command's answer, with a wide terminal."""
    return CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(
        snapshot_app, [str(argument) for argument in arguments]
    )


@pytest.fixture
def folder(tmp_path):
    """A folder with one snapshot."""
    write_snapshot(tmp_path / "snapshots", "small", **snapshot_input())
    return tmp_path / "snapshots"


@pytest.fixture
def damaged(folder):
    """The same with a second one that lost a byte."""
    bad = write_snapshot(folder, "bad", **snapshot_input()).path / "bars.parquet"
    bad.write_bytes(bad.read_bytes()[:-1])
    return folder


@pytest.fixture
def files(tmp_path):
    """Two files of bars."""
    for root in ("RB", "HC"):
        (tmp_path / f"{root}.csv").write_text(PLAIN)
    return [tmp_path / "RB.csv", tmp_path / "HC.csv"]


def test_list_shows_each_snapshot(folder):
    """Name, roots, range, simulated label and id are in the table."""
    answer = run("list", "--dir", folder)
    assert answer.exit_code == 0
    for shown in (
        "small",
        "simulated",
        "HC RB",
        "2024-01-02",
        "160",
        open_snapshot(folder / "small").id[:12],
    ):
        assert shown in answer.stdout


def test_list_shows_what_cannot_be_opened_and_says_so_to_the_shell(damaged):
    """A damaged one is listed with its reason, and the exit code is 1."""
    answer = run("list", "--dir", damaged)
    assert answer.exit_code == 1
    assert "cannot be opened" in answer.stdout
    assert "bars.parquet: expected" in answer.stdout
    plain = json.loads(run("list", "--dir", damaged, "--json").stdout)
    assert [(entry["name"], entry["verified"]) for entry in plain["snapshots"]] == [
        ("bad", False),
        ("small", True),
    ]


def test_an_empty_folder_lists_nothing_and_an_absent_one_is_an_error(tmp_path):
    """Nothing to list is fine; nowhere to look is not."""
    empty = run("list", "--dir", tmp_path)
    assert (empty.exit_code, "holds no snapshot" in empty.stdout) == (0, True)
    assert run("list", "--dir", tmp_path / "nowhere").exit_code == 2


@pytest.mark.parametrize("by", ["name", "path", "all"])
def test_verify_prints_the_id(folder, by):
    """By name in the folder, by path, or all of them."""
    named = {"name": ["small"], "path": [folder / "small"], "all": []}[by]
    answer = run("verify", *named, "--dir", folder)
    assert answer.exit_code == 0
    assert open_snapshot(folder / "small").id in answer.stdout


def test_verify_fails_on_a_damaged_one(damaged):
    """Exit code 1, the file named; the good one still passes."""
    answer = run("verify", "--dir", damaged)
    assert answer.exit_code == 1
    assert "FAILED" in answer.stdout
    assert "bars.parquet" in answer.stdout
    assert "verified" in answer.stdout
    assert run("verify", "small", "--dir", damaged).exit_code == 0
    plain = json.loads(run("verify", "bad", "--dir", damaged, "--json").stdout)
    assert "bars.parquet" in plain["snapshots"][0]["error"]


@pytest.mark.parametrize("arguments", [["ghost"], []])
def test_verify_of_nothing_could_not_be_done(tmp_path, arguments):
    """A name that is not there, or an empty folder: exit code 2."""
    assert run("verify", *arguments, "--dir", tmp_path).exit_code == 2


def test_import_makes_a_snapshot_and_reports_findings(files, tmp_path):
    """The id, the range and each finding are printed."""
    answer = run("import", *files, "--name", "mine", "--dir", tmp_path / "out")
    assert answer.exit_code == 0, answer.output
    snapshot = open_snapshot(tmp_path / "out" / "mine")
    assert f"4 bars of HC RB, 2024-01-02 .. 2024-01-03\nid {snapshot.id}" in answer.stdout
    for kind in ("zero_settle", "unadjusted_splice", "no_open_interest"):
        assert kind in answer.stdout


def test_the_dashboards_folder_is_the_commands_folder(files, tmp_path, monkeypatch):
    """Where PAIRKIT_SNAPSHOTS names a folder, commands read and write there; --dir names another."""
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(tmp_path / "named"))
    monkeypatch.chdir(tmp_path)
    assert run("import", *files, "--name", "mine").exit_code == 0
    assert run("import", *files, "--name", "apart", "--dir", tmp_path / "other").exit_code == 0
    assert open_snapshot(snapshots_folder() / "mine").id in run("list", "--json").stdout
    assert run("verify", "mine").exit_code == 0
    assert run("verify", "apart").exit_code == 2
    assert not (tmp_path / "snapshots").exists()


def test_import_as_json_gives_id_and_findings(files, tmp_path):
    """The same for programs."""
    plain = json.loads(
        run("import", *files, "--name", "mine", "--dir", tmp_path / "out", "--json").stdout
    )
    assert plain["id"] == open_snapshot(tmp_path / "out" / "mine").id
    assert {finding["kind"] for finding in plain["findings"]} >= {
        "zero_settle",
        "unadjusted_splice",
    }


@pytest.mark.parametrize(
    ("edit", "arguments", "says"),
    [
        (("4015", "x"), [], "row 3, column 'close': 'x' is not a number"),
        (None, ["--name", "../up"], "cannot name a snapshot"),
        (None, ["--specs", "nowhere.json"], "specs file nowhere.json cannot be read"),
    ],
)
def test_import_that_cannot_be_done_says_why(files, tmp_path, edit, arguments, says):
    """Exit code 2, the reason on the error stream or as JSON, and no snapshot."""
    if edit:
        files[0].write_text(PLAIN.replace(*edit))
    given = ["import", *files, "--dir", tmp_path / "out", "--name", "mine", *arguments]
    answer = run(*given)
    assert answer.exit_code == 2
    assert says in answer.stderr
    assert says in json.loads(run(*given, "--json").stdout)["error"]
    assert not (tmp_path / "out").exists()


def test_help_loads_nothing_heavy():
    """Asking for help imports neither pandas nor pyarrow nor pydantic nor numba."""
    code = (
        "import sys; from pairkit.cli.snapshot import snapshot_app\ntry: snapshot_app(['--help'])\nexcept SystemExit: pass\n"
        "print('heavy:', *sorted({'pandas', 'numpy', 'pyarrow', 'pydantic', 'numba', 'streamlit'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "import" in answer.stdout
    assert answer.stdout.splitlines()[-1] == "heavy:"


# --- whatever is given -----------------------------------------------------------------------------------------------
WRONG = {
    "zeros": b"\0" * 500,
    "binary": bytes(range(1, 256)) * 9,
    "empty": b"",
    "blank": b" \n\n",
    "one line": b"hello",
    "headings": b"date,open,high,low,close,volume",
    "zip": b"PK\x03\x04" + b"x" * 99,
    "gzip": b"\x1f\x8b" + b"x" * 99,
    "page": b"<!DOCTYPE html>\n<html><body>a, b; c</body></html>",
    "json": b'[{"date": "2024-01-02"}]',
    "utf-32": PLAIN.encode("utf-32"),
    "long line": b"date," + b"a" * 200_000 + b"\n1,2\n",
    "wide": b"c," * 1000 + b"\n",
    "open quote": PLAIN.replace("4000", '"4000').encode(),
    "a cell too many": PLAIN.replace("1200", "1,200").encode(),
    "stamp": PLAIN.replace("2024-01-02", "9999999999999999999").encode(),
    "parquet": b"PAR1" + b"\0" * 30 + b"PAR1",
    "surrogate": b"date,open\xed\xa0\x80\n1,2\n",
}


@pytest.mark.parametrize("use", ["bars", "table.parquet", "mapping", "calendar", "specs"])
@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_refused_in_a_sentence_wherever_it_is_given(tmp_path, files, content, use):
    """Exit code 2, one error, no traceback, nothing written."""
    wrong = tmp_path / ("wrong.parquet" if use == "table.parquet" else "wrong.csv")
    wrong.write_bytes(content)
    given = [wrong] if use in ("bars", "table.parquet") else [files[0], f"--{use}", wrong]
    answer = run("import", *given, "--name", "mine", "--dir", tmp_path / "out")
    assert answer.exit_code == 2, answer.output
    assert isinstance(answer.exception, SystemExit)
    assert answer.stderr.startswith("error: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("cell", ['"4""000"', "1e308K", "4000\t0", "x"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "dos", "mac"])
def test_a_wrong_cell_is_refused_whatever_ends_the_lines(tmp_path, cell, end):
    """Row and column are named."""
    (tmp_path / "RB.csv").write_bytes(PLAIN.replace("1200", cell).replace("\n", end).encode())
    answer = run("import", tmp_path / "RB.csv", "--name", "mine", "--dir", tmp_path / "out")
    assert answer.exit_code == 2
    assert "row 2, column 'volume'" in answer.stderr


@pytest.mark.parametrize("given", ["/dev/zero", "nowhere.csv", "x" * 5000])
@pytest.mark.parametrize("use", ["bars", "mapping", "calendar", "specs"])
def test_what_is_no_file_is_refused_in_a_sentence(tmp_path, files, given, use):
    """A device without end, a file that is not there, a name that cannot be."""
    arguments = [given] if use == "bars" else [files[0], f"--{use}", given]
    answer = run("import", *arguments, "--name", "mine", "--dir", tmp_path / "out")
    assert (answer.exit_code, answer.stderr[:7]) == (2, "error: ")
    assert isinstance(answer.exception, SystemExit)


QUOTED = "\n".join('"' + line.replace(",", '","') + '"' for line in PLAIN.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\r\n", 1),
        "sep=;\n" + PLAIN.replace(",", ";"),
        QUOTED,
    ],
    ids=["mark", "dos", "mac", "mixed", "sep", "quoted"],
)
def test_marks_and_ends_of_lines_and_quotes_change_no_bar(tmp_path, text):
    """A byte-order mark, any ends of lines, Excel's `sep=` and quotes around each cell."""
    (tmp_path / "RB.csv").write_bytes(text.encode())
    assert (
        run("import", tmp_path / "RB.csv", "--name", "mine", "--dir", tmp_path / "out").exit_code
        == 0
    )
    assert open_snapshot(tmp_path / "out" / "mine").bars["close"].tolist() == [4000.0, 4015.0]


def test_unknown_roots_come_with_a_file_of_terms_that_works_once_filled_in(tmp_path):
    """The message's own JSON: refused as it stands, by the field that is open, and accepted with figures in it."""
    paths = [tmp_path / f"{root}.csv" for root in ("QQ", "WW")]
    for path in paths:
        path.write_text(PLAIN)
    answer = run("import", *paths, "--name", "mine", "--dir", tmp_path / "out")
    assert "no contract specs for 2 roots: QQ (QQ.csv), WW (WW.csv)" in answer.stderr
    template = answer.stderr.partition("fill in their figures: ")[2]
    terms = tmp_path / "specs.json"
    terms.write_text(template)
    again = ("import", *paths, "--name", "mine", "--dir", tmp_path / "out", "--specs", terms)
    assert "spec 1, multiplier: Input should be a valid number" in run(*again).stderr
    figures = {
        "multiplier": 7,
        "tick": 1,
        "fee_mode": "lot",
        "fee_open": 1,
        "fee_close": 1,
        "margin_rate": 0.1,
    }
    terms.write_text(
        json.dumps({"specs": [{**spec, **figures} for spec in json.loads(template)["specs"]]})
    )
    assert run(*again).exit_code == 0
    assert open_snapshot(tmp_path / "out" / "mine").specs["WW"].multiplier == 7


def test_a_mapping_and_a_calendar_are_given_by_file(tmp_path):
    """Both are used, and recorded with their hashes; `--json` shows them."""
    rows = [
        f"2024-01-0{day},{name},1,1,1,1,9" for day in (2, 3, 4) for name in ("RB2405", "RB2410")
    ]
    (tmp_path / "RB.csv").write_text("\n".join(["date,contract,open,high,low,close,volume", *rows]))
    (tmp_path / "own.csv").write_text(
        "date,root,contract\n" + "".join(f"2024-01-0{day},RB,RB2410\n" for day in (2, 3, 4))
    )
    (tmp_path / "days.txt").write_text("2024-01-02\n2024-01-03\n2024-01-04\n")
    answer = run(
        "import",
        tmp_path / "RB.csv",
        "--name",
        "mine",
        "--dir",
        tmp_path / "out",
        "--json",
        "--mapping",
        tmp_path / "own.csv",
        "--calendar",
        tmp_path / "days.txt",
    )
    scope = json.loads(answer.stdout)["data_scope"]
    assert [scope[use]["name"] for use in ("mapping_file", "calendar_file")] == [
        "own.csv",
        "days.txt",
    ]
    assert set(open_snapshot(tmp_path / "out" / "mine").mapping["contract"]) == {"RB2410"}


# --- rename, delete -------------------------------------------------------------------------------------------------
def test_rename_gives_another_name_and_keeps_the_id(folder):
    """The new folder opens under the old id; a name that is taken is refused with exit code 2."""
    snapshot_id = open_snapshot(folder / "small").id
    answer = run("rename", "small", "rb-hc", "--dir", folder, "--json")
    assert answer.exit_code == 0
    assert json.loads(answer.stdout) == {
        "path": str(folder / "rb-hc"),
        "name": "rb-hc",
        "id": snapshot_id,
    }
    assert open_snapshot(folder / "rb-hc").id == snapshot_id
    shutil.copytree(folder / "rb-hc", folder / "taken")
    refused = run("rename", "rb-hc", "taken", "--dir", folder)
    assert (refused.exit_code, "exists" in refused.stderr) == (2, True)
    assert f"is now {folder / 'last'}" in run("rename", "rb-hc", "last", "--dir", folder).stdout


@pytest.mark.parametrize(("answered", "kept"), [("n\n", True), ("y\n", False)])
def test_delete_asks_first(folder, answered, kept):
    """No keeps the snapshot, exit code 2; yes deletes it, exit code 0."""
    answer = CliRunner().invoke(
        snapshot_app, ["delete", "small", "--dir", str(folder)], input=answered
    )
    assert "for good?" in answer.output
    assert ((folder / "small").exists(), answer.exit_code) == (kept, 2 if kept else 0)


def test_delete_is_refused_while_a_saved_run_cites_it(folder, tmp_path, monkeypatch):
    """Exit code 2 with the run's name; once that run is deleted, so is the snapshot."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path / "runs"))
    saved = store.save(
        run_backtest(open_snapshot(folder / "small").pair("RB", "HC")), "spring study"
    )
    refused = run("delete", "small", "--yes", "--dir", folder, "--json")
    assert refused.exit_code == 2
    assert f"spring study ({saved.id})" in json.loads(refused.stdout)["error"]
    assert (folder / "small").is_dir()
    store.delete(saved.id)
    assert "is deleted" in run("delete", "small", "--yes", "--dir", folder).stdout
    assert not (folder / "small").exists()


def test_delete_of_what_is_not_there_is_told(folder):
    """Exit code 2 and a sentence, nothing asked."""
    answer = run("delete", "absent", "--dir", folder)
    assert (answer.exit_code, "there is no snapshot" in answer.stderr) == (2, True)
