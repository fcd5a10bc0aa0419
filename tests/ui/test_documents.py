"""The documents that the dashboard serves, and what each page says about itself."""

from __future__ import annotations

import inspect
import re

import pytest

from pairkit.folders import bundled
from pairkit.ui import documents, shell
from pairkit.ui.about import ABOUT, TITLES


@pytest.mark.parametrize("name", documents.names())
def test_every_link_of_a_document_leads_somewhere(name):
    """To a heading of a document that is served, to a picture that is there, or out; what is not served is plain text."""
    body = str(documents.document(name).body)
    for link in re.findall(r'href="([^"]*)"', body):
        if not link.startswith(("http://", "https://")):
            other, _, anchor = link.partition("#")
            target = documents.document(other or name)
            assert not anchor or f'id="{anchor}"' in target.body, link
    for picture in re.findall(r'src="([^"]*)"', body):
        assert documents.image(picture) is not None
    assert "<script" not in documents.page(name)
    assert documents.document(name).title != name or name == "pairkit"


def test_a_link_to_what_is_not_served_keeps_its_words():
    """The decisions are not served: their words stay, the link goes."""
    written = (bundled("docs") / "reproduce.md").read_text(encoding="utf-8")
    assert "](decisions/" in written
    assert "decisions/" not in str(documents.document("reproduce").body)


def test_every_page_says_what_it_is_for():
    """Each page of the navigation has its sentence and documents, which are served, under their own headings."""
    assert set(ABOUT) == set(re.findall(r'title=_\("(\w+)"\)', inspect.getsource(shell.pages)))
    for about in ABOUT.values():
        assert about.purpose.endswith(".")
        assert about.documents
    assert {name for about in ABOUT.values() for name in about.documents} == set(TITLES)
    assert {name: documents.document(name).title for name in TITLES} == TITLES
