"""Messages from the server to the browser: each is sent whole, however large."""

from __future__ import annotations

from streamlit import config
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_cache import populate_hash_if_needed

from tests import ROOT


def test_no_message_stands_for_one_that_the_browser_may_have_dropped(monkeypatch):
    """Of a chart's size or larger, none is marked to be kept by the browser, and to be named later in place of being sent."""
    monkeypatch.chdir(ROOT)
    config.get_config_options(force_reparse=True)  # a test before may have read it elsewhere
    for size in (10_000, 5_000_000):
        message = ForwardMsg()
        message.delta.new_element.markdown.body = "x" * size
        populate_hash_if_needed(message)
        assert message.hash
        assert not message.metadata.cacheable
