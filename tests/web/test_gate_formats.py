"""The gate between several wire formats: whose a path is, how it is spelled, what it costs, and how long it is."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

import httpx
import pytest
import structlog
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from calotype.domain.budget import Budget, BudgetState
from calotype.domain.errors import Unavailable
from calotype.settings import Settings
from calotype.web.apis.files.auth import FilesFormat
from calotype.web.apis.vision.auth import VisionFormat
from calotype.web.shared.gate import Gate
from calotype.web.shared.rate_limit import RateLimiter
from tests.web.test_gate import KEYS, ApiKeys

KEY = {"X-Api-Key": "good"}
LIMITS = ["x-ratelimit-requests-limit", "x-ratelimit-requests-remaining", "x-ratelimit-requests-reset", "retry-after"]


class Budgets:
    """Notes what is counted, and says what a test wants."""

    def __init__(self, state=None):
        self.spent = []
        self._state = state

    async def spend(self, api_key_id, budget):
        """Count a call."""
        self.spent.append((api_key_id, budget))
        if isinstance(self._state, Exception):
            raise self._state
        return self._state


async def greet(scope, receive, send):
    """Answer with the path and who is asking."""
    principal = scope["state"].get("principal")
    await JSONResponse([scope["path"], principal is not None])(scope, receive, send)


def gate(application=greet, budgets=None, limit=100, **settings):
    """An HTTP client for an application behind a gate with both formats."""
    vision = VisionFormat(Settings(data_dir="unused", **settings))
    inner = Gate(application, formats=[FilesFormat(), vision], fallback=vision, limiter=RateLimiter(limit, 10**9))
    state = SimpleNamespace(application=SimpleNamespace(api_keys=ApiKeys(), budgets=budgets or Budgets()))

    async def outer(scope, receive, send):
        scope["app"] = SimpleNamespace(state=state)
        await inner(scope, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://server")


@pytest.mark.parametrize(
    "path",
    [
        "/images",
        "/images/list",
        "/v1",
        "/v1/",
        "/v1/x",
        "/v2/videos",
        "/videos/1",
        "/video-groups",
        "/search",
        "/qa/chat",
        "/clips",
        "/creator/reels",
    ],
)
async def test_paths_of_the_vision_api_ask_for_its_key(path):
    """Without one the answer is a 401 in its own words; each of both credentials passes."""
    async with gate() as client:
        refused = await client.get(path)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "missing_api_key")
        assert refused.headers["www-authenticate"] == "Bearer"
        for sent in (
            KEY,
            {"authorization": "bEARER  good"},
            {**KEY, "Authorization": "Bearer bad"},
            {"X-Api-Key": " ", "Authorization": "Bearer good"},
        ):
            assert (await client.get(path, headers=sent)).json() == [path.rstrip("/"), True]
        assert (await client.get(path, headers={"X-Api-Key": "bad"})).json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/v1/health",
        "/v1/health/",
        "/media/x",
        "/",
        "/image",
        "/images2/list",
        "/IMAGES",
        "/v10/x",
        "/v3",
        "/docs",
    ],
)
async def test_open_paths_ask_for_no_key(path):
    """Also those below a prefix that does; and what only looks like a prefix is none."""
    async with gate() as client:
        answer = await client.get(path, headers={"X-Api-Key": "bad"})
    assert answer.json() == [path.rstrip("/") or "/", False]
    assert not set(LIMITS) & set(answer.headers)


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("/images/list/", "/images/list"),
        ("/images/list//", "/images/list"),
        ("/images/", "/images"),
        ("/images%2Flist%2F", "/images/list"),
        ("/images//list", "/images//list"),
        ("/unknown/", "/unknown"),
        ("/", "/"),
        ("/api/v2/x/", "/api/v2/x/"),
        ("/_o/x/", "/_o/x/"),
    ],
)
async def test_a_slash_at_the_end_is_taken_away_where_the_format_says_so(sent, seen):
    """No redirect, and nothing inside of a path changes."""
    async with gate() as client:
        answer = await client.post(sent, headers={**KEY, "Authorization": "Bearer good"})
    assert answer.json()[0] == seen


@pytest.mark.parametrize(
    ("method", "path", "budget"),
    [
        ("POST", "/images/upload", Budget.IMAGE_UPLOADS),
        ("POST", "/v1/images/upload", Budget.IMAGE_UPLOADS),
        ("POST", "/images/upload/", Budget.IMAGE_UPLOADS),
        ("POST", "/v1/images%2Fupload//", Budget.IMAGE_UPLOADS),
        ("POST", "/images/search", Budget.IMAGE_SEARCHES),
        ("POST", "/v1/images/search/", Budget.IMAGE_SEARCHES),
        ("GET", "/images/upload", None),
        ("POST", "/images/list", None),
        ("POST", "/v1/v1/images/upload", None),
        ("POST", "/images//upload", None),
        ("POST", "/api/v2/images/upload", None),
    ],
)
async def test_all_spellings_of_a_route_share_its_budget(method, path, budget):
    """No way to write a path gets around it; other routes and methods cost nothing."""
    budgets = Budgets()
    async with gate(budgets=budgets) as client:
        await client.request(method, path, headers={**KEY, "Authorization": "Bearer good"})
    assert budgets.spent == ([(KEYS["good"].key_id, budget)] if budget else [])


@pytest.mark.parametrize(
    ("state", "status", "limits"),
    [
        (None, 200, ["1000000", "1000000", "0", "0"]),
        (BudgetState(True, 5, 3, 600), 200, ["5", "3", "600", "0"]),
        (BudgetState(True, 5, 0, 600), 200, ["5", "0", "600", "0"]),
        (BudgetState(False, 5, 0, 600), 429, ["5", "0", "600", "600"]),
        (Unavailable("no database"), 503, ["1000000", "1000000", "0", "5"]),
    ],
)
async def test_answers_tell_the_budget(state, status, limits):
    """Four integers on every answer to somebody known; beyond the budget a refusal that says when to come again."""
    async with gate(budgets=Budgets(state)) as client:
        answer = await client.post("/images/upload", headers=KEY)
    assert answer.status_code == status
    assert [answer.headers[name] for name in LIMITS] == limits
    if status == 429:
        assert answer.json()["error"]["code"] == "rate_limit_exceeded"


async def test_the_reason_why_a_budget_is_not_known_is_written_down():
    """The log names it and the path, as it does for routes."""
    with structlog.testing.capture_logs() as logs:
        async with gate(budgets=Budgets(Unavailable("no database"))) as client:
            await client.post("/images/upload", headers=KEY)
    assert [(line["event"], line["reason"], line["path"]) for line in logs] == [
        ("unavailable", "no database", "/images/upload")
    ]


async def test_nobody_spends_a_budget_without_passing():
    """Strangers, and who asks too often, cost nothing."""
    budgets = Budgets()
    async with gate(budgets=budgets, limit=1) as client:
        assert (await client.post("/images/upload")).status_code == 401
        assert (await client.post("/images/upload", headers=KEY)).status_code == 200
        refused = await client.post("/images/upload", headers=KEY)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["x-ratelimit-requests-remaining"] == "0"
    assert len(budgets.spent) == 1


async def _read_all(scope, receive, send):
    try:
        while (await receive()).get("more_body"):
            pass
    except HTTPException as error:
        await Response(status_code=error.status_code)(scope, receive, send)
    else:
        await Response()(scope, receive, send)


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/images/list", 2000),
        ("/v1/images/list/", 2000),
        ("/images/upload", None),
        ("/images/upload/", None),
        ("/v1/images/upload//", None),
        ("/images//upload", 2000),
        ("/v1/v1/images/upload", 2000),
        ("/api/v2/images/upload", 1024 * 1024),
        ("/api/v2/user-files/upload/stream", None),
        ("/api/v2/user-files/upload/stream/", 1024 * 1024),
    ],
)
async def test_each_format_limits_its_bodies(path, most):
    """Only paths that are parsed as they arrive may be longer, and only as their routes are spelled."""
    async with gate(_read_all, vision_max_body_bytes=2000) as client:
        sent = {**KEY, "Authorization": "Bearer good"}
        assert (await client.post(path, content=b"x" * (most or 2**21), headers=sent)).status_code == 200
        if most:
            assert (await client.post(path, content=b"x" * (most + 1), headers=sent)).status_code == 413


@pytest.mark.parametrize(
    ("identity", "by_vision", "by_files"),
    [
        ("a.b_c-9", True, True),
        ("x" * 128, True, True),
        ("x" * 129, False, False),
        ("a b", False, True),
        ("", False, False),
        ("a/b", False, True),
        ("a\tb", False, False),
    ],
)
async def test_each_format_says_which_request_ids_it_takes_over(identity, by_vision, by_files):
    """A usable one comes back, for any other a new one is made; on every answer."""
    async with gate() as client:
        for path, taken in (
            ("/images/x", by_vision),
            ("/health", by_vision),
            ("/nowhere", by_vision),
            ("/api/v2/x", by_files),
            ("/_o/x", by_files),
        ):
            found = (await client.get(path, headers={"X-Request-ID": identity})).headers["x-request-id"]
            assert found == identity if taken else str(UUID(found)) == found != identity
