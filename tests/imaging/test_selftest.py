"""The self-test of the decoders, and the way the libraries are set up."""

import importlib.util
import subprocess
import sys

import pytest

from calotype.imaging import selftest as module
from calotype.imaging.libraries import load_opencv, load_vips
from calotype.imaging.selftest import selftest


def test_every_installed_format_is_found_working():
    """Each format decodes its sample; JPEG XL does so where its extra is installed, and names it otherwise."""
    found = selftest()
    assert {"jpeg", "png", "webp", "gif", "tiff", "avif", "heic", "svg", "bmp", "jxl", "dng"} == set(found)
    missing = found.pop("jxl")
    assert all(reason is None for reason in found.values()), found
    if importlib.util.find_spec("pylibjxl"):
        assert missing is None
    else:
        assert "calotype[jxl]" in missing


@pytest.mark.parametrize(
    ("raised", "said"), [(RuntimeError("no such symbol"), "RuntimeError: no such symbol"), (OSError(), "OSError")]
)
def test_a_broken_library_is_reported_not_raised(monkeypatch, raised, said):
    """Whatever a decoder raises becomes the reason for its format, and the others are still tried."""

    def fail(*_args, **_options):
        raise raised

    monkeypatch.setattr("calotype.imaging.pipeline.decode", fail)
    assert set(selftest()) == set(module.SAMPLES)
    assert all(said in reason for reason in selftest().values())


def test_wrong_colors_are_noticed(monkeypatch):
    """A sample that decodes, but to the wrong colours, is a fault."""
    from calotype.imaging import pipeline

    real = pipeline.decode

    def swapped(*args):
        raster = real(*args)
        return type(raster)(raster.pixels[:, ::-1], raster.width, raster.height, raster.upright)

    monkeypatch.setattr(pipeline, "decode", swapped)
    assert "wrong colours" in selftest()["png"]


def test_exotic_loaders_are_shut():
    """Libvips opens only the formats that are named, whatever a file claims to be."""
    vips = load_vips()
    table = b"1,2\n3,4\n"
    with pytest.raises(vips.Error):
        vips.Image.csvload_source(vips.Source.new_from_memory(table))
    load_opencv()


def test_starting_costs_nothing():
    """Importing the pipeline loads no decoder and no array library, so that processes start fast."""
    script = (
        "import sys, calotype.imaging.pipeline, calotype.imaging.selftest;"
        "heavy = {'numpy', 'cv2', 'pyvips', 'PIL', 'simplejpeg', 'pi_heif', 'rawpy'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
