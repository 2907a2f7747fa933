"""The self-test of what reads documents."""

from calotype.documents.selftest import selftest

FORMATS = {"pdf", "docx", "txt", "md", "html"}


def test_every_format_is_found_working():
    """Each format's sample is read."""
    assert selftest() == dict.fromkeys(FORMATS)


def test_a_broken_library_is_reported_not_raised(monkeypatch):
    """Whatever a reader raises becomes the reason of its format, and the others are still tried."""

    def fail(*_arguments, **_options):
        raise RuntimeError("no such symbol")

    monkeypatch.setattr("calotype.documents.pdf.read_pdf", fail)
    monkeypatch.setattr("calotype.documents.html_page.read_text", lambda _root: "")
    found = selftest()
    assert "no such symbol" in found["pdf"] or "RuntimeError" in found["pdf"]
    assert found["html"] == "reads no text"
    assert [found[kind] for kind in ("docx", "txt", "md")] == [None] * 3
