"""English words that say nothing about a picture: a question is understood without them."""

from __future__ import annotations

_WORDS = (
    "a about above after again all also am an and any are as at be because been before being below between both but "
    "by can could did do does doing down during each few find for from further get give had has have having he her "
    "here hers him his how i if in into is it its itself just let like look looking me more most my no nor not of "
    "off on once one only or other our out over own please s same search she should show so some such t than that "
    "the their them then there these they this those through to too under until up us very was we were what when "
    "where which while who whom why will with would you your"
)
STOP_WORDS = frozenset(_WORDS.split())
"""Folded words, as `search_text.words` gives them; "s" and "t" are what is left of "it's" and "don't"."""
