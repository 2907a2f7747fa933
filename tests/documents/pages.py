"""Pages as sites send them, made here."""

from __future__ import annotations

import random

from calotype.documents.html_page import read_page
from calotype.domain.link import PageContent

URL = "https://pages.example/news/today.html?id=7"
_WORDS = (
    "harbour",
    "pier",
    "fog",
    "concrete",
    "survey",
    "council",
    "bridge",
    "damage",
    "winter",
    "engineer",
    "repair",
    "coast",
)


def read(markup: str, *, url: str = URL) -> PageContent:
    """What is read in a page that is sent as UTF-8."""
    return read_page(markup.encode("utf-8", "surrogatepass"), url, "utf-8")


def in_head(markup: str) -> PageContent:
    """What is read in a page with this in its head."""
    return read(f"<!DOCTYPE html><html><head>{markup}</head><body><p>Text.</p></body></html>")


def article(paragraphs: int = 12, teasers: int = 10) -> str:
    """A news article amid menus, teasers, scripts and a footer; the same each time."""
    chance = random.Random(paragraphs)
    menu = "".join(
        f'<li class="menu-item"><a href="/section/{i}" data-track="nav:{i}">Section {i}</a></li>' for i in range(40)
    )
    teaser = "".join(
        f'<div class="teaser"><a href="/story/{i}"><img data-src="/t/{i}.jpg" src="data:,"><h3>Teaser {i}</h3></a></div>'
        for i in range(teasers)
    )
    body = "".join(
        f"<p>{_sentences(chance)} <a href='/x/{i}'>Reference {i}</a>.</p>"
        + (
            f'<figure><img src="/photo/{i}.jpg" width="640" height="480" alt="Photo {i}"></figure>'
            if i % 5 == 0
            else ""
        )
        for i in range(paragraphs)
    )
    code = (
        "<script>"
        + "var a=function(b){return b<3&&b>1;};" * 200
        + "</script><style>"
        + ".a{color:red}" * 200
        + "</style>"
    )
    return f"""<!DOCTYPE html><html lang="en-gb"><head><meta charset="utf-8"><title>North pier closed | Example News</title>{code}
<meta property="og:title" content="North pier closed"><link rel="icon" href="/icon.png" sizes="32x32"></head><body>
<div id="cookie-banner" class="cookie-consent"><p>We use cookies.</p></div>
<header><nav><ul>{menu}</ul></nav></header><main><article><h1>North pier closed</h1>{body}</article>
<aside>{teaser}</aside></main>
<footer><a href="/imprint">Imprint</a><p>Copyright Example News. All rights reserved.</p></footer></body></html>"""


def _sentences(chance: random.Random) -> str:
    return " ".join(
        " ".join(chance.choices(_WORDS, k=chance.randint(8, 20))).capitalize()
        + f", report {chance.randrange(10**6)} says."
        for _ in range(4)
    )
