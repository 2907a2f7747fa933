"""When a link may be crawled again, and what a crawl under way stops: sections 4.4 and 5.2 of the Files API, point 31."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.contracts import papers
from tests.contracts.file_links import FILES, NOWHERE, link, recrawl, save
from tests.contracts.file_texts import sent
from tests.contracts.photos import photo
from tests.contracts.planting import alter
from tests.contracts.shapes import BATCH_DELETE, DELETE, RESTORE, expect, expect_error
from tests.running import upload


@pytest.fixture(scope="module")
def keeper(idle):
    """A tenant on a server without a worker, so that what is queued stays queued."""
    with idle.client(idle.new_key()) as client:
        yield client


def test_what_cannot_be_crawled_again(keeper):
    """Unknown is 404, what is no link is 400, and so is one whose crawl is queued; none of that begins the hour."""
    expect_error(recrawl(keeper, uuid4()), 404, "NOT_FOUND")
    expect_error(recrawl(keeper, "nonsense"), 422, "VALIDATION_ERROR")
    image = upload(keeper, photo(), auto_describe="false")["image_id"]
    document = sent(keeper, papers.note())
    for file_id in (image, document):
        for _ in range(2):
            expect_error(recrawl(keeper, file_id), 400, "VALIDATION_ERROR")
    made = save(keeper, NOWHERE)["id"]
    for _ in range(2):
        expect_error(recrawl(keeper, made), 400, "VALIDATION_ERROR")
    expect_error(keeper.get(f"{FILES}/{made}/recrawl"), 405, "VALIDATION_ERROR")


def test_a_pending_link_is_crawled_when_asked_once_an_hour(keeper):
    """200 and queued; the second time 429 with the seconds that are left, before it is looked at whether it is queued."""
    made = save(keeper, NOWHERE, auto_crawl=False)["id"]
    answer = recrawl(keeper, made.upper())
    assert answer.status_code == 200
    assert answer.json() == {"status": "queued", "link_id": made}
    assert link(keeper, made)["crawl_status"] == "queued"
    refused = recrawl(keeper, made)
    expect_error(refused, 429, "RATE_LIMIT_ERROR")
    assert 3000 < int(refused.headers["retry-after"]) <= 3600


def test_of_two_recrawls_at_once_one_is_accepted(keeper):
    """The other is 429: the hour is counted under a lock."""
    made = save(keeper, NOWHERE, auto_crawl=False)["id"]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: recrawl(keeper, made).status_code, range(4)))
    assert sorted(answers) == [200, 429, 429, 429]


def test_a_link_that_is_being_crawled_is_busy(idle, idle_client):
    """A batch passes it over, a single deletion does not; nothing is queued beside a crawl."""
    made = save(idle_client, NOWHERE)["id"]
    alter(idle, "UPDATE link SET crawl_status = 'processing' WHERE asset_id = %s", made)
    expect_error(recrawl(idle_client, made), 400, "VALIDATION_ERROR")
    body = expect(idle_client.post(f"{FILES}/batch-delete", json={"file_ids": [made]}), BATCH_DELETE)
    assert [(one["id"], one["message"]) for one in body["skipped"]] == [(made, "File is currently processing")]
    expect(idle_client.delete(f"{FILES}/{made}"), DELETE)
    expect(idle_client.post(f"{FILES}/{made}/restore"), RESTORE)
    assert link(idle_client, made)["crawl_status"] in {"queued", "processing"}
