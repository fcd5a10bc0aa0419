"""Documentation served by the dashboard itself: the Markdown files of `docs`, from a checkout or an installed wheel, as HTML.

A link from one document to another works; one to a file that is not served is shown as plain text, so that none leads nowhere.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from pairkit.display import templates
from pairkit.folders import bundled

_PAGES = templates("pairkit.ui")
_COMMENT = re.compile(r"\A<!--.*?-->\s*", re.DOTALL)


class Document(NamedTuple):
    """A document's title and its body in HTML."""

    title: str
    body: Markup


def names() -> list[str]:
    """The documents that are served, by the names of their files."""
    return sorted(path.stem for path in bundled("docs").glob("*.md"))


def image(name: str) -> Path | None:
    """A picture of the documents, by its file's name; None where there is none."""
    pictures = {path.name: path for path in bundled("docs").glob("*.png")}
    return pictures.get(name)


@cache
def document(name: str) -> Document:
    """One of `names`, rendered."""
    text = (bundled("docs") / f"{name}.md").read_text(encoding="utf-8")
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(_COMMENT.sub("", text))
    title = name
    for heading, inline in pairwise(tokens):
        if heading.type == "heading_open":
            heading.attrSet("id", _anchor(inline.content))
            title = inline.content if heading.tag == "h1" else title
    for token in tokens:
        if token.children:
            token.children = _with_links_that_lead_somewhere(token.children)
    # The text is the project's own, and the parser lets no markup in it pass.
    body = Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704
    return Document(title, body)


def page(name: str) -> str:
    """One of `names` as a whole page, with a list of the others."""
    shown = document(name)
    others = [(other, document(other).title) for other in names()]
    return _PAGES.get_template("document.html").render(
        title=shown.title, body=shown.body, name=name, others=others
    )


def _anchor(heading: str) -> str:
    """The anchor of a heading, as the links of the documents have it."""
    words = re.sub(r"[^\w\s-]", "", heading).strip().lower()
    return re.sub(r"[-\s]+", "-", words)


def _with_links_that_lead_somewhere(parts: list[Token]) -> list[Token]:
    """The parts of a line, without the links to files that are not served; the others lead to their documents."""
    kept, dropped = [], False
    for part in parts:
        if part.type == "link_open":
            target = _served(str(part.attrGet("href")))
            dropped = target is None
            if target is not None:
                part.attrSet("href", target)
        if not (dropped and part.type in ("link_open", "link_close")):
            kept.append(part)
    return kept


def _served(link: str) -> str | None:
    """A link as it is to be served; None for one to a file that is not."""
    file, mark, anchor = link.partition("#")
    if link.startswith(("http://", "https://")) or not file:
        return link
    name = file.removesuffix(".md")
    return f"{name}{mark}{anchor}" if file.endswith(".md") and name in names() else None
