"""All benchmarks, one after the other: `make bench`, or some of them: `python -m bench ingest crawling`.

Each runs in a process of its own, so that none inherits another's memory and one that fails costs only itself. A run of all of
them writes `bench/RESULTS.md`; a run of some prints only.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.results import Run, write_results

# A module below `bench`, and what it is told.
BENCHMARKS: tuple[tuple[str, ...], ...] = (
    ("ingest", "phone", "100"),
    ("ingest", "small", "500"),
    ("pictures",),
    ("stream",),
    ("chunked_uploads",),
    ("requests",),
    ("storage",),
    ("start",),
    ("search",),
    ("folders",),
    ("batch",),
    ("images",),
    ("duplicates",),
    ("similar",),
    ("colors",),
    ("completeness",),
    ("meaning",),
    ("fleet",),
    ("exports",),
    ("analyses",),
    ("videos",),
    ("indexing",),
    ("indexing", "--no-ocr"),
    ("speech",),
    ("documents",),
    ("document_search",),
    ("web_pages",),
    ("crawling",),
)
RESULTS = Path(__file__).with_name("RESULTS.md")


def main(names: list[str]) -> int:
    """Run all benchmarks, or those named; 1 if one of them failed, 2 if there is none of that name."""
    if unknown := set(names) - {benchmark[0] for benchmark in BENCHMARKS}:
        print(f"There is no benchmark called {', '.join(sorted(unknown))}.", file=sys.stderr)
        return 2
    begun = dt.datetime.now(dt.UTC)
    runs: list[Run] = []
    for benchmark in BENCHMARKS:
        if not names or benchmark[0] in names:
            runs.append(_run(benchmark))
            if not names:  # each time, so that whoever stops it keeps what there is
                RESULTS.write_text(write_results(begun, runs))
    return 1 if any(run.failure for run in runs) else 0


def _run(benchmark: tuple[str, ...]) -> Run:
    """One benchmark in a process of its own; its tables are shown, its JSON is kept."""
    load, started = os.getloadavg()[0], time.monotonic()
    print(f"== {' '.join(benchmark)}", flush=True)
    command = [sys.executable, "-m", f"bench.{benchmark[0]}", *benchmark[1:]]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    print("\n".join(line for line in lines if not line.startswith("{")), flush=True)
    results = [json.loads(line) for line in lines if line.startswith("{")]
    failure = f"ended with {done.returncode}" if done.returncode else "" if results else "printed no figures"
    return Run(" ".join(benchmark), results, round(load, 1), round(time.monotonic() - started), failure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
