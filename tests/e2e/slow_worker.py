"""`calotype worker` whose decoder takes for ever, so that there is a job under way whenever a test wants one."""

from __future__ import annotations

import importlib
import sys
import time

from calotype.cli.main import main
from calotype.services import picture


def develop_for_ever(path: str, *, pixel_limit: int) -> None:
    """What stands in for the development of a picture."""
    time.sleep(3600)


if __name__ == "__main__":
    # Under its own name, so that the decoder's process can import it.
    picture.develop = importlib.import_module("tests.e2e.slow_worker").develop_for_ever
    sys.argv = ["calotype", "worker"]
    main()
