"""Markdown is read as it is shown."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from calotype.documents.markdown import markdown_blocks
from tests.documents.reading import read, shapes

TEXT = """---
title: "A page"
lang: en
---
# First *head*

Some **bold** `code` and a [link](http://localhost/x), wrapped
onto a line.\\
A hard break. ![a cat](cat.png)

Second
------

- a
- b
  1. c
  2. d

     more of d

| one | two |
|-----|----:|
| 1   | *2* |

```python
x = 1

y = 2
```

> quoted &amp; ~~gone~~

<div>
raw <b>html</b>
</div>
"""


def test_blocks_are_told_apart_without_their_marks(tmp_path):
    """Headings of both kinds, lists, tables, code and quotations; marks, addresses and tags are not shown."""
    document = read(tmp_path / "a.md", TEXT.encode(), "md")
    assert shapes(document) == [
        ("code", None, 'title: "A page"\nlang: en'),
        ("heading", 1, "First head"),
        ("paragraph", None, "Some bold code and a link, wrapped onto a line.\nA hard break. a cat"),
        ("heading", 2, "Second"),
        ("list", None, "• a\n• b\n  1. c\n  2. d\n    more of d"),
        ("table", None, "one\ttwo\n1\t2"),
        ("code", None, "x = 1\n\ny = 2"),
        ("paragraph", None, "quoted & gone"),
        ("paragraph", None, "raw html"),
    ]
    assert document.properties == {"title": "A page", "language": "en"}
    assert (document.page_count, document.encoding) == (None, "utf-8")


def test_a_rule_at_the_top_is_no_front_matter(tmp_path):
    """Three dashes begin fields only where fields follow."""
    document = read(tmp_path / "a.md", b"---\nJust a text\n---\n", "md")
    assert document.properties == {}
    assert [text for _, _, text in shapes(document)] == ["Just a text"]


@given(st.text(st.sampled_from("ab1 \n\n#*_`>-+|[]()!<&~:.\t\\"), max_size=120))
def test_no_word_is_lost(text):
    """Whatever the marks, all letters that stand outside of addresses and tags come out, in their order."""
    plain = re.sub(r"[<>()\[\]&!~:|]", " ", text)
    letters = [c for c in "".join(block.text for block in markdown_blocks(plain)) if c in "ab"]
    fences = [line for line in plain.splitlines() if line.lstrip(" >-+*0123456789.\t").startswith("```")]
    if not fences:
        assert letters == [c for c in plain if c in "ab"]


def test_a_very_long_file_is_read_as_text(tmp_path):
    """A dump under the name of Markdown is not parsed for seconds, and keeps all it has."""
    document = read(tmp_path / "a.md", (b"# word " * 200 + b"\n\n") * 2000, "md", most=10_000_000)
    assert len(document.blocks) == 2000
    assert document.blocks[-1].text.startswith("# word # word")
