"""Runs every benchmark of this folder and prints one table."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from tests.benchmarks.table import Row, print_table


def main() -> int:
    """Measure what was asked for; 1 if something was not reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("modules", nargs="*", help="names of benchmarks, all if none is given")
    parser.add_argument("--quick", action="store_true", help="smaller loads")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if arguments.modules and path.stem not in arguments.modules:
            continue
        module = importlib.import_module(f"tests.benchmarks.{path.stem}") if path.stem != "__main__" else None
        run = getattr(module, "run", None)
        if run is not None:
            print(f"{path.stem} …", file=sys.stderr, flush=True)
            rows += run(arguments.quick)
    print_table(rows)
    return 0 if all(row.is_reached for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
