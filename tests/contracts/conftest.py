"""What the contract tests share: servers with various limits, and a way to follow links as a browser would.

No server outlives these tests, since a worker that waits for jobs takes time from the tests of other folders.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.contracts.analysis import Account, Session, account
from tests.contracts.analysis_models import Models
from tests.contracts.chunked import CHUNK_BYTES
from tests.contracts.devices import Camera, enrol
from tests.contracts.file_library import Library, filled
from tests.contracts.photos import photo
from tests.contracts.sites import NETWORK, Site
from tests.contracts.sources import Sources
from tests.running import PATIENCE, RunningServer

NARROW_BYTES = 20_000
NARROW_PIXELS = 1_000_000
NARROW_RATE = 8
IDLE_BATCH = 7
IDLE_BATCH_BYTES = 200_000
VISION_PIXELS = 10_000
VISION_IMAGES = 4
VISION_METADATA_BYTES = 100
VISION_BODY_BYTES = 5_000  # of text
VISION_FILE_BYTES = 30_000
CINEMA_BYTES = 60_000  # of one video
BUDGET = 2
FLEET_BYTES = 100_000
FLEET_BATCH = 3


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """`calotype serve` as its own process, with its worker, for all tests of this folder."""
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="package")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with small limits and without a worker, so that what is pending stays pending.

    Its rate limit is per key, and every test takes a key of its own; the window is decades long, so that none ends within a test.
    """
    with RunningServer(
        tmp_path_factory.mktemp("narrow"),
        "--no-worker",
        CALOTYPE_MAX_DOCUMENT_BYTES=str(NARROW_BYTES),
        CALOTYPE_MAX_IMAGE_BYTES=str(NARROW_BYTES),
        CALOTYPE_MAX_VIDEO_BYTES=str(NARROW_BYTES),
        CALOTYPE_MAX_PIXELS=str(NARROW_PIXELS),
        CALOTYPE_PRESIGNED_LIFETIME="5",  # long enough for a busy machine to be in time
        CALOTYPE_RATE_LIMIT=str(NARROW_RATE),
        CALOTYPE_RATE_WINDOW="1000000000",
    ) as running:
        yield running


@pytest.fixture
def narrow_client(narrow: RunningServer) -> Iterator[httpx.Client]:
    """A client of the narrow server with the key of a tenant of its own."""
    with narrow.client(narrow.new_key()) as client:
        yield client


@pytest.fixture(scope="package")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server without a worker that takes any number of requests, but small files and small batches."""
    with RunningServer(
        tmp_path_factory.mktemp("idle"),
        "--no-worker",
        CALOTYPE_MAX_IMAGE_BYTES=str(NARROW_BYTES),
        CALOTYPE_MAX_BATCH_FILES=str(IDLE_BATCH),
        CALOTYPE_MAX_BATCH_BYTES=str(IDLE_BATCH_BYTES),
    ) as running:
        yield running


@pytest.fixture
def idle_client(idle: RunningServer) -> Iterator[httpx.Client]:
    """A client of the idle server with the key of a tenant of its own."""
    with idle.client(idle.new_key()) as client:
        yield client


@pytest.fixture(scope="package")
def cutter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server without a worker whose chunks of videos are small."""
    with RunningServer(
        tmp_path_factory.mktemp("cutter"), "--no-worker", CALOTYPE_CHUNK_BYTES=str(CHUNK_BYTES)
    ) as running:
        yield running


@pytest.fixture
def cutter_client(cutter: RunningServer) -> Iterator[httpx.Client]:
    """A client of that server with the key of a tenant of its own."""
    with cutter.client(cutter.new_key()) as client:
        yield client


@pytest.fixture(scope="package")
def browser() -> Iterator[httpx.Client]:
    """A client without any credential, for signed links."""
    with httpx.Client(timeout=PATIENCE, follow_redirects=False, verify=False) as client:
        yield client


@pytest.fixture
def key(server: RunningServer) -> str:
    """The key of a tenant of its own."""
    return server.new_key()


@pytest.fixture
def owner(server: RunningServer, key: str) -> Iterator[httpx.Client]:
    """A client with that key."""
    with server.client(key) as client:
        yield client


@pytest.fixture
def idle_key(idle: RunningServer) -> str:
    """The key of a tenant of its own on the idle server."""
    return idle.new_key()


@pytest.fixture
def idle_owner(idle: RunningServer, idle_key: str) -> Iterator[httpx.Client]:
    """A client with that key."""
    with idle.client(idle_key) as client:
        yield client


@pytest.fixture(scope="package")
def anyone(idle: RunningServer) -> Iterator[httpx.Client]:
    """A client of the idle server for all tests that leave nothing behind; it sends its key as Vision clients do."""
    with idle.client() as client:
        client.headers["X-Api-Key"] = idle.new_key()
        yield client


@pytest.fixture(scope="package")
def sources() -> Iterator[Sources]:
    """Where pictures can be fetched from: a small web server on loopback."""
    with Sources() as running:
        yield running


@pytest.fixture(scope="package")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server without a worker that may fetch from loopback, and whose limits of the Vision API are small."""
    with RunningServer(
        tmp_path_factory.mktemp("strict"),
        "--no-worker",
        CALOTYPE_FETCH_ALLOW="127.0.0.1",
        CALOTYPE_MAX_IMAGE_BYTES=str(VISION_FILE_BYTES),
        CALOTYPE_MAX_CUSTOM_METADATA_BYTES=str(VISION_METADATA_BYTES),
        CALOTYPE_VISION_MAX_BODY_BYTES=str(VISION_BODY_BYTES),
        CALOTYPE_VISION_MAX_IMAGES=str(VISION_IMAGES),
        CALOTYPE_VISION_MAX_PIXELS=str(VISION_PIXELS),
    ) as running:
        yield running


@pytest.fixture
def strict_client(strict: RunningServer) -> Iterator[httpx.Client]:
    """A client of the strict server with the key of a tenant of its own."""
    with strict.client(strict.new_key()) as client:
        yield client


@pytest.fixture(scope="package")
def budgeted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server on which each key may upload and search twice a day, and whose links live for a second."""
    with RunningServer(
        tmp_path_factory.mktemp("budgeted"),
        "--no-worker",
        CALOTYPE_DAILY_IMAGE_UPLOADS=str(BUDGET),
        CALOTYPE_DAILY_IMAGE_SEARCHES=str(BUDGET),
        CALOTYPE_DAILY_VIDEO_UPLOADS=str(BUDGET),
        CALOTYPE_DAILY_VIDEO_SEARCHES=str(BUDGET),
        CALOTYPE_LINK_LIFETIME="1",
    ) as running:
        yield running


@pytest.fixture(scope="package")
def cinema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with a worker that may fetch from loopback, and takes small videos only."""
    with RunningServer(
        tmp_path_factory.mktemp("cinema"),
        CALOTYPE_FETCH_ALLOW="127.0.0.1",
        CALOTYPE_VISION_MAX_VIDEO_BYTES=str(CINEMA_BYTES),
    ) as running:
        yield running


@pytest.fixture
def cinema_client(cinema: RunningServer) -> Iterator[httpx.Client]:
    """A client of that server with the key of a tenant of its own."""
    with cinema.client(cinema.new_key()) as client:
        yield client


@pytest.fixture
def camera(server: RunningServer, owner: httpx.Client) -> Camera:
    """A device of a tenant of its own, on the server with a worker and the usual limits."""
    return enrol(server, owner)


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server without a worker whose devices send small images in small batches, and whose old keys end at once."""
    with RunningServer(
        tmp_path_factory.mktemp("fleet"),
        "--no-worker",
        CALOTYPE_BATCH_MAX_IMAGES=str(FLEET_BATCH),
        CALOTYPE_DEVICE_KEY_GRACE_SECONDS="0",
        CALOTYPE_DEVICE_MAX_IMAGE_BYTES=str(FLEET_BYTES),
    ) as running:
        yield running


@pytest.fixture
def fleet_operator(fleet: RunningServer) -> Iterator[httpx.Client]:
    """A client of that server with the key of a tenant of its own."""
    with fleet.client(fleet.new_key()) as client:
        yield client


@pytest.fixture
def fleet_camera(fleet: RunningServer, fleet_operator: httpx.Client) -> Camera:
    """A device of that tenant."""
    return enrol(fleet, fleet_operator)


@pytest.fixture(scope="package")
def fleet_anyone(fleet: RunningServer) -> Iterator[httpx.Client]:
    """An operator on that server for all tests that leave nothing behind."""
    with fleet.client(fleet.new_key()) as client:
        yield client


@pytest.fixture(scope="package")
def mute(fleet: RunningServer, fleet_anyone: httpx.Client) -> Camera:
    """A device of that operator of which nothing is ever taken, so that its tenant has no files and no batches."""
    return enrol(fleet, fleet_anyone)


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose batches collect for a second, and whose worker looks every second what is due."""
    with RunningServer(
        tmp_path_factory.mktemp("hurried"), CALOTYPE_BATCH_MAX_AGE_SECONDS="1", CALOTYPE_UPKEEP_INTERVAL="1"
    ) as running:
        yield running


@pytest.fixture
def payer(server: RunningServer) -> Account:
    """A tenant with a hundred credits on the server whose describer is built in."""
    return account(server, 100)


@pytest.fixture
def shoot(payer: Account) -> Session:
    """A session of that tenant with three pictures."""
    return payer.open(*(photo() for _ in range(3)))


@pytest.fixture(scope="package")
def models() -> Iterator[Models]:
    """A vision model on loopback."""
    with Models() as running:
        yield running


@pytest.fixture
def model(models: Models) -> Iterator[Models]:
    """That model, which answers as this test wants and has forgotten what others wanted."""
    models.reset()
    yield models
    models.reset()


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory, models: Models) -> Iterator[RunningServer]:
    """A server that asks the model of the tests, four calls at once, and has the usual patience with clients that went away."""
    settings = models.settings(CALOTYPE_ANALYSIS_CONCURRENCY="4", CALOTYPE_VISION_TIMEOUT="60")
    with RunningServer(tmp_path_factory.mktemp("studio"), **settings) as running:
        yield running


@pytest.fixture
def studio_payer(studio: RunningServer) -> Account:
    """A tenant with twenty credits on that server."""
    return account(studio, 20)


@pytest.fixture(scope="package")
def hasty(tmp_path_factory: pytest.TempPathFactory, models: Models) -> Iterator[RunningServer]:
    """A server that asks the model of the tests, two calls at once, and waits a second for clients that went away."""
    settings = models.settings(
        CALOTYPE_ANALYSIS_CONCURRENCY="2", CALOTYPE_ANALYSIS_GRACE="1", CALOTYPE_VISION_TIMEOUT="60"
    )
    with RunningServer(tmp_path_factory.mktemp("hasty"), **settings) as running:
        yield running


@pytest.fixture
def hasty_payer(hasty: RunningServer) -> Account:
    """A tenant with twenty credits on that server."""
    return account(hasty, 20)


@pytest.fixture(scope="module")
def fleeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server without a worker whose sessions last two seconds."""
    with RunningServer(
        tmp_path_factory.mktemp("fleeting"), "--no-worker", CALOTYPE_ANALYSIS_SESSION_LIFETIME="2"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory, models: Models) -> Iterator[RunningServer]:
    """A server that asks the model of the tests and waits a second for its answers."""
    with RunningServer(tmp_path_factory.mktemp("impatient"), **models.settings(CALOTYPE_VISION_TIMEOUT="1")) as running:
        yield running


@pytest.fixture(scope="package")
def library(server: RunningServer) -> Iterator[Library]:
    """A tenant with a document of each kind whose text is read, and a picture; tests leave it as it was."""
    with filled(server) as made:
        yield made


@pytest.fixture(scope="package")
def crawler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with a worker that may fetch from all of loopback."""
    with RunningServer(
        tmp_path_factory.mktemp("crawler"), CALOTYPE_FETCH_ALLOW=NETWORK, CALOTYPE_CRAWL_PAUSE="0"
    ) as running:
        yield running


@pytest.fixture(scope="package")
def shelf(crawler: RunningServer) -> Iterator[httpx.Client]:
    """A tenant of that server for all tests that look at their own links only."""
    with crawler.client(crawler.new_key()) as client:
        yield client


@pytest.fixture
def reader(crawler: RunningServer) -> Iterator[httpx.Client]:
    """A client of that server with the key of a tenant of its own."""
    with crawler.client(crawler.new_key()) as client:
        yield client


@pytest.fixture
def site() -> Iterator[Site]:
    """A web site on a loopback address of its own."""
    with Site() as running:
        yield running
