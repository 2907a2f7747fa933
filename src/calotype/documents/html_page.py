"""Reading a web page: what it says of itself, and what stands on it."""

from __future__ import annotations

from calotype.documents.html_charset import decode_page
from calotype.documents.html_head import read_head
from calotype.documents.html_images import read_images
from calotype.documents.html_text import read_text
from calotype.documents.html_tree import parse_html
from calotype.domain.link import PageContent
from calotype.domain.web_address import absolute


def read_page(data: bytes, url: str, declared_charset: str | None) -> PageContent:
    """Read the page that was found at `url`; never fails, whatever the bytes are.

    `declared_charset` is that of the answer's Content-Type. Nothing is fetched, and no script runs. Titles have at most 1,000
    characters, descriptions 5,000, URLs 2,048, the text 2,000,000; images are 100 at most.
    """
    text, charset = decode_page(data, declared_charset)
    root = parse_html(text)
    if root is None:
        return PageContent(favicon_url=absolute(url, "/favicon.ico"), charset=charset)
    head = read_head(root, url)
    return PageContent(
        title=head.title,
        open_graph=head.open_graph,
        favicon_url=head.favicon_url,
        canonical_url=head.canonical_url,
        text=read_text(root),
        language=head.language,
        charset=charset,
        images=read_images(root, head.base),
    )
