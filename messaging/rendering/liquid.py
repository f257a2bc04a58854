"""The Liquid environment of messages: what untrusted authors may do, and how far.

Limits: loop iterations, output, local names, nesting, and time, which is looked at in loops and at writes: the thread's
own, so that a machine under load fails no recipient. Nothing reaches attributes of objects or files. An unknown name is an
error unless it is tested or has a `default`.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from io import StringIO
from typing import Any

from liquid import BoundTemplate, Environment, Mode, RenderContext
from liquid.ast import Node
from liquid.builtin.expressions import parse_primitive
from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.token import TOKEN_TAG, Token
from liquid.undefined import FalsyStrictUndefined

from messaging.rendering.faults import Aborted
from messaging.rendering.filters import OWN, guarded

MOST_ITERATIONS = 10_000
MOST_OUTPUT = 1_000_000
MOST_LOCALS = 1_000_000
DEEPEST = 30
LONGEST_SECONDS = 0.5
LOOKS_EVERY = 32  # writes


class TimeLimitError(ResourceLimitError):
    """Rendering took longer than `LONGEST_SECONDS`."""


class MissingValue(FalsyStrictUndefined):
    """An unknown name: may be tested and given a default; anything else is an error that names it."""

    force_liquid_default = True


class Output(StringIO):
    """What is written; bounded in size and time."""

    def __init__(self, limit: int, deadline: float) -> None:
        super().__init__()
        self.limit = limit
        self.deadline = deadline
        self.size = 0
        self.writes = 0

    def write(self, text: str) -> int:
        self.size += len(text)
        self.writes += 1
        if self.size > self.limit:
            raise ResourceLimitError(f"the output is longer than {MOST_OUTPUT} characters", token=None)
        if not self.writes % LOOKS_EVERY and time.thread_time() > self.deadline:
            raise TimeLimitError(f"rendering takes longer than {LONGEST_SECONDS} s", token=None)
        return super().write(text)


class Context(RenderContext):
    """Values of one rendering, with the recipient's language, zone and the account's currency for filters."""

    language = "en"
    time_zone = "UTC"
    currency = "USD"
    now: datetime
    deadline = 0.0
    track: Callable[[int, str], str] | None = None

    def raise_for_loop_limit(self, length: int = 1) -> None:
        try:
            super().raise_for_loop_limit(length)
        except ResourceLimitError as error:
            raise ResourceLimitError(f"loops run more than {MOST_ITERATIONS} times", token=None) from error
        if time.thread_time() > self.deadline:
            raise TimeLimitError(f"rendering takes longer than {LONGEST_SECONDS} s", token=None)

    def get_buffer(self, buf: Any = None) -> StringIO:
        return Output(MOST_OUTPUT - getattr(buf, "size", 0), self.deadline)


class Template(BoundTemplate):
    context_class = Context

    def render_for(
        self, values: Mapping[str, Any], *, language: str, time_zone: str, currency: str, now: datetime,
        track: Callable[[int, str], str] | None = None,
    ) -> str:  # fmt: skip
        """Render within the limits.

        Args:
            track: gives the tracked address for the destination of a link, by the link's number.

        Raises:
            LiquidError: with the place when it is known.
            Aborted: the template says that nothing is to be sent.
        """
        context = Context(self, globals=values)
        context.language, context.time_zone, context.currency, context.now = (
            language,
            time_zone,
            currency,
            now,
        )
        context.track = track
        context.deadline = time.thread_time() + LONGEST_SECONDS
        output = Output(MOST_OUTPUT, context.deadline)
        self.render_with_context(context, output)
        return output.getvalue()


class AbortNode(Node):
    __slots__ = ("expression",)

    def __init__(self, token: Token, expression: Any) -> None:
        super().__init__(token)
        self.expression = expression
        self.blank = False

    def render_to_output(self, context: RenderContext, buffer: Any) -> int:  # noqa: ARG002
        raise Aborted(str(self.expression.evaluate(context))[:200])


class AbortTag(Tag):
    """`{% abort "reason" %}`: this recipient gets nothing, and that is no error."""

    name = "abort"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        return AbortNode(token, parse_primitive(self.env, stream.into_inner(tag=token, eat=False)))


class MessageEnvironment(Environment):
    template_class = Template
    block_nesting_limit = DEEPEST
    context_depth_limit = DEEPEST
    loop_iteration_limit = MOST_ITERATIONS
    local_namespace_limit = MOST_LOCALS

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.add_tag(AbortTag)
        for name in ("include", "render"):
            self.tags.pop(name, None)  # there are no snippets to load
        self.filters |= OWN
        for name, function in self.filters.items():
            self.filters[name] = guarded(name, function)


def _environment(*, autoescape: bool) -> MessageEnvironment:
    return MessageEnvironment(
        tolerance=Mode.STRICT, undefined=MissingValue, strict_filters=True, autoescape=autoescape
    )


HTML = _environment(autoescape=True)
TEXT = _environment(autoescape=False)


def parse(text: str, *, is_html: bool) -> Template:
    """Parse once, render often.

    Raises:
        LiquidError: a fault of the syntax, or an unknown tag; filters and names are checked when rendering.
    """
    template = (HTML if is_html else TEXT).from_string(text)
    assert isinstance(template, Template)
    return template


def place_of(error: LiquidError) -> int | None:
    """Where in the parsed text the error points, as an index; None when it points nowhere."""
    return error.token.start_index if error.token is not None and error.token.start_index >= 0 else None
