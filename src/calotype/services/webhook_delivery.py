"""Bringing events to webhooks: signed, at least once, again after growing pauses."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from calotype.crawling.fetcher import Answer, Fetcher
from calotype.db.engine import Connection, Database
from calotype.db.event import delete_old_events
from calotype.db.upkeep import select_overdue_deliveries
from calotype.db.webhook_delivery import select_waiting, update_attempted, update_put_off
from calotype.domain import retry_after
from calotype.domain.errors import AddressNotAllowed, DownloadFailed
from calotype.domain.event import event_name
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.scope import Scope
from calotype.domain.webhook import Attempt, DeliveryStatus, WaitingDelivery, next_attempt, signature
from calotype.jobs.queue import JobQueue
from calotype.services.lost_work import BATCH, Found, Place, jobs_of, requeue_lost
from calotype.services.turns import Turns

_AT_ONCE = 6  # attempts at one webhook in this process, so that one that is silent does not hold all that can run
_EARLY = timedelta(seconds=0.5)
_OVERDUE = timedelta(minutes=2)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryTerms:
    """How many seconds a receiver has to answer, the pause after the first failure, and how long the log is kept."""

    timeout: float
    first_pause: timedelta
    keep: timedelta


class WebhookDeliveryService:
    """Runs in workers; a call that is repeated delivers again, but only what nobody took yet."""

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        fetcher: Fetcher,
        terms: DeliveryTerms,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._queue = queue
        self._fetcher = fetcher
        self._terms = terms
        self._jitter = jitter
        self._turns = Turns(_AT_ONCE)

    async def deliver(self, scope: Scope, delivery_id: UUID) -> None:
        """Try to bring one event to one webhook, and note how that ended; what fails is queued again for later."""
        async with self._database.read() as connection:
            waiting = await select_waiting(connection, scope, delivery_id)
        if waiting is None:
            return
        now = datetime.now(UTC)
        if waiting.next_attempt_at > now + _EARLY:
            # The job of a worker that died just after it had queued the next one.
            await self._queue_again(scope, waiting, waiting.next_attempt_at)
            return
        async with self._turns.turn(waiting.webhook_id) as turn:
            if turn.seconds_to_wait is not None:
                await self._queue_again(scope, waiting, now + timedelta(seconds=turn.seconds_to_wait))
                return
            attempt = await self._attempt(waiting)
        async with self._database.mark() as connection:
            noted = await update_attempted(connection, scope, waiting, attempt)
            if noted and attempt.next_at is not None:
                await self._queue.enqueue(connection, _job(scope, waiting), Urgency.DELIVERY, attempt.next_at)
        if noted and attempt.status is DeliveryStatus.FAILED:
            _log.warning("event not delivered", delivery_id=str(delivery_id), reason=attempt.error)

    async def _queue_again(self, scope: Scope, waiting: WaitingDelivery, at: datetime) -> None:
        async with self._database.mark() as connection:
            if await update_put_off(connection, scope, waiting, at):
                await self._queue.enqueue(connection, _job(scope, waiting), Urgency.DELIVERY, at)

    async def _attempt(self, waiting: WaitingDelivery) -> Attempt:
        now = datetime.now(UTC)
        body = waiting.body.encode("ascii")
        name, timestamp = event_name(waiting.event_id), int(now.timestamp())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(waiting.secret, name, timestamp, body),
        }
        try:
            answer = await self._fetcher.post(waiting.url, body, headers, seconds=self._terms.timeout)
        except (AddressNotAllowed, DownloadFailed) as error:
            return self._failed(waiting, now, None, error.message)
        if answer.is_success:
            return Attempt(now, DeliveryStatus.DELIVERED, answer.status, None, None)
        reason = f"the server answered {answer.status}"
        return self._failed(
            waiting, now, answer, f"{reason}; redirects are not followed" if answer.is_redirect else reason
        )

    def _failed(self, waiting: WaitingDelivery, began: datetime, answer: Answer | None, reason: str) -> Attempt:
        now = datetime.now(UTC)
        next_at = next_attempt(
            waiting.attempts + 1,
            waiting.created_at,
            now,
            first_pause=self._terms.first_pause,
            jitter=self._jitter(),
            asked=pause_asked_for(answer, now),
        )
        status = DeliveryStatus.FAILED if next_at is None else DeliveryStatus.PENDING
        return Attempt(began, status, answer.status if answer else None, reason, next_at)

    # ----------------------------------------------------------------- upkeep

    async def requeue_overdue(self) -> int:
        """Queue the deliveries whose time has come and that the queue knows nothing of; returns how many."""
        before = datetime.now(UTC) - _OVERDUE

        async def overdue(connection: Connection, after: Place) -> Found:
            return jobs_of(Task.DELIVER_EVENT, await select_overdue_deliveries(connection, before, after, BATCH))

        return await requeue_lost(self._database, self._queue, overdue, (Task.DELIVER_EVENT,), Urgency.DELIVERY)

    async def clean(self) -> int:
        """Forget old events and what became of them; returns how many."""
        before = datetime.now(UTC) - self._terms.keep
        cleaned = 0
        while True:
            async with self._database.write() as connection:
                gone = await delete_old_events(connection, before, BATCH)
            cleaned += gone
            if gone < BATCH:
                return cleaned


def pause_asked_for(answer: Answer | None, now: datetime) -> timedelta:
    """The pause a receiver that has too much to do asks for (RFC 9110, section 10.2.3); zero when it does not."""
    if answer is None or not answer.asks_for_patience or not answer.retry_after:
        return timedelta()
    return retry_after.pause_asked_for(answer.retry_after, now)


def _job(scope: Scope, waiting: WaitingDelivery) -> Job:
    return Job(Task.DELIVER_EVENT, scope.tenant_id, waiting.id)
