"""Numbers about this process for Prometheus: counted where they happen, read at /metrics.

Labels are words of our own, so that nobody outside can make many of them; no texts, no names.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Counter(
    "bluffcheck_http_requests",
    "Requests by route and status.",
    ("method", "route", "status"),
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "bluffcheck_http_request_seconds",
    "Time until the response began.",
    ("route",),
    buckets=_SECONDS,
    registry=REGISTRY,
)
CALLS = Counter(
    "bluffcheck_model_calls",
    "Calls of models that ended, by what came of them: an outcome, or the kind of error.",
    ("provider", "outcome"),
    registry=REGISTRY,
)
CALLS_IN_FLIGHT = Gauge(
    "bluffcheck_model_calls_in_flight",
    "Calls of models being made by this process.",
    ("provider",),
    registry=REGISTRY,
)
TOKENS = Counter(
    "bluffcheck_model_tokens",
    "Tokens as the providers counted them.",
    ("provider", "direction"),
    registry=REGISTRY,
)
WRITE_SECONDS = Histogram(
    "bluffcheck_database_write_seconds",
    "How long transactions that write took, with their wait for others.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
STREAMS = Gauge(
    "bluffcheck_event_streams", "Open streams of live updates of this process.", registry=REGISTRY
)
ANSWERS_WAITING = Gauge(
    "bluffcheck_answers_waiting", "Answers in the database yet to be called.", registry=REGISTRY
)
LABELS = Gauge("bluffcheck_labels", "Labels in the database.", registry=REGISTRY)


def as_text() -> bytes:
    """All of them in Prometheus' text form."""
    return generate_latest(REGISTRY)
