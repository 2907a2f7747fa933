"""Reading robots.txt: what of it is meant for us, and what that allows (RFC 9309)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from protego import Protego

_ANYBODY = "*"
_AGENT = re.compile(r"(?:user-?agent|user\s+agent)(?:\s*:|\s|$)(.*)", re.IGNORECASE)  # as generous as the library
_SITE_WIDE = re.compile(r"(?:sitemaps?|site-map|host)(?:\s*:|\s|$)", re.IGNORECASE)  # these belong to no group
_TOKEN = re.compile(r"\*|[a-z_-]+")


@dataclass(frozen=True, slots=True)
class RobotsText:
    """The rules of one site for one program; `size` is the length of the text they were read from, in characters."""

    size: int
    rules: Protego | None

    def allows(self, url: str) -> bool:
        """Whether the path of a URL (ASCII, escaped) may be asked for: the longest rule that fits decides."""
        return self.rules is None or self.rules.can_fetch(url, _ANYBODY)

    @property
    def crawl_delay(self) -> float | None:
        """Seconds the site wants between two requests, if it says so."""
        return None if self.rules is None else self.rules.crawl_delay(_ANYBODY)


def read_robots(data: bytes, agent: str) -> RobotsText:
    """Read the rules for an agent, by its product token; nothing that a site can write there is an error.

    What other agents are told is dropped before the library sees it: it keeps each rule once for every agent of its group, so
    that a file of 130 kB with 4,000 agents and as many rules takes a minute and gigabytes.
    """
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = _meant_for(agent.lower(), text)
    if not lines:
        return RobotsText(0, None)
    ours = "\n".join([f"User-agent: {_ANYBODY}", *lines])
    return RobotsText(len(ours), Protego.parse(ours))


def _meant_for(agent: str, text: str) -> Sequence[str]:
    """The lines of all groups that name the agent; where none does, of those for anybody."""
    groups: dict[str, list[str]] = {}
    named: set[str] = set()
    is_head = False
    for line in text.splitlines():
        statement = line.partition("#")[0].strip()
        if not statement:
            continue
        if head := _AGENT.match(statement):
            if not is_head:
                named = set()
            is_head = True
            token = _TOKEN.match(head[1].strip().lower())
            if token and token[0] in {agent, _ANYBODY}:
                named.add(token[0])
                groups.setdefault(token[0], [])
        elif not _SITE_WIDE.match(statement):
            is_head = False
            for name in named:
                groups[name].append(statement)
    return groups.get(agent, groups.get(_ANYBODY, []))
