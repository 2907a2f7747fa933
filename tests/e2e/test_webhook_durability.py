"""Every event is delivered, whichever process is killed in the middle of it."""

from __future__ import annotations

import os
import signal

import pytest

from tests.e2e.library import QUICK, Uploads, photo, wait_until_all_completed
from tests.e2e.processes import is_gone, kill_everything, worker_of
from tests.receivers import Receiver, signature_of
from tests.running import RunningServer, upload, wait_for, wait_until_processed

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of this module's own, which may call webhooks on loopback."""
    running = RunningServer(
        tmp_path_factory.mktemp("webhooks"),
        CALOTYPE_FETCH_ALLOW="127.0.0.1",
        CALOTYPE_WEBHOOK_FIRST_PAUSE="0.2",
        CALOTYPE_WEBHOOK_TIMEOUT="60",
        **QUICK,
    )
    with running:
        yield running


@pytest.fixture
def receiver():
    """Where webhooks lead to."""
    with Receiver() as running:
        yield running


def subscribe(client, url, *events):
    """Make a webhook; returns its data."""
    answer = client.post("/api/webhooks", json={"url": url, "events": list(events)})
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def log_of(client, webhook):
    """The newest entries of the log of a webhook."""
    return client.get(f"/api/webhooks/{webhook['id']}/deliveries").json()["data"]["items"]


def test_a_worker_killed_in_the_middle_of_a_delivery_delivers_again(server, receiver):
    """The receiver had the event, the worker never heard so: it comes again, under the same id, with the same bytes."""
    with server.client(server.new_key()) as client:
        url = receiver.path("hold", 200)
        made = subscribe(client, url, "asset.deleted")
        file_id = upload(client, photo())["image_id"]
        wait_until_processed(client, file_id, described=True)
        client.delete(f"/api/v2/user-files/{file_id}")
        receiver.wait(url)
        worker = worker_of(server)
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: is_gone(worker), "the worker outlived SIGKILL")

        first, second = receiver.wait(url, 2)

        assert (first.id, first.body) == (second.id, second.body)
        assert second.headers["webhook-signature"] == signature_of(made["secret"], second)
        (entry,) = wait_for(
            lambda: found if (found := log_of(client, made))[0]["status"] == "delivered" else None, "not noted"
        )
        assert entry["attempts"] == 1  # as far as anybody knows


def test_a_worker_that_is_stopped_gives_its_deliveries_back(server, receiver):
    """SIGTERM in the middle of a delivery loses nothing either."""
    with server.client(server.new_key()) as client:
        url = receiver.path("hold", 200)
        subscribe(client, url, "asset.processed")
        file_id = upload(client, photo(), auto_describe="false")["image_id"]
        receiver.wait(url)
        os.kill(worker_of(server), signal.SIGTERM)
        calls = receiver.wait(url, 2)
        assert {call.json["data"]["asset_id"] for call in calls} == {file_id}


def test_every_answered_upload_is_told_of_when_everything_is_killed(server, receiver):
    """After kill -9 of server, worker and database in the middle of many uploads, no event is missing."""
    key = server.new_key()
    url = receiver.path()
    with server.client(key) as client:
        subscribe(client, url, "asset.processed")
    with Uploads(server, key) as uploads:
        wait_for(lambda: len(uploads.answered) >= 20, "the uploads did not get going")
        kill_everything(server)

    server.start()

    with server.client(key) as client:
        wait_until_all_completed(client)

        def told():
            return {call.json["data"]["asset_id"] for call in receiver.sent(url)}

        wait_for(lambda: uploads.answered.keys() <= told(), "an event is missing")
    bodies = {(call.id, call.body) for call in receiver.sent(url)}
    assert len(bodies) == len({call.id for call in receiver.sent(url)})
