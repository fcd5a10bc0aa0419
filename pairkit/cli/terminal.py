"""Terminal output of texts that files, links, readers and providers wrote: each as it stands, with no markup in it at work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import Progress, ProgressColumn, TextColumn
from rich.segment import Segment

from pairkit.display import visible


class Terminal(Console):
    """Console on which a bracket is a bracket, `:smile:` is no picture, and a sign without a look of its own is named."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of a renderable, with what cannot be seen in their text named."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text), style, control)


def progress_bar(*columns: ProgressColumn, **options: Any) -> Progress:
    """A progress bar on standard error that is gone when it is done; its description comes first, as it stands."""
    description = TextColumn("{task.description}", markup=False)
    return Progress(description, *columns, console=Terminal(stderr=True), transient=True, **options)
