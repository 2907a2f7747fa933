"""The self-test of what opens films."""

from calotype.video import selftest as module
from calotype.video.selftest import selftest


def test_films_and_common_codecs_are_found_working():
    """A film is made and probed, and H.264, HEVC, VP9 and AV1 have their decoders."""
    assert selftest() == dict.fromkeys(("film", "h264", "hevc", "vp9", "av1"))


def test_what_is_missing_is_named(monkeypatch):
    """A decoder that is not there is a fault of its codec only; a probe that fails is one of the film."""

    def fail(*_arguments, **_options):
        raise OSError("cannot be loaded")

    monkeypatch.setattr(module, "DECODERS", module.DECODERS - {"hevc"})
    monkeypatch.setattr("calotype.video.probe.open_film", fail)
    found = selftest()
    assert found["hevc"] == "this build of FFmpeg has no decoder for it"
    assert found["film"] == "OSError: cannot be loaded"
    assert [found[name] for name in ("h264", "vp9", "av1")] == [None] * 3
