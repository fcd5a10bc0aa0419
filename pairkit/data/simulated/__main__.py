"""`python -m pairkit.data.simulated [FOLDER]` writes the snapshot FOLDER/demo, by default snapshots/demo.

An older one must be removed first: a snapshot is never changed.
"""

from __future__ import annotations

import sys

from pairkit.audit.snapshots.demo import write_demo
from pairkit.errors import PairkitError

folder = sys.argv[1] if len(sys.argv) > 1 else "snapshots"
try:
    sys.stdout.write(f"{write_demo(folder)}\n")
except PairkitError as error:
    sys.exit(str(error))
