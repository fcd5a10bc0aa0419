"""Runs: what was saved, to open again, to prove by running it again, and to compare."""

from pairkit.language import _
from pairkit.ui import about, jobs, shell
from pairkit.ui.saved_runs import compare, page

shell.guard(__file__)
jobs.show_under_way()
about.heading("Runs", _("Saved runs"))
found = page.saved()
page.tell_damaged(found)
chosen = page.choose(found)
page.act(chosen)
page.edit(chosen)
page.confirm_delete()
if len(chosen) > 1:
    compare.show(chosen)
