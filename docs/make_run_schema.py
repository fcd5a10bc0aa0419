"""Make `pairkit/audit/runs/run_schema.json`, the JSON Schema of run manifests, from the shape that `rerun` itself checks."""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    sys.path.insert(0, str(PROJECT))
    from pairkit.audit.runs.schema import schema_text

    (PROJECT / "pairkit" / "audit" / "runs" / "run_schema.json").write_text(
        schema_text(), encoding="utf-8"
    )
