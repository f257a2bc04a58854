"""The made-up shop's customers and what they did, drawn from a seed alone: no database, no clock.

Customer number n is the same whatever the size asked for, so a load may go in chunks of any size.
"""

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from demo.catalogue import CATEGORIES, COMPANIES, PAGES, PRODUCTS, ROUND, Place, Product

SITE = "https://shop.example.com"
YEAR = timedelta(days=365)
HISTORY = timedelta(days=700)  # within the two years that events are kept
OLDEST_CUSTOMER = timedelta(days=720)
IMPORTS = (timedelta(days=400), timedelta(days=250), timedelta(days=95))  # how long ago files were imported
LISTS = ("Newsletter", "VIP", "Wholesale")
HOURS = (7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 18, 19, 19, 20, 20, 20, 21, 21, 21, 22, 22, 23)
LATIN = dict(
    zip(
        "абвгґдезиіїйклмнопрстуфьʼ'łøı", "abvhgdezyiiiklmnoprstuf\0\0\0loi", strict=True
    )
) | {"є": "ie", "ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ю": "iu", "я": "ia",
     "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Shopper:
    """A customer the shop knows. `joined` is when; `data` is by field key (BIRTHDAY, GENDER, COMPANY)."""

    number: int
    place: Place
    first_name: str
    last_name: str
    town: str
    region: str
    time_zone: str
    joined: datetime
    source: str
    external_id: str | None
    email: str | None
    phone: str | None
    push_token: str | None
    is_confirmed: bool
    activity: float
    data: dict[str, str] = field(default_factory=dict)
    lists: tuple[str, ...] = ()


@dataclass(slots=True)
class Happening:
    """One event as the site sends it."""

    at: datetime
    type_key: str
    key_value: str
    params: dict[str, Any]


@dataclass(slots=True)
class Stock:
    """One chunk: customers in the order they joined, events in the order they happened."""

    shoppers: list[Shopper]
    happenings: list[Happening]


@dataclass(frozen=True, slots=True)
class Setting:
    """What everything is drawn from. `now` must be aware; nothing happens after it."""

    now: datetime
    seed: int
    currency: str = "USD"


def stock(setting: Setting, first: int, count: int) -> Stock:
    """Customers number `first` to `first + count - 1`, with the guests and passers-by of the same stretch."""
    shoppers, happenings = [], []
    for number in range(first, first + count):
        rng = random.Random(f"{setting.seed}/{number}")  # noqa: S311 - make-believe, not a secret
        shopper = draw_shopper(rng, number, setting)
        shoppers.append(shopper)
        happenings.extend(_Visits(rng, setting, shopper.place, _who(shopper), f"{number}").life(shopper))
        happenings.extend(_strangers(rng, number, setting))
    shoppers.sort(key=lambda shopper: (shopper.joined, shopper.number))
    happenings.sort(key=lambda happening: happening.at)
    return Stock(shoppers, happenings)


def latin(text: str) -> str:
    """Lower-case ASCII for the local part of an e-mail address."""
    letters = "".join(LATIN.get(letter, letter) for letter in text.lower())
    plain = unicodedata.normalize("NFKD", letters)
    return "".join(letter for letter in plain if letter.isascii() and letter.isalnum())


def draw_shopper(rng: random.Random, number: int, setting: Setting) -> Shopper:
    place = ROUND[number % len(ROUND)]
    is_woman = rng.random() < 0.55
    first_name = rng.choice(place.women if is_woman else place.men)
    last_name = _family(rng.choice(place.families), is_woman=is_woman)
    town, region, time_zone = rng.choice(place.towns)
    source = rng.choices(("api", "import", "subscription", "manual"), (45, 30, 20, 5))[0]
    phone = _phone(place, _index(number)) if rng.random() < 0.6 else None
    has_email = phone is None or rng.random() < 0.85
    address = f"{latin(first_name)}{rng.choice(('.', '_', ''))}{latin(last_name)}{number + 1}"
    has_id = source != "subscription" and rng.random() < 0.92
    shopper = Shopper(
        number=number, place=place, first_name=first_name, last_name=last_name, town=town, region=region,
        time_zone=time_zone, joined=_joined(rng, source, setting.now), source=source,
        external_id=f"C{100_000 + number}" if has_id else None,
        email=f"{address}@{rng.choice(('example.com', 'example.org'))}" if has_email else None,
        phone=phone, push_token=f"demo-push-{rng.getrandbits(80):020x}" if rng.random() < 0.15 else None,
        is_confirmed=source != "subscription" or rng.random() < 0.8,
        activity=min(rng.lognormvariate(0.15, 0.8), 8.0),
    )  # fmt: skip
    shopper.data = _data(rng, setting.now, is_woman=is_woman)
    shopper.lists = _lists(rng, shopper)
    return shopper


def _family(name: str, *, is_woman: bool) -> str:
    for masculine, feminine in (("ski", "ska"), ("cki", "cka"), ("ський", "ська"), ("цький", "цька")):
        if is_woman and name.endswith(masculine):
            return name.removesuffix(masculine) + feminine
    return name


def _index(number: int) -> int:
    """Which customer of the place this is, from 0."""
    rounds, slot = divmod(number, len(ROUND))
    return rounds * ROUND.count(ROUND[slot]) + ROUND[:slot].count(ROUND[slot])


def _phone(place: Place, index: int) -> str | None:
    """The country's number of this index, or None when its ranges are used up."""
    for prefix, digits, size in place.phones:
        if index < size:
            return f"+{prefix}{index:0{digits}}"
        index -= size
    return None


def _joined(rng: random.Random, source: str, now: datetime) -> datetime:
    """To the second, at least an hour ago; those of a file all at once."""
    if source == "import":
        imported: datetime = now - rng.choice(IMPORTS)
        return imported.replace(hour=9, minute=30, second=0, microsecond=0)
    ago = timedelta(hours=1) + OLDEST_CUSTOMER * rng.random() ** 1.3
    joined: datetime = (now - ago).replace(microsecond=0)
    return joined


def _data(rng: random.Random, now: datetime, *, is_woman: bool) -> dict[str, str]:
    data = {}
    if rng.random() < 0.6:
        born = date(now.year - rng.randint(19, 68), 1, 1) + timedelta(days=rng.randrange(365))
        data["BIRTHDAY"] = born.isoformat()
    if rng.random() < 0.65:
        data["GENDER"] = "f" if is_woman else "m"
    if rng.random() < 0.12:
        data["COMPANY"] = rng.choice(COMPANIES)
    return data


def _lists(rng: random.Random, shopper: Shopper) -> tuple[str, ...]:
    chances = (
        ("Newsletter", 0.9 if shopper.source == "subscription" else 0.5 if shopper.email else 0.0),
        ("VIP", 0.5 if shopper.activity > 2.5 else 0.02),
        ("Wholesale", 0.8 if "COMPANY" in shopper.data else 0.0),
    )
    return tuple(name for name, chance in chances if rng.random() < chance)


def _who(shopper: Shopper) -> dict[str, str]:
    """The identifiers a site sends of a customer who is signed in."""
    if shopper.external_id:
        who = {"externalCustomerId": shopper.external_id}
        return who | ({"email": shopper.email} if shopper.email else {})
    return {"email": shopper.email} if shopper.email else {"phone": shopper.phone or ""}


def _strangers(rng: random.Random, number: int, setting: Setting) -> Iterator[Happening]:
    """Now and then somebody looks round unknown, or buys without an account."""
    place = ROUND[number % len(ROUND)]
    if rng.random() < 0.2:
        cookie = f"visitor-{rng.getrandbits(64):016x}"
        token = {"pushToken": f"demo-web-{rng.getrandbits(80):020x}"} if rng.random() < 0.3 else {}
        at = _moment(rng, setting.now - YEAR / 4, setting.now, place.towns[0][2])
        visits = _Visits(rng, setting, place, token, cookie)
        visits.browse(at, "")
        yield from visits.kept()
    if rng.random() < 0.05:
        women = rng.choice(place.women)
        email = f"{latin(women)}.guest{number + 1}@example.org"
        visits = _Visits(rng, setting, place, {"email": email}, f"G{number}")
        at = _moment(rng, setting.now - YEAR / 2, setting.now, place.towns[0][2])
        visits.order(at, visits.basket([rng.choice(PRODUCTS)]))
        yield from visits.kept()


def _moment(rng: random.Random, since: datetime, now: datetime, zone: str) -> datetime:
    """A moment of waking hours in the zone, the likelier the later; always within the bounds."""
    at: datetime = now - (now - since) * rng.random() ** 2.6
    local = at.astimezone(ZoneInfo(zone)).replace(hour=rng.choice(HOURS), minute=rng.randrange(60))
    shifted = local.astimezone(UTC).replace(second=rng.randrange(60), microsecond=0)
    return shifted if since <= shifted <= now else at


class _Visits:
    """Writes down one person's visits to the site."""

    def __init__(
        self, rng: random.Random, setting: Setting, place: Place, who: dict[str, str], name: str
    ) -> None:
        self.rng, self.setting, self.place, self.who, self.name = rng, setting, place, who, name
        self.key = next((value for value in who.values() if "@" not in value and value[:1] != "+"), name)
        self.orders = 0
        self.found: list[Happening] = []

    def kept(self) -> list[Happening]:
        """What has happened by now."""
        return [happening for happening in self.found if happening.at <= self.setting.now]

    def life(self, shopper: Shopper) -> list[Happening]:
        since = max(shopper.joined, self.setting.now - HISTORY)
        share = (self.setting.now - since) / HISTORY
        visits = round(shopper.activity * (0.7 + 1.6 * share) + self.rng.random())
        for _ in range(visits):
            self.browse(_moment(self.rng, since, self.setting.now, shopper.time_zone), shopper.town)
        return self.kept()

    def say(self, at: datetime, type_key: str, **params: Any) -> None:
        self.found.append(Happening(at, type_key, self.key, self.who | params))

    def browse(self, at: datetime, town: str) -> None:
        """One visit: a page, perhaps a category or a search, a few products, and what comes of them."""
        rng = self.rng
        path, title = rng.choice(PAGES)
        self.say(at, "pageViewed", url=SITE + path, title=title, language=self.place.language)
        category = rng.choice(tuple(CATEGORIES))
        if rng.random() < 0.5:
            at += timedelta(seconds=rng.randint(5, 90))
            self.say(
                at, "productCategoryViewed", categoryKey=category, categoryName=CATEGORIES[category],
                url=f"{SITE}/{category}",
            )  # fmt: skip
        elif rng.random() < 0.4:
            at += timedelta(seconds=rng.randint(5, 60))
            self.say(at, "searchRequest", search=rng.choice(self.place.searches), found=rng.randint(0, 14))
        goods = [product for product in PRODUCTS if product.category == category]
        seen = rng.sample(goods, min(len(goods), rng.choice((0, 1, 1, 2, 2, 3))))
        for product in seen:
            at += timedelta(seconds=rng.randint(10, 240))
            self.say(at, "productViewed", **self.product(product))
        if seen and rng.random() < 0.12:
            self.say(at + timedelta(seconds=8), "productAddedToWishlist", **self.product(seen[-1]))
        if seen and rng.random() < 0.42:
            self.shop(at + timedelta(seconds=rng.randint(5, 60)), seen, town)

    def shop(self, at: datetime, seen: list[Product], town: str) -> None:
        basket = self.basket(self.rng.sample(seen, self.rng.randint(1, len(seen))))
        self.say(at, "cartUpdated", cartId=f"cart-{self.name}", products=basket, **self.total(basket))
        if self.who and self.rng.random() < 0.6:
            self.order(at + timedelta(seconds=self.rng.randint(60, 900)), basket, town)

    def order(self, at: datetime, basket: list[dict[str, Any]], town: str = "") -> None:
        self.orders += 1
        common = {"orderId": f"D-{self.name}-{self.orders}", "items": basket, **self.total(basket)}
        payment = self.rng.choice(("card", "card", "cash on delivery", "bank transfer"))
        delivery = self.rng.choice(("courier", "parcel locker", "post"))
        details = {"paymentMethod": payment, "deliveryMethod": delivery} | ({"town": town} if town else {})
        self.say(at, "orderCreated", status="INITIALIZED", **common, **details)
        if self.rng.random() < 0.93:
            arrival = at + timedelta(days=self.rng.randint(1, 5), minutes=self.rng.randrange(600))
            self.say(arrival, "orderDelivered", status="DELIVERED", **common, deliveryMethod=delivery)

    def product(self, product: Product) -> dict[str, Any]:
        return {
            "productKey": product.sku, "productName": product.name, "category": CATEGORIES[product.category],
            "brand": product.brand, "price": product.price / 100, "currency": self.setting.currency, "isInStock": True,
            "url": f"{SITE}/{product.category}/{product.slug}",
        }  # fmt: skip

    def basket(self, products: list[Product]) -> list[dict[str, Any]]:
        rows = [(product, self.rng.choice((1, 1, 1, 2, 3))) for product in products]
        return [
            {
                "productKey": product.sku, "name": product.name, "category": CATEGORIES[product.category],
                "quantity": quantity, "price": product.price / 100, "cost": product.price * quantity / 100,
            }
            for product, quantity in rows
        ]  # fmt: skip

    def total(self, basket: list[dict[str, Any]]) -> dict[str, Any]:
        cents = sum(round(row["cost"] * 100) for row in basket)
        return {"totalCost": cents / 100, "currency": self.setting.currency}
