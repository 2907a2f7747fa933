"""The whole journey over a bucket instead of a folder."""

from __future__ import annotations

import hashlib
import io

from PIL import Image

from tests.running import RunningServer, upload, wait_until_processed


def test_a_photo_goes_the_whole_way_over_a_bucket(s3_server, tmp_path):
    """Stored, developed, delivered in whole and in part, by the presigned way too, with nothing left on the local disk."""
    options = {name.upper(): str(value) for name, value in s3_server.options.items()}
    environment = {name if name.startswith("AWS_") else f"AWS_{name}": value for name, value in options.items()}
    stream = io.BytesIO()
    Image.effect_noise((1500, 900), 60).convert("RGB").save(stream, "JPEG", quality=90)
    data = stream.getvalue()

    with RunningServer(tmp_path, CALOTYPE_STORAGE_URL=f"s3://{s3_server.bucket}/journey", **environment) as server:
        with server.client(server.new_key()) as client:
            assert client.get("/health", params={"verbose": "true"}).json()["storage"] == "ok"
            file_id = upload(client, data)["image_id"]
            assert wait_until_processed(client, file_id, described=True)["variant_status"] == "completed"

            large = client.get(f"/api/v2/user-files/{file_id}/variant/large_1024", follow_redirects=True)
            assert Image.open(io.BytesIO(large.content)).size == (1024, 614)
            link = client.get(f"/api/v2/user-files/{file_id}/download").headers["location"]
            assert hashlib.sha256(client.get(link).content).digest() == hashlib.sha256(data).digest()
            part = client.get(link, headers={"Range": "bytes=100-299"})
            assert (part.status_code, part.content) == (206, data[100:300])

            form = {"filename": "b.jpg", "content_type": "image/jpeg", "size_bytes": str(len(data))}
            made = client.post("/api/v2/user-files/upload/initiate", data=form).json()
            assert client.put(made["upload_url"], content=data).status_code == 200
            body = {"object_key": made["object_key"], "image_id": made["image_id"], "size_bytes": len(data)}
            assert client.post("/api/v2/user-files/upload/confirm", json=body).status_code == 200
            assert wait_until_processed(client, made["image_id"])["hash"].endswith(hashlib.sha256(data).hexdigest())
        assert not [path for path in (server.data_dir / "scratch").rglob("*") if path.is_file()]
        assert not (server.data_dir / "objects").exists()
