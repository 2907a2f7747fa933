"""A server that speaks S3 and refuses wrong signatures; run by the tests, in an environment of its own.

`python s3_server.py LOG` writes one line of JSON (endpoint and credentials) and serves until its input
closes. Every request becomes a line of JSON in the file LOG. moto checks signatures only when its access
control is on, which is done here once a user exists.
"""

import json
import sys
import threading
import urllib.request
from pathlib import Path

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "pictures"
EVERYTHING_IN_S3 = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}


class QuietHandler(WSGIRequestHandler):
    """Serves without a line on the terminal for each request."""

    def log_request(self, *_arguments):
        pass


def logging_to(log, app):
    """The application, one request at a time (moto mixes up threads), each noted in a file."""
    lock = threading.Lock()

    def logged(environ, start_response):
        entry = {
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "query": environ["QUERY_STRING"],
            "length": int(environ.get("CONTENT_LENGTH") or 0),
            "headers": sorted(name for name in environ if name.startswith("HTTP_X_AMZ")),
        }
        with lock:
            log.write(json.dumps(entry) + "\n")
            log.flush()
            return list(app(environ, start_response))

    return logged


def make_user(endpoint):
    """Make the bucket and a user, and return the user's credentials."""
    anybody = {
        "endpoint_url": endpoint,
        "region_name": "us-east-1",
        "aws_access_key_id": "setup",
        "aws_secret_access_key": "setup",
    }
    boto3.client("s3", **anybody).create_bucket(Bucket=BUCKET)
    iam = boto3.client("iam", **anybody)
    iam.create_user(UserName="tests")
    iam.put_user_policy(UserName="tests", PolicyName="s3", PolicyDocument=json.dumps(EVERYTHING_IN_S3))
    return iam.create_access_key(UserName="tests")["AccessKey"]


def check_signatures(endpoint):
    """Let every request from now on need a right signature."""
    request = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}
    )
    with urllib.request.urlopen(request) as answer:
        answer.read()


def main():
    """Serve with a log in the file that is named."""
    with Path(sys.argv[1]).open("a") as log:
        serve(logging_to(log, DomainDispatcherApplication(create_backend_app)))


def serve(app):
    """Serve until the standard input closes."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    user = make_user(endpoint)
    check_signatures(endpoint)
    found = {
        "endpoint": endpoint,
        "bucket": BUCKET,
        "access_key_id": user["AccessKeyId"],
        "secret_access_key": user["SecretAccessKey"],
    }
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
