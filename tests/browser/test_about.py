"""What each page says about itself, its documents, and the button that copies its link, in a real browser."""

from __future__ import annotations

from tests.browser.conftest import PATIENCE_MS

REFUSE = """() => {
  navigator.clipboard.writeText = () => Promise.reject(new Error("refused"));
  document.execCommand = () => false;
}"""

WATCH = """window.nameless = [];
new MutationObserver(() => {
  for (const button of document.querySelectorAll(".pk-copy button:not([aria-label])"))
    if (getComputedStyle(button).visibility === "visible") window.nameless.push(button.outerHTML);
}).observe(document, {subtree: true, childList: true, attributes: true});"""


def test_a_person_copies_the_link_and_reads_a_document(explore):
    """The link on the clipboard is the page's; refused, it stands there selected; a document opens, accessible in both themes."""
    page = explore.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{explore.server.url}/runs?runs_filter=kalman")
    copy = page.get_by_role("button", name="Copy link")
    copy.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    copy.click()
    page.get_by_text("Copied").wait_for(timeout=PATIENCE_MS)
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    assert "runs_filter=kalman" in page.url

    page.evaluate(REFUSE)
    copy.click()
    field = page.get_by_label("Link to this page")
    field.wait_for(timeout=PATIENCE_MS)
    assert page.evaluate("getSelection().toString() || document.activeElement.value") == page.url
    assert field.input_value() == page.url

    page.get_by_role("button", name="About").click()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Reproducing a run").click()
    document = opened.value
    document.get_by_role("heading", name="Reproducing a run").wait_for(timeout=PATIENCE_MS)
    explore.page = document
    for scheme in ("light", "dark"):
        document.emulate_media(color_scheme=scheme)
        assert explore.sticks_out <= 0
        document.get_by_role("link", name="What every number means").first.hover()
        explore.check_accessible()


def test_the_button_that_copies_is_never_seen_without_its_name(explore):
    """Its name comes with its script, a moment after its place on the page."""
    with explore.page.context.new_page() as watched:
        watched.add_init_script(WATCH)
        watched.goto(f"{explore.server.url}/runs")
        watched.get_by_role("button", name="Copy link").wait_for(timeout=PATIENCE_MS)
        assert watched.evaluate("window.nameless") == []
