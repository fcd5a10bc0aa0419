"""Reruns: a run made again from its manifest, and its outputs compared with the recorded ones.

1. The manifest is read strictly; its run id and config hash must be those of its content.
2. The snapshot that it cites is opened, every byte checked, and no other one is used in its place.
3. The pair, the cut and the config are rebuilt; the bars must hash to what the manifest says went in.
4. The run is made, and every output, metric and finding compared. Same code, packages and machine: same hashes. Else
   numbers may differ by 1e-12, decisions not at all (docs/decisions/004-two-runs-are-compared-by-value.md).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pairkit.audit.runs.diff import TOLERANCE, Agreement, Comparison, Difference, Tables, compare
from pairkit.audit.runs.inputs import (
    bars_of,
    command_of,
    hash_of,
    stated_terms,
    without_folder,
)
from pairkit.audit.runs.manifest import RunManifest, manifest_with, read_manifest
from pairkit.audit.runs.tables import read_tables, refuse_contradictions, tables_of
from pairkit.audit.snapshots.snapshot import Snapshot, open_snapshot
from pairkit.audit.snapshots.upkeep import path_with_id
from pairkit.config import LATER_SETTINGS, StrategyConfig, describe_errors
from pairkit.errors import RunError, SnapshotError
from pairkit.language import _
from pairkit.market.contracts import ContractSpec
from pairkit.pair import PairFrame
from pairkit.rules import BEFORE, RuleChange, changes_since, covers
from pairkit.run import BacktestRun, run_backtest

NOT_DECISIVE = (
    "threads",
    "git_commit",
    "git_dirty",
    "diff_sha256",
)  # a run uses one thread; the code itself is hashed
EXIT_CODES: dict[Agreement, int] = {
    "same": 0,
    "within_tolerance": 0,
    "rules_changed": 0,
    "differs": 1,
    "cannot_tell": 2,
}


@dataclass(frozen=True, eq=False, repr=False)
class Rerun:
    """Result of a rerun.

    Attributes
    ----------
    verdict : {"same", "within_tolerance", "rules_changed", "differs", "cannot_tell"}
        The outcome.
    sentence : str
        The outcome in words.
    recorded, made : RunManifest
        The manifest that was read, and that of the new run.
    run : BacktestRun
        The new run.
    differences : tuple of Difference
        Those beyond the tolerance.
    runtime : tuple of (str, then, now)
        What differs between the two runtimes.
    notes : tuple of str
        Further remarks.
    """

    verdict: Agreement
    sentence: str
    recorded: RunManifest
    made: RunManifest
    run: BacktestRun
    differences: tuple[Difference, ...]
    runtime: tuple[tuple[str, Any, Any], ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Rerun {self.verdict}: {self.sentence}>"

    @property
    def exit_code(self) -> int:
        """Exit code: 0 the same or as the rules changed, 1 differs, 2 not comparable."""
        return EXIT_CODES[self.verdict]

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "run_id": self.recorded.run_id,
            "differences": [difference.to_dict() for difference in self.differences],
            "runtime": [
                {"what": what, "recorded": then, "now": now} for what, then, now in self.runtime
            ],
            "notes": list(self.notes),
        }


def rerun(path: str | os.PathLike[str], folder: str | os.PathLike[str] = "snapshots") -> Rerun:
    """Rerun of a manifest file: the run is made again and compared with what was recorded.

    Parameters
    ----------
    path : path
        The manifest. The tables that `save_run` wrote beside it are used where they are there.
    folder : path
        Where snapshots are; the cited one is found by its id, under whatever name.

    Returns
    -------
    Rerun
        `.verdict` ("same", "within_tolerance", "rules_changed", "differs" or "cannot_tell"), `.sentence`, `.differences`.

    Raises
    ------
    RunError
        The manifest is altered, of another version, or of bars that nobody else has; or its inputs cannot be rebuilt.
    SnapshotError
        The cited snapshot is not there, or was altered.

    Examples
    --------
    >>> import pairkit as pk
    >>> run = pk.run_backtest(pk.open_snapshot("snapshots/demo").pair("RB", "HC"))
    >>> manifest = pk.save_run(run, "run.json")
    >>> pk.rerun("run.json").sentence
    'The same: every hash, metric and finding is the recorded one.'
    """
    source = Path(path)
    recorded = read_manifest(source)
    tables, notes = read_tables(source, recorded.content["outputs"])
    refuse_contradictions(recorded.content, tables, str(source))
    return rerun_manifest(recorded, folder, tables=tables, notes=notes)


def rerun_manifest(
    recorded: RunManifest,
    folder: str | os.PathLike[str] = "snapshots",
    *,
    tables: Tables | None = None,
    notes: list[str] | None = None,
) -> Rerun:
    """Rerun of a manifest already read; `tables` are its own, by name, as far as they are known."""
    pair, config, of_specs = rebuild(recorded, Path(folder))
    ready_at = recorded.content.get("decision_ready_at")
    run = replace(run_backtest(pair, config), chosen_ready_at=ready_at or "")
    tables_made = tables_of(run)
    made = manifest_with(run, tables_made)
    then, now = recorded.content["inputs"], made.content["inputs"]
    younger = [name for name in LATER_SETTINGS if name not in then["config"]]
    now = {
        **now,
        "config": {name: value for name, value in now["config"].items() if name not in younger},
    }
    _refuse_other_inputs(pair, then, now, recorded)
    runtime = runtime_differences(recorded.content["runtime"], made.content["runtime"])
    alike = all(what in NOT_DECISIVE for what, _, _ in runtime)
    old_content = {
        **recorded.content,
        "rerun_command": without_folder(recorded.content["rerun_command"], pair),
    }
    new_content = {
        **made.content,
        "rerun_command": command_of(pair, now["config"], ready_at=ready_at),
    }
    found = compare(
        old_content,
        new_content,
        tables or {},
        tables_made,
        tolerance=0.0 if alike else TOLERANCE,
    )
    same_code = all(what != "code_sha256" for what, _, _ in runtime)  # and so the same rules
    since = () if same_code else changes_since(recorded.content.get("rules"), run)
    changes = _at_work(since, found)
    verdict = _verdict(found, changes)
    sentence = (
        _rules_sentence(found, changes)
        if verdict == "rules_changed"
        else _sentence(found, alike, _unexplained(found, changes))
    )
    return Rerun(
        verdict,
        sentence,
        recorded,
        made,
        run,
        found.differences,
        runtime,
        (
            *(notes or []),
            *of_specs,
            *found.grown,
            *_not_checked(recorded),
            *(_younger(name) for name in younger),
        ),
    )


def _refuse_other_inputs(
    pair: PairFrame, then: dict[str, Any], now: dict[str, Any], recorded: RunManifest
) -> None:
    """RunError where the rebuilt inputs are not those that the manifest states."""
    if hash_of(now) != recorded.run_id:
        parts = ", ".join(part for part in now if hash_of(now[part]) != hash_of(then[part]))
        raise RunError(
            _(
                "the inputs that the manifest states cannot be rebuilt from snapshot {snapshot_name!r}: "
                "{parts} came out otherwise. The manifest was altered.",
                snapshot_name=pair.provenance.snapshot_name,
                parts=parts,
            )
        )


def _at_work(changes: tuple[RuleChange, ...], found: Comparison) -> tuple[RuleChange, ...]:
    """Those that moved a column that no narrower one moves, and the narrow ones: metrics are made of columns, and of nothing else."""
    wide = {change for change in changes if {"*", "metrics.*"} & set(change.columns)}
    narrow = [change for change in changes if change not in wide]
    moved = [
        (each.where, each.column) for each in found.differences if each.where in ("frame", "trades")
    ] + [(where, column) for where, _, column in (name.partition(".") for name in found.undecided)]
    unexplained = [each for each in moved if not any(covers(change, *each) for change in narrow)]
    return tuple(
        change
        for change in changes
        if change not in wide or any(covers(change, *each) for each in unexplained)
    )


def _unexplained(found: Comparison, changes: tuple[RuleChange, ...]) -> list[Difference]:
    """The differences that no changed rule covers."""
    return [
        each
        for each in found.differences
        if not any(
            covers(change, each.where, each.column)
            or (change.columns == ("*",) and each.column.startswith("("))
            for change in changes
        )
    ]


def _verdict(found: Comparison, changes: tuple[RuleChange, ...]) -> Agreement:
    """The comparison's verdict; `rules_changed` where changed rules cover every difference."""
    if found.verdict != "differs":
        return found.verdict
    return "differs" if _unexplained(found, changes) else "rules_changed"


def _rules_sentence(found: Comparison, changes: tuple[RuleChange, ...]) -> str:
    by = [
        change.words
        for change in changes
        if any(covers(change, each.where, each.column) for each in found.differences)
    ]
    return _(
        "Rules changed: the run was recorded under the rules {before}, "
        "and {differences} figures come out otherwise by what changed "
        "since: {by}. Everything else is the recorded one.",
        before=BEFORE,
        differences=len(found.differences),
        by="; ".join(by),
    )


def _not_checked(recorded: RunManifest) -> list[str]:
    """Notes on what a rerun does not make again."""
    there = [name for name in ("checks", "trials") if recorded.content.get(name)]
    return (
        [
            _(
                "The manifest's {there} were not checked: a rerun makes the run again, not them.",
                there=" and ".join(there),
            )
        ]
        if there
        else []
    )


def _younger(setting: str) -> str:
    return _(
        "The manifest was written before there was a setting {setting}; the run is made with {later_settings}, "
        "which is what runs did then.",
        setting=setting,
        later_settings=LATER_SETTINGS[setting],
    )


def _sentence(found: Comparison, alike: bool, differences: list[Difference]) -> str:
    if found.verdict == "same":
        return _("The same: every hash, metric and finding is the recorded one.")
    if found.verdict == "within_tolerance":
        return _(
            "Within tolerance: every decision is the recorded one, "
            "every number to {tolerance:g} relative. "
            "Code, packages or machine are not those of the manifest, "
            "so the bits need not be the same.",
            tolerance=TOLERANCE,
        )
    if found.verdict == "cannot_tell":
        return _(
            "Cannot tell: the bits of {undecided} differ, on other code, "
            "packages or another machine, and the recorded values are not here to say by how much. "
            "Put the .parquet files that were written beside the manifest next to it.",
            undecided=", ".join(found.undecided),
        )
    where = (
        _("code, packages and kind of machine are those of the manifest")
        if alike
        else _("by more than {tolerance:g} relative", tolerance=TOLERANCE)
    )
    return _(
        "Differs: {where}, first in {first_difference}.",
        where=where,
        first_difference=differences[0],
    )


def runtime_differences(
    then: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[tuple[str, Any, Any], ...]:
    """Differences of two runtimes, as (what, then, now)."""
    before, after = (
        {**{k: v for k, v in plain.items() if k != "packages"}, **plain["packages"]}
        for plain in (then, now)
    )
    return tuple(
        (what, before.get(what), after.get(what))
        for what in dict.fromkeys([*before, *after])
        if before.get(what) != after.get(what)
    )


# --- from the manifest to a run ------------------------------------------------------------------------------------
def rebuild(recorded: RunManifest, folder: Path) -> tuple[PairFrame, StrategyConfig, list[str]]:
    """The pair and the config of a manifest, and a note for each leg whose terms are not the snapshot's."""
    inputs = recorded.content["inputs"]
    if inputs["snapshot"] is None:
        raise RunError(
            _(
                "this run was made from own frames, not from a snapshot: "
                "the manifest has the bars' hash ({content_hash}…), "
                "not the bars, so nobody else can make it again. "
                "Whoever has the bars can seal them with `pairkit snapshot import` "
                "and run from there; that run can be rerun by anyone.",
                content_hash=inputs["bars"]["content_hash"][:12],
            )
        )
    config = _config(inputs["config"])
    snapshot = cited_snapshot(inputs["snapshot"]["id"], inputs["snapshot"]["name"], folder)
    pair = snapshot.pair(inputs["pair"]["y"], inputs["pair"]["x"])
    if inputs["cut"] is not None:
        pair = pair.between(inputs["cut"]["first"], inputs["cut"]["last"])
    pair, notes = _with_specs(pair, inputs["contract_specs"])
    if (found := bars_of(pair)) != inputs["bars"]:
        raise RunError(
            _(
                "the manifest says that the run was made of the bars {bars}, "
                "but snapshot {snapshot_name!r} gives {found}. "
                "The manifest lies about its bars, or this pairkit builds pairs in another way "
                "than {pairkit_version}.",
                bars=inputs["bars"],
                snapshot_name=snapshot.name,
                found=found,
                pairkit_version=recorded.content["runtime"]["pairkit_version"],
            )
        )
    return pair, config, notes


def _config(plain: dict[str, Any]) -> StrategyConfig:
    plain = {
        **{name: value for name, value in LATER_SETTINGS.items() if name not in plain},
        **plain,
    }
    try:
        config = StrategyConfig(**plain)
    except ValidationError as error:
        raise RunError(
            _(
                "the manifest's config is not one: {faults} It was written by another version, "
                "or by hand.",
                faults=" ".join(describe_errors(error)),
            )
        ) from error
    full = config.model_dump(mode="json")
    if hash_of(full) != hash_of(plain):
        absent = [name for name in full if name not in plain]
        raise RunError(
            _(
                "the manifest's config lacks {absent}; a manifest holds every setting. "
                "It was written by another version, or by hand.",
                absent=", ".join(absent) or "the exact values",
            )
        )
    return config


def cited_snapshot(snapshot_id: str, name: str, folder: Path) -> Snapshot:
    """The snapshot with this id in a folder, verified, whatever it is called there.

    Raises
    ------
    SnapshotError
        It is not there, or is not what it was.
    """
    below = sorted(folder.iterdir()) if folder.is_dir() else []
    found = path_with_id(folder, snapshot_id)
    if found is not None:
        return open_snapshot(found, expect_id=snapshot_id)
    if name in {path.name for path in below}:
        return open_snapshot(
            folder / name, expect_id=snapshot_id
        )  # tells in which way it is another one
    there = (
        ", ".join(path.name for path in below if path.is_dir() and not path.name.startswith("."))
        or "none"
    )
    raise SnapshotError(
        _(
            "the run was made from snapshot {name!r} with the id {snapshot_id}, "
            "which is not in {folder} (there: {there}). "
            "Get that folder from whoever made the run, put it there, or name its parent with --dir.",
            name=name,
            snapshot_id=snapshot_id,
            folder=folder,
            there=there,
        )
    )


def _with_specs(pair: PairFrame, stated: list[dict[str, Any]]) -> tuple[PairFrame, list[str]]:
    """The pair under the manifest's contract terms, which are the user's own where they are not the snapshot's."""
    notes, specs = [], []
    legs = ((pair.y_spec, pair.y), (pair.x_spec, pair.x))
    for (spec, leg), plain in zip(legs, stated, strict=True):
        if plain == stated_terms(spec, leg, pair.trade_date):
            specs.append(spec)
            continue
        try:
            given = ContractSpec(
                **{name: value for name, value in plain.items() if name != "by_contract"}
            )  # follows from it
        except (TypeError, ValidationError) as error:
            raise RunError(
                _(
                    "the manifest's contract terms of {spec_code} are not such: {error}.",
                    spec_code=spec.code,
                    error=error,
                )
            ) from error
        if given.code != spec.code:
            raise RunError(
                _(
                    "the manifest has terms of {given_code!r} where the pair has {spec_code!r}. It was altered.",
                    given_code=given.code,
                    spec_code=spec.code,
                )
            )
        if given != spec:
            own = stated_terms(spec, leg, pair.trade_date)
            changed = [name for name, value in given.to_dict().items() if value != own.get(name)]
            notes.append(
                _(
                    "{spec_code} is run on other terms than the snapshot's ({changed}; source: {source}).",
                    spec_code=spec.code,
                    changed=", ".join(changed),
                    source=given.source,
                )
            )
        specs.append(given)
    return replace(pair, y_spec=specs[0], x_spec=specs[1]), notes
