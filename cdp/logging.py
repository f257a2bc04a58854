"""Structured logs without personal data: JSON unless a person watches the terminal, one id for all lines of a request."""

import logging.config
import re
import sys
import uuid
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

EMAIL = re.compile(r"[^\s@\"'<>=,;:()]+@[^\s@\"'<>,;:()]+")
PHONE = re.compile(r"\+\d[\d ().-]{6,}\d|(?<![\w.:-])\d{10,15}(?![\w.:-])")
# What PostgreSQL adds to an error: values of the failing row, the statement, the line of a COPY.
DATABASE_DETAIL = re.compile(r"^(DETAIL|CONTEXT|LINE \d+|QUERY):.*$", re.MULTILINE)
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
PERSONAL_KEYS = {
    "email",
    "phone",
    "sms",
    "first_name",
    "last_name",
    "name_of_person",
    "address",
    "password",
    "key",
    "token",
}


def mask(text: str) -> str:
    """The text with e-mail addresses, phone numbers and the details of database errors replaced."""
    return PHONE.sub("<phone>", EMAIL.sub("<e-mail>", DATABASE_DETAIL.sub(r"\1: <hidden>", text)))


def mask_event(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Processor: masks every text of a log line and blanks the keys that always hold personal data."""
    for name, value in event.items():
        if name in PERSONAL_KEYS and value:
            event[name] = "<hidden>"
        elif isinstance(value, str):
            event[name] = mask(value)
        elif isinstance(value, list | tuple | dict | set):
            event[name] = mask(repr(value))
    return event


def configure(options: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG: sends the standard library's logs and structlog's through the same processors."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_event,
    ]
    terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"structured": formatter},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
            "root": {"handlers": ["stderr"], "level": options["level"]},
            "loggers": {
                "django": {"handlers": [], "level": options["level"], "propagate": True},
                # its debug lines are statements with their values: people's names and addresses
                "django.db.backends": {"handlers": [], "level": "INFO", "propagate": True},
                "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            },
        }
    )


class RequestIdMiddleware:
    """Takes X-Request-Id from the request or makes one, binds it to every log line and returns it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response
