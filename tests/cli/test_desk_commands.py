"""The commands of the desk: exit codes, and what another program reads."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from dataclasses import replace

import pytest

from pairkit.audit.snapshots.snapshot import write_snapshot
from pairkit.cli import main
from pairkit.findings import Finding
from tests.small_market import DAYS, small_market, snapshot_input


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path):
    """Run a command in this process, with a folder of books of its own."""
    monkeypatch.setenv("PAIRKIT_BOOKS", str(tmp_path / "books"))
    monkeypatch.setenv("PAIRKIT_JOURNAL", str(tmp_path / "journal"))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["pairkit", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return run


def test_the_demo_book_has_a_sheet_out_of_the_box(cli):
    """Its first line says that the data are simulated and the terms bundled, and names the next session; exit code 10, for there
    are orders."""
    code, out, _ = cli("today")
    assert code == 10
    first = " ".join(out.split())
    assert first.startswith("SIMULATED DATA. DEGRADED: Terms of RB")
    assert "demo-book: 2 orders for 2025-01-02." in first


def test_markup_in_texts_of_others_is_printed_as_it_stands(cli, tmp_path):
    """Brackets, emoji codes and a terminal's escape in names, sources and findings of a snapshot, on every command that prints them."""
    text = "[bold]b[/i] :smile: [link=http://evil.test]l[/link] \x1b]0;title"
    shown = "[bold]b[/i] :smile: [link=http://evil.test]l[/link] ⟨U+001B⟩]0;title"
    odd = snapshot_input()
    odd["specs"] = [replace(spec, name=text, currency="[/i]") for spec in odd["specs"]]
    odd["findings"] = (Finding("large_gap", "warning", text, "RB", 1, ("2024-01-09",)),)
    folder = tmp_path / "snapshots"
    write_snapshot(folder, "odd", **odd)
    write_snapshot(folder, "odd2", **snapshot_input())
    cli("book", "new", "mine", "--snapshot", "odd")
    assert cli("book", "add", "mine", "RB", "HC")[0] == 0
    printed = {
        command: cli(*command.split(), "--dir", folder)
        for command in ("run odd RB HC", "today mine", "book show mine", "snapshot diff odd odd2")
    }
    for command, (code, out, err) in printed.items():
        assert (code, err, "\x1b" in out) == (0, "", False), command
    assert shown in " ".join(printed["run odd RB HC"][1].split())
    assert "0 -> 0 [/i], equity" in printed["today mine"][1]
    assert text[:9] in printed["snapshot diff odd odd2"][1]


def test_a_book_is_made_changed_and_shown(cli):
    """new, add, list, show, today as CSV with symbols, remove; each refusal exits with 2 and a sentence."""
    assert cli("book", "new", "mine", "--snapshot", "demo")[0] == 0
    assert cli("book", "new", "mine", "--snapshot", "demo")[0] == 2
    assert cli("today", "mine")[0] == 2
    assert (
        cli("book", "add", "mine", "Y", "P", "--capital", "500000", "--set", "entry_z=1.8")[0] == 0
    )
    code, _, err = cli("book", "add", "mine", "Y", "P", "--name", "b", "--set", "entry_z=9")
    assert (code, "entry_z" in err) == (2, True)
    assert "mine: 1 entries on demo" in cli("book", "list")[1]
    shown = json.loads(cli("book", "show", "mine", "--json")[1])
    assert shown["book"]["entries"][0]["capital"] == 500000
    assert set(shown["entries"]) == {"Y-P"}
    assert "Y-P" in cli("book", "show", "mine")[1]
    code, out, _ = cli("today", "mine", "--format", "csv", "--symbols", "tqsdk")
    rows = list(csv.DictReader(io.StringIO(out.partition("\n")[2])))
    assert (code, {row["symbol"] for row in rows}) == (10, {"DCE.y2505", "DCE.p2505"})
    assert cli("book", "remove", "mine", "Y-P")[0] == 0


def test_a_day_without_orders_exits_with_0_and_one_before_the_data_with_2(cli):
    """As of a quiet day; before the first session; and a date that is none."""
    cli("book", "new", "mine", "--snapshot", "demo")
    cli("book", "add", "mine", "RB", "HC")
    code, out, _ = cli("today", "mine", "--as-of", "2016-01-11", "--json")
    assert (code, json.loads(out)["orders"]) == (0, [])
    assert cli("today", "mine", "--as-of", "2010-01-01")[0] == 2
    assert cli("today", "mine", "--as-of", "tomorrow")[0] == 2


def test_an_altered_snapshot_has_no_sheet(cli, tmp_path):
    """A byte more in its bars: exit code 2, a sentence that names the file, and nothing on standard output."""
    shutil.copytree("snapshots/demo", tmp_path / "snapshots" / "demo")
    with (tmp_path / "snapshots" / "demo" / "bars.parquet").open("ab") as file:
        file.write(b"x")
    code, out, err = cli("today", "demo-book", "--dir", tmp_path / "snapshots")
    assert (code, out) == (2, "")
    assert "bars.parquet" in err


def test_a_sheet_goes_into_the_journal_once(cli, tmp_path):
    """Twice the same evening is one line; the journal verifies until a byte of it is changed, and then nothing is written."""
    cli("book", "new", "mine", "--snapshot", "demo")
    cli("book", "add", "mine", "Y", "P")
    evening = ("today", "mine", "--journal", "--symbols", "ctp", "--format", "csv")
    assert "journal line 1: written." in cli(*evening)[2]
    assert "journal line 1: there already" in cli(*evening)[2]
    assert cli("journal", "verify", "mine")[:2] == (0, "mine: 1 lines, each as it was written.\n")
    assert "session 2024-12-31: 2 orders" in cli("journal", "show", "mine")[1]
    code, out, _ = cli("journal", "replay", "mine")
    assert (code, out) == (0, "mine: 1 sheet, made again on demo as it was written.\n")
    path = tmp_path / "journal" / "mine.jsonl"
    path.write_bytes(path.read_bytes().replace(b"ENTERING", b"EXITING!"))
    code, out, _ = cli("journal", "verify", "mine")
    assert (code, out.startswith("mine: line 1 was changed")) == (1, True)
    before = path.read_bytes()
    assert cli(*evening)[:2] == (2, "")
    assert path.read_bytes() == before


def test_a_line_is_extended_by_its_name(cli, tmp_path):
    """Files with later days make NAME@DATE, which NAME means from then on; the demo, which has no provider, is refused with 2."""
    folder = tmp_path / "snapshots"
    bars = small_market().bars.drop(columns=["up_limit", "down_limit"])
    early = bars[bars["trade_date"] <= DAYS[30]]
    for name, part in (("early", early), ("all", bars)):
        part.to_csv(tmp_path / f"{name}.csv", index=False)
    cli("snapshot", "import", tmp_path / "early.csv", "--name", "mine", "--dir", folder)
    extend = ("snapshot", "extend", "mine", tmp_path / "all.csv", "--dir", folder)
    code, out, _ = cli(*extend, "--json")
    assert (code, json.loads(out)["sessions"]) == (0, 9)
    assert f"no session since {DAYS[-1]:%Y-%m-%d}" in cli(*extend)[1]
    assert f"{DAYS[-1]:%Y-%m-%d}" in cli("run", "mine", "RB", "HC", "--dir", folder)[1]
    code, _, err = cli("snapshot", "extend", "demo")
    assert (code, "no provider goes on with" in err) == (2, True)


def test_an_evening_on_the_command_line(cli):
    """The log tells four steps, the sheet is on standard output, and its exit code is the command's."""
    cli("book", "new", "mine", "--snapshot", "demo")
    cli("book", "add", "mine", "Y", "P")
    code, out, err = cli("evening", "mine", "--json")
    assert (code, len(json.loads(out)["orders"])) == (10, 2)
    assert [line.split()[2] for line in err.splitlines()] == [
        "extend",
        "verify",
        "today",
        "journal",
    ]
