"""A server over the installation of a module's commands, and what a camera does with it."""

from __future__ import annotations

import json

from tests.contracts.photos import photo

UPLOAD = "/api/device/images/upload"
BOX = {"class_value": "defect", "type": "bbox", "geometry": [0.5, 0.5, 0.2, 0.1]}


def added(calotype, *arguments):
    """A device made by the command; returns its id and its key."""
    done = calotype("devices", "add", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr.split()[1], done.stdout.splitlines()[-1]


def send(server, key, data=None):
    """The answer to an image sent with a device's key, another image each time unless it is given."""
    metadata = json.dumps({"model_id": "m", "annotations": [BOX]})
    with server.client() as client:
        files = {"image": ("image.jpg", data or photo())}
        return client.post(UPLOAD, files=files, data={"metadata": metadata}, headers={"X-Device-Key": key})


def sent(server, key, count=1):
    """Send images that must be taken; returns the id of the batch of the last one."""
    for _ in range(count):
        answer = send(server, key)
        assert answer.status_code == 200, answer.text
    return answer.json()["data"]["batch_id"]
