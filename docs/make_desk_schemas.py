"""Make the JSON Schemas of a book and of a sheet, from the shapes that pairkit itself checks, and the bundled book."""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PAIRS = (("RB", "HC"), ("M", "RM"), ("Y", "P"), ("CU", "AU"), ("TA", "MA"))

if __name__ == "__main__":
    sys.path.insert(0, str(PROJECT))
    from pairkit.config import StrategyConfig
    from pairkit.desk import book, sheet_schema
    from pairkit.ui.presets.bundled import PRESETS

    for module, name in ((book, "book"), (sheet_schema, "sheet")):
        (PROJECT / "pairkit" / "desk" / f"{name}_schema.json").write_text(
            module.schema_text(), encoding="utf-8"
        )
    demo = book.new_book(
        book.DEMO_BOOK, "demo", "The five pairs of the simulated market, and its calendar spread."
    )
    for y, x in PAIRS:
        demo = demo.plus(book.book_entry(y, x, StrategyConfig(), since="2015-01-05"))
    calendar = StrategyConfig(**PRESETS["Calendar"].changes)
    demo = demo.plus(book.book_entry("SR", "SR@next", calendar, since="2015-01-05"))
    book.save_book(demo, PROJECT / "books")
