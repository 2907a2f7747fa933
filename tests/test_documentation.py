"""What the documentation points to exists: files, headings, modules, benchmarks and settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from calotype.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "bench/README.md"]
)
MADE = {ROOT / "bench" / "RESULTS.md"}  # by `make bench`
FOLDERS = "ai|bootstrap|cli|crawling|db|documents|domain|imaging|jobs|sandbox|services|storage|video|web|worker"
OF_PEOPLE = {
    "CALOTYPE_CORPUS",
    "CALOTYPE_EXAMPLES",
    "CALOTYPE_STORM_SECONDS",
    "CALOTYPE_STORM_SEED",
}  # read by tests, not by the program


def bare(text):
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(path):
    """What links can name of a page: its headings as the hosts of repositories spell them."""
    headings = re.findall(r"^#+ (.+)$", bare(path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_what_a_page_points_to_exists(page):
    """Links lead to files and headings, modules and benchmarks that it names are there, and so are settings."""
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", bare(text)):
        name, _, heading = target.partition("#")
        path = ((ROOT / page).parent / name).resolve() if name else ROOT / page
        assert path.exists() or path in MADE, target
        assert not heading or heading in anchors(path), target
    for module in re.findall(rf"`((?:{FOLDERS})/[a-z0-9_/]+\.py)`", text):
        assert (ROOT / "src" / "calotype" / module).exists(), module
    for path in re.findall(r"`((?:tests|bench|docs)/[\w/.-]+)`", text):
        assert (ROOT / path).exists() or ROOT / path in MADE, path
    for name in re.findall(r"python -m bench\.([a-z_]+)", text):
        assert (ROOT / "bench" / f"{name}.py").exists(), name
    settings = {f"CALOTYPE_{name.upper()}" for name in Settings.model_fields} | OF_PEOPLE
    assert set(re.findall(r"CALOTYPE_[A-Z_]*[A-Z]", text)) <= settings
