"""Import by upload: files from the browser become a snapshot, or one sentence says why not and nothing is left behind.

Nothing of an upload is written to disk but the snapshot itself: files are read in memory, checked here whatever the browser
has checked, and parsed as CSV or Parquet alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pairkit import plurals
from pairkit.audit.seal import check_slug
from pairkit.audit.snapshots.from_files import import_files
from pairkit.audit.snapshots.listing import SnapshotSummary
from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.data.files.table import SUFFIXES
from pairkit.data.files.uploads import MAX_FILE_BYTES, MAX_FILES, Upload, check_uploads
from pairkit.data.terms.terms_file import EXAMPLE
from pairkit.errors import DataError, PairkitError, SnapshotError
from pairkit.folders import snapshots_folder
from pairkit.language import N_, _
from pairkit.market.terms import FIELDS
from pairkit.ui.snapshots.actions import tell_new
from pairkit.ui.snapshots.page import NEW, NOTIFIED, SHOW_NEXT, New
from pairkit.ui.views import escape

SPEC_SUFFIXES = (".json", ".csv")
TERMS_SUFFIXES = (".csv",)
_BESIDE = {
    "mapping": (
        N_("Dominant contracts"),
        N_(
            "Which contract is dominant each day, as known at the close before: date, root, contract."
        ),
    ),
    "calendar": (
        N_("Sessions"),
        N_(
            "The days on which bars are expected, one date a line, for a market with holidays of its own."
        ),
    ),
}
_UPLOADS, TAB = "uploads", "import"


def terms_file(key: str) -> Any:
    """Draw the field for a file of the user's own terms; what was put into it, as Streamlit has it."""
    return st.file_uploader(
        _("Your own fees, margins and ticks by day ({kinds})", kinds=", ".join(TERMS_SUFFIXES)),
        help=_(
            "One record a row; `root`, `field` and `value` are needed. It holds for a `contract` or for `deliveries`, from `from_date`."
            "\n\nFields: {fields}; `margin_rate@N` is the margin from N months before the delivery month on. `fee_mode` is `rate`, a "
            "fraction of notional, or `lot`, money a lot. Margins are fractions.\n\nA row with `override` = `true` comes before the "
            "provider's figures too. For example:\n\n```\n{example}\n```\n",
            fields=", ".join(f"`{name}`" for name in FIELDS),
            example=EXAMPLE,
        ),
        key=key,
    )


def draw(found: list[SnapshotSummary]) -> None:
    """Draw the form, and its outcome."""
    st.caption(
        _(
            "CSV or Parquet files of daily bars, one root a file or one long table; at most {max_files} files of "
            "{max_file_bytes} MB. Headings in English or Chinese. Nothing is repaired: odd values become findings, and a "
            "cell that cannot be read stops the import.",
            max_files=MAX_FILES,
            max_file_bytes=MAX_FILE_BYTES // 1024**2,
        )
    )
    round_ = st.session_state.setdefault(
        "import_round", 0
    )  # a new key empties the form after a success
    with st.form("import", border=True):
        # No `type`: given one, Streamlit answers a file of another kind with an exception, not with what to do about it.
        files = st.file_uploader(
            _("Files of bars ({suffixes})", suffixes=", ".join(SUFFIXES)),
            accept_multiple_files=True,
            key=f"{_UPLOADS}_{round_}",
        )
        name = st.text_input(
            _("Name of the snapshot"),
            key=f"import_name_{round_}",
            max_chars=64,
            placeholder="rb-hc-2024",
            help=_(
                "Letters, digits, '.', '_' and '-'. A name already in use is refused: snapshots never change."
            ),
        )
        with st.expander(_("More files, optional: contract terms, dominant contracts, sessions")):
            beside = _files_beside(round_)
        pressed = st.form_submit_button(
            _("Import"), icon=":material/upload_file:", key="import_now"
        )
    if pressed:
        st.session_state.pop(NEW, None)
        _import(files or [], name.strip(), beside)
    tell_new(TAB, found)


def _files_beside(round_: int) -> dict[str, Any]:
    """Draw the fields of the files that may come with the bars; what was put into each, by its use."""
    left, right = st.columns(2)
    with left:
        specs = st.file_uploader(
            _(
                "Contract terms, for roots that are not bundled ({spec_suffixes})",
                spec_suffixes=", ".join(SPEC_SUFFIXES),
            ),
            key=f"import_specs_{round_}",
        )
    with right:
        terms = terms_file(f"import_terms_{round_}")
    beside = {"specs": specs, "terms": terms}
    for column, (use, (label, what)) in zip(st.columns(2), _BESIDE.items(), strict=True):
        beside[use] = column.file_uploader(
            _("{label} ({suffixes})", label=_(label), suffixes=", ".join(SUFFIXES)),
            help=_(what),
            key=f"import_{use}_{round_}",
        )
    return beside


def _import(files: Sequence[Any], name: str, beside: dict[str, Any]) -> None:
    try:
        with st.spinner(_("Reading and sealing …")):
            snapshot = import_uploads(
                [Upload(file.name, file.getvalue()) for file in files],
                name,
                **{
                    use: Upload(file.name, file.getvalue())
                    for use, file in beside.items()
                    if file is not None
                },
            )
    except PairkitError as error:
        st.error(
            _("Nothing was imported: {error}", error=escape(str(error))), icon=":material/error:"
        )
        return
    scope = snapshot.manifest["data_scope"]
    sentence = _(
        "Imported {snapshot_name}: {bars} of {roots}, {start} to {end}, {findings}, id `{id}`.",
        snapshot_name=escape(snapshot.name),
        bars=plurals.bars(scope["rows"]),
        roots=escape(" ".join(snapshot.roots)),
        start=escape(scope["start"]),
        end=escape(scope["end"]),
        findings=plurals.findings(len(snapshot.findings)),
        id=snapshot.id[:12],
    )
    st.session_state[SHOW_NEXT] = snapshot.name
    st.session_state[NEW], st.session_state[NOTIFIED] = New(snapshot.name, sentence, TAB), False
    st.session_state["import_round"] += 1
    st.rerun()


def import_uploads(
    uploads: Sequence[Upload],
    name: str,
    *,
    specs: Upload | None = None,
    mapping: Upload | None = None,
    calendar: Upload | None = None,
    terms: Upload | None = None,
) -> Snapshot:
    """The snapshot `name` from uploads of bars, and of what goes beside them, in the folder of the app.

    Raises
    ------
    DataError
        No file, too many or too large, named oddly, or not understood. Nothing is written.
    SnapshotError
        The name is not accepted or in use, or the disk refuses.
    """
    if not uploads:
        raise DataError(_("no file was given; choose CSV or Parquet files of daily bars."))
    if not name:
        raise SnapshotError(_("no name was given; type one for the snapshot, such as rb-hc-2024."))
    check_slug(name)
    check_uploads(uploads)
    if specs is not None:
        check_uploads([specs], SPEC_SUFFIXES)
    if terms is not None:
        check_uploads([terms], TERMS_SUFFIXES)
    check_uploads([one for one in (mapping, calendar) if one is not None])
    return import_files(
        uploads,
        name=name,
        folder=snapshots_folder(),
        specs_file=specs,
        mapping_file=mapping,
        calendar_file=calendar,
        terms_file=terms,
    )
