"""Reads replies of mail servers: `classify` tells the category of failure (messaging document 11). Pure.

Words decide where servers use codes loosely (550 for everything); then the enhanced code (RFC 3463), then the plain one.
"""

import re

from messaging.bounces.categories import Category

ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
CODE = re.compile(r"(?<![\d.])([245]\d\d)(?![\d.])")
# The first pattern that matches wins; block lists come first, as their replies quote much else.
WORDS: tuple[tuple[Category, "re.Pattern[str]"], ...] = tuple(
    (category, re.compile(pattern, re.IGNORECASE))
    for category, pattern in (
        (
            Category.BLOCKED,
            r"block ?list|black ?list|dnsbl|rbl\b|spamhaus|barracudacentral|spamcop|sorbs|reputation|"
            r"unsolicited|\bspam\b|\bspf\b|dkim|dmarc|unauthenticated|sender id|rate limit|too many (?:messages|connections)|"
            r"throttl|policy reasons? .*\b(?:ip|host)\b|\b(?:ip|host|sender)\b.{0,40}(?:blocked|denied|rejected)|reverse dns|"
            r"\bptr\b|service unavailable; client host",
        ),
        (
            Category.MAILBOX_FULL,
            r"mailbox (?:is )?(?:full|exceeded)|over ?quota|quota (?:exceeded|full)|exceed\w* .{0,30}(?:quota|storage)|"
            r"insufficient (?:disk|mailbox|storage)|not enough (?:disk )?space|out of storage|storage (?:limit|exceeded)",
        ),
        (
            Category.INACTIVE,
            r"(?:mailbox|account|user|address|recipient)\b.{0,40}\b(?:inactive|disabled|suspended|frozen|deactivated|expired|"
            r"locked|dormant)|inactive (?:user|mailbox|account)",
        ),
        (
            Category.INVALID_DOMAIN,
            r"(?:host|domain)(?: name)?\b.{0,40}\b(?:not found|unknown|does not exist|has no mx|lookup failed)|nxdomain|"
            r"no mx|unrouteable (?:mail )?domain|name or service not known|bad destination system|unrouteable address",
        ),
        (
            Category.INVALID_ADDRESS,
            r"(?:user|recipient|mailbox|address|account|alias)\b.{0,60}\b(?:unknown|not found|does not exist|doesn.?t exist|"
            r"doesn.?t have|not exist|unavailable|no such|invalid|is not valid|not known|rejected: user unknown)|"
            r"no such (?:user|recipient|mailbox|person|address)|unknown (?:user|recipient|mailbox|local)|"
            r"(?:no|not a) (?:mailbox|valid (?:mailbox|recipient|user))|invalid (?:recipient|mailbox|address|user)|"
            r"user not known|no longer (?:valid|available|at this)|bad (?:recipient|destination mailbox)|undeliverable address",
        ),
        (
            Category.EXPIRED,
            r"delivery (?:time|period) expired|message expired|retry time(?:out)? (?:not reached|exceeded)|"
            r"could not be delivered (?:for|within)|queue too long|maximum (?:queue )?(?:time|lifetime)|giving up",
        ),
        (
            Category.MESSAGE,
            r"message (?:size|too (?:big|large)|is too)|size (?:limit|exceeds)|too large|attachment|content (?:rejected|denied|"
            r"filter)|virus|malware|(?:message|mail) (?:content )?(?:rejected|refused|not accepted) .{0,20}content|bad header|"
            r"line too long|8bit",
        ),
        (
            Category.POLICY,
            r"relay(?:ing)? (?:access )?denied|not permitted to relay|blocked by (?:the )?(?:user|recipient)|"
            r"recipient .{0,30}(?:refuse|reject|not accept)|(?:not|only) (?:accept|allow)\w* .{0,40}sender|"
            r"not authori[sz]ed to send to|restricted|prohibited by",
        ),
        (
            Category.TEMPORARY,
            r"grey ?list|try (?:again|later)|temporar|timed? ?out|connection (?:refused|reset|lost|dropped)|"
            r"no route to host|deferred|service (?:not|un)available|resources? (?:unavailable|temporarily)",
        ),
    )
)  # fmt: skip
# (class or any, subject, detail or any) → category; the more exact row wins.
CODES: dict[tuple[str, str, str], Category] = {
    ("5", "1", "1"): Category.INVALID_ADDRESS, ("5", "1", "3"): Category.INVALID_ADDRESS,
    ("5", "1", "6"): Category.INVALID_ADDRESS, ("5", "1", "10"): Category.INVALID_ADDRESS,
    ("5", "1", "0"): Category.INVALID_ADDRESS, ("5", "1", "2"): Category.INVALID_DOMAIN,
    ("5", "4", "4"): Category.INVALID_DOMAIN, ("5", "1", "8"): Category.BLOCKED,
    ("*", "2", "1"): Category.INACTIVE, ("*", "2", "2"): Category.MAILBOX_FULL, ("*", "3", "1"): Category.MAILBOX_FULL,
    ("5", "2", "3"): Category.MESSAGE, ("5", "3", "4"): Category.MESSAGE, ("5", "6", "*"): Category.MESSAGE,
    ("*", "4", "7"): Category.EXPIRED, ("5", "7", "1"): Category.POLICY, ("*", "7", "*"): Category.BLOCKED,
}  # fmt: skip
PLAIN: dict[int, Category] = {
    452: Category.MAILBOX_FULL, 521: Category.POLICY, 552: Category.MAILBOX_FULL, 553: Category.INVALID_ADDRESS,
    554: Category.BLOCKED, 556: Category.INVALID_DOMAIN,
}  # fmt: skip
WEAK = (Category.TEMPORARY, Category.POLICY)  # words that a definite code outweighs


def classify(code: int | None, enhanced: str, text: str) -> Category:
    """The category of a failure.

    Args:
        code: of the SMTP reply, or None.
        enhanced: `x.y.z`, or empty.
        text: what the server said.
    """
    by_code = _by_enhanced(enhanced)
    is_temporary = (enhanced or str(code or "")).startswith("4")
    said = next((category for category, pattern in WORDS if pattern.search(text)), None)
    if said in WEAK and by_code is not None:
        said = by_code
    if said is Category.INVALID_ADDRESS and is_temporary:
        said = Category.TEMPORARY  # "user unknown, try later": greylisting and lookups that failed
    if said is not None and by_code in (Category.INVALID_ADDRESS, Category.INVALID_DOMAIN):
        # "5.1.1" is said of full mailboxes too; block lists speak for themselves
        said = said if said in (Category.BLOCKED, Category.MAILBOX_FULL, Category.INACTIVE) else by_code
    found = said or by_code
    if found is not None:
        return found
    if is_temporary:
        return PLAIN.get(code or 0, Category.TEMPORARY)
    return PLAIN.get(code or 0, Category.UNRECOGNISED)


def enhanced_of(text: str) -> str:
    """The first enhanced status code in a text, or an empty one."""
    found = ENHANCED.search(text)
    return ".".join(found.groups()) if found else ""


def code_of(value: object) -> int | None:
    """The first SMTP reply code in a text or number."""
    found = CODE.search(str(value or ""))
    return int(found[1]) if found else None


def _by_enhanced(enhanced: str) -> Category | None:
    found = ENHANCED.fullmatch(enhanced)
    if found is None or found[1] == "2":
        return None
    first, subject, detail = found.groups()
    for key in ((first, subject, detail), ("*", subject, detail), (first, subject, "*"), ("*", subject, "*")):
        if key in CODES:
            return CODES[key]
    return Category.TEMPORARY if first == "4" else None
