"""Which tests are slow: slow.txt, one line each, made from the times of a whole run by `python -m tests.slow REPORT`."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean
from xml.etree import ElementTree as ET

FILE = Path(__file__).with_name("slow.txt")
SLOW = frozenset(FILE.read_text(encoding="utf-8").splitlines())
LONGEST_MEAN_S, LONGEST_SUM_S = 0.15, 2.0  # of a function, over what it is parametrised with


def listed(report: Path) -> list[str]:
    """The functions of a JUnit report that take long; the browser's tests are marked by themselves."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for case in ET.parse(report).getroot().iter("testcase"):
        file = case.attrib["classname"].removeprefix("tests.").replace(".", "/") + ".py"
        function = case.attrib["name"].partition("[")[0]
        seconds[f"{file} {function}"].append(float(case.attrib["time"]))
    return sorted(
        name
        for name, times in seconds.items()
        if not name.startswith("browser/")
        and (mean(times) > LONGEST_MEAN_S or sum(times) > LONGEST_SUM_S)
    )


if __name__ == "__main__":
    FILE.write_text("\n".join(listed(Path(sys.argv[1]))) + "\n", encoding="utf-8")
