"""Prometheus metrics of this process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

REQUESTS = Counter("calotype_requests_total", "HTTP requests", ["route", "method", "status"], registry=REGISTRY)
SECONDS = Histogram(
    "calotype_request_seconds",
    "Time to the end of the answer",
    ["route", "method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600),
    registry=REGISTRY,
)
JOBS = Gauge("calotype_jobs", "Jobs in the queue", ["task", "state"], registry=REGISTRY)
