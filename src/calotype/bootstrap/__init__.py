"""The only place that reads settings and builds objects."""

from calotype.bootstrap.application import Application
from calotype.bootstrap.describer import check_describing
from calotype.bootstrap.opening import (
    check_fetching,
    check_storage,
    open_application,
    open_database,
    open_programs,
    own_folders,
)
from calotype.bootstrap.transcriber import check_transcribing

__all__ = [
    "Application",
    "check_describing",
    "check_fetching",
    "check_storage",
    "check_transcribing",
    "open_application",
    "open_database",
    "open_programs",
    "own_folders",
]
