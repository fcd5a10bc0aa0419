"""Download form of a provider's market: a download in a background thread, its progress, and a button that stops it.

It is a job as any other: another page may be looked at meanwhile, the Runs page lists it, and it ends when its session has gone.
That loses nothing: the answers that came are kept, and another download resumes from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from pairkit import plurals
from pairkit.audit.seal import check_slug, refuse_if_taken
from pairkit.audit.snapshots.listing import SnapshotSummary
from pairkit.data.files.uploads import Upload, check_uploads
from pairkit.data.provider.download import DominantRule
from pairkit.data.provider.market import exchanges_of
from pairkit.data.provider.registry import Provider, provider, provider_names
from pairkit.data.terms.terms_file import UserTerms, read_terms_file
from pairkit.errors import DataError, PairkitError
from pairkit.folders import snapshots_folder
from pairkit.language import N_, _, ngettext
from pairkit.market.contracts import bundled_specs
from pairkit.market.universe import universe_roots
from pairkit.ui.jobs import Job, Note, show_progress
from pairkit.ui.snapshots.actions import tell_new
from pairkit.ui.snapshots.page import NEW, NOTIFIED, SHOW_NEXT, New
from pairkit.ui.snapshots.upload import TERMS_SUFFIXES, terms_file
from pairkit.ui.views import escape

if TYPE_CHECKING:
    from pairkit.audit.snapshots.from_provider import DownloadedSnapshot

JOB, TAB = "take_job", "download"
EARLIEST = date(1995, 1, 1)
_YEARS, _FIRST_ROOTS = 5, ("RB", "HC")
_RULES: dict[str, DominantRule] = {
    N_("The provider's mapping of the day before"): "mapping",
    N_("Open interest of the day before"): "open_interest",
}


def draw(found: list[SnapshotSummary]) -> None:
    """The form, or the progress of a download under way, or how to get an account."""
    job: Job | None = st.session_state.get(JOB)
    if job is not None and not job.ended.is_set():
        show_progress(JOB)
        return
    if job is not None:
        _tell(job)
    names = provider_names()
    chosen = names[0]
    if len(names) > 1:
        chosen = st.selectbox(
            _("Provider"), names, key="take_provider", format_func=_title, width=420
        )
    if _has_account(provider(chosen)):
        _form(provider(chosen))
    tell_new(TAB, found)


def _title(name: str) -> str:
    return provider(name).title


def _has_account(provider: Provider) -> bool:
    try:
        provider.require_account()
    except PairkitError as error:
        st.info(
            _("Nothing can be downloaded yet: {error}", error=escape(str(error))),
            icon=":material/key:",
        )
        st.caption(
            _(
                "Then reload this page. The token is never shown, logged or written into a snapshot. "
                "Without one, import files, or use the bundled simulated market."
            )
        )
        return False
    return True


def _form(provider: Provider) -> None:
    try:
        suggested = universe_roots()
    except DataError as error:
        st.warning(escape(str(error)), icon=":material/error:")
        suggested = _FIRST_ROOTS
    known = bundled_specs()
    options = list(dict.fromkeys([*suggested, *known]))
    with st.form("take", border=True):
        roots = st.multiselect(
            _("Roots"),
            options,
            [root for root in _FIRST_ROOTS if root in options],
            key="take_roots",
            format_func=lambda root: known[root].label if root in known else root,
            accept_new_options=True,
            help=_(
                "The universe's roots come first. Add one that is not listed with its exchange: XX.SHFE"
            ),
        )
        left, middle, right = st.columns(3)
        today = date.today()  # noqa: DTZ011  the user's own day; the download has the provider's
        first, last = (
            today - timedelta(days=365 * _YEARS),
            min(provider.open().published_to(), today),
        )
        start = left.date_input(
            _("From"), first, EARLIEST, today, key="take_start", format="YYYY-MM-DD"
        )
        end = middle.date_input(_("To"), last, EARLIEST, today, key="take_end", format="YYYY-MM-DD")
        name = right.text_input(
            _("Name of the snapshot"),
            key="take_name",
            max_chars=64,
            placeholder=f"{provider.name}-{today:%Y-%m-%d}",
            help=_("Letters, digits, '.', '_' and '-'. Leave empty for the suggested name."),
        )
        rule = st.selectbox(
            _("Dominant contracts by"), list(_RULES), key="take_rule", format_func=_, width=420
        )
        terms = terms_file("take_terms")
        pressed = st.form_submit_button(_("Download"), icon=":material/download:", key="take_now")
    if pressed:
        named = name.strip() or f"{provider.name}-{today:%Y-%m-%d}"
        given = None if terms is None else Upload(terms.name, terms.getvalue())
        _begin(provider, roots, (start, end), named, _RULES[rule], given)


def _begin(
    provider: Provider,
    roots: Sequence[str],
    ends: tuple[object, object],
    name: str,
    rule: DominantRule,
    terms: Upload | None,
) -> None:
    """Refuse what cannot succeed; else start the thread."""
    folder, (start, end) = snapshots_folder(), ends
    try:
        own_terms = _read(terms)
        if not isinstance(start, date) or not isinstance(end, date) or start > end:
            raise DataError(_("the first day must not be after the last; choose two days."))
        exchanges_of(roots)
        refuse_if_taken(folder / check_slug(name))
    except PairkitError as error:
        st.error(
            _("Nothing was downloaded: {error}", error=escape(str(error))), icon=":material/error:"
        )
        return

    def work(progress: Note, cancelled: Callable[[], bool]) -> DownloadedSnapshot:
        from pairkit.audit.snapshots.from_provider import download_snapshot

        return download_snapshot(
            provider.open(cancelled=cancelled),
            list(roots),
            start,
            end,
            name=name,
            folder=folder,
            rule=rule,
            user_terms=own_terms,
            progress=lambda step: progress(step.done, max(step.total, 1), step.what),
            cancelled=cancelled,
        )

    st.session_state[JOB] = Job(work, "questions", {"name": name}).begin()
    st.rerun()


def _read(terms: Upload | None) -> UserTerms | None:
    """The user's own records; DataError with the file and the row where it cannot be understood."""
    if terms is None:
        return None
    check_uploads([terms], TERMS_SUFFIXES)
    return read_terms_file(terms)


def _tell(job: Job) -> None:
    """Draw the outcome, once."""
    del st.session_state[JOB]
    if job.cancelled:
        st.info(
            _(
                "Stopped: no snapshot was written. The answers received are kept, and a new download resumes from them."
            ),
            icon=":material/stop_circle:",
        )
        return
    if job.error:
        st.error(
            _("No snapshot was written: {error}", error=escape(job.error)), icon=":material/error:"
        )
        return
    downloaded: DownloadedSnapshot = job.made
    snapshot, scope = downloaded.snapshot, downloaded.snapshot.manifest["data_scope"]
    notice = _(
        "Downloaded {snapshot_name}: {bars} of {roots}, {start} to {end}, {calls}, id `{id}`.",
        snapshot_name=escape(snapshot.name),
        bars=plurals.bars(scope["rows"]),
        roots=escape(" ".join(snapshot.roots)),
        start=escape(scope["start"]),
        end=escape(scope["end"]),
        calls=ngettext("{n:,} call", "{n:,} calls", downloaded.calls, n=downloaded.calls),
        id=snapshot.id[:12],
    )
    if downloaded.stale:
        notice += _(
            " The provider was down: part of it is older answers from the cache. The snapshot says so."
        )
    if faults := [finding.kind for finding in snapshot.findings if finding.severity == "error"]:
        kinds = ", ".join(f"`{kind}`" for kind in dict.fromkeys(faults))
        notice += _(
            " **Errors were found in the download**, {faults} in all: {kinds}. "
            "They are among the findings; look at their days before you believe a run.",
            faults=len(faults),
            kinds=kinds,
        )
    st.session_state[SHOW_NEXT] = job.about["name"]
    st.session_state[NEW], st.session_state[NOTIFIED] = New(job.about["name"], notice, TAB), False
    st.rerun()
