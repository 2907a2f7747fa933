"""What is shipped is the wheel, so the wheel is what must run."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import calotype
from tests.running import calotype_environment

pytestmark = pytest.mark.e2e
_PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built without a network from the sources as they are."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(_PROJECT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of programs of a fresh environment with the wheel in it and, borrowed from ours, what it depends on."""
    environment = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    packages = next((environment / "lib").glob("python*/site-packages"))
    ours = [entry for entry in sys.path if entry.endswith("site-packages")]
    # After the environment's own packages, where an editable install of ours is not followed.
    (packages / "borrowed.pth").write_text("".join(f"import sys; sys.path.append({entry!r})\n" for entry in ours))
    return environment / "bin"


def run(program, *arguments, folder):
    """Run a program of the environment far from the sources, which nothing may lead it to."""
    environment = calotype_environment(folder / "data")
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        [str(program), *arguments], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_everything_the_program_needs_and_nothing_else(wheel):
    """Every source file of the package is in it, migrations too, and no test or benchmark."""
    source = _PROJECT / "src"
    expected = {
        str(path.relative_to(source))
        for path in (source / "calotype").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected


def test_the_installed_wheel_says_its_version(installed, tmp_path):
    """`calotype --version` runs from the environment's own copy, not from the sources."""
    where = run(installed / "python", "-c", "import calotype; print(calotype.__file__)", folder=tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(installed.parent)
    assert run(installed / "calotype", "--version", folder=tmp_path).stdout == f"calotype {calotype.__version__}\n"


def test_the_installed_wheel_is_healthy(installed, tmp_path):
    """`calotype doctor` finds no fault in an installation that never ran before."""
    done = run(installed / "calotype", "doctor", folder=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    assert "decoder jpeg: decodes" in done.stdout
