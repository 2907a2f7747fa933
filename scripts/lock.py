"""Pin the dependencies of pyproject.toml with hashes, without naming any index host."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def compile_lock(target: str, *arguments: str) -> None:
    """Write one lock file."""
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes",
        "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header",
        "--python-version", "3.11", "--output-file", target, *arguments,
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True)
    text = (ROOT / target).read_text()
    if "://" in text:
        sys.exit(f"{target} names an index host")


if __name__ == "__main__":
    # The build backend is locked with the runtime, so that the editable install needs no network of its own.
    compile_lock("requirements.lock", "pyproject.toml", "scripts/build.in")
    compile_lock(
        "requirements-dev.lock",
        "pyproject.toml",
        "scripts/build.in",
        "--group",
        "dev",
        "--constraint",
        "requirements.lock",
    )
    compile_lock("tests/storage/s3_server.lock", "tests/storage/s3_server.in")
