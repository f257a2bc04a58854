"""What the made-up shop is made of: goods, and the places, common names and phone ranges of its customers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Product:
    """An article. `price` is in hundredths of the shop's currency."""

    sku: str
    name: str
    category: str
    brand: str
    price: int

    @property
    def slug(self) -> str:
        return self.name.lower().replace(" ", "-")


CATEGORIES = {
    "coffee-beans": "Coffee beans", "tea": "Tea", "grinders": "Grinders", "brewers": "Brewers", "kettles": "Kettles",
    "espresso": "Espresso", "cups": "Cups and mugs", "care": "Cleaning and care",
}  # fmt: skip

PRODUCTS = tuple(
    Product(*row)
    for row in (
        ("CB-101", "Ethiopia Guji 250 g", "coffee-beans", "Northlane Roasters", 1290),
        ("CB-102", "Kenya Nyeri 250 g", "coffee-beans", "Northlane Roasters", 1490),
        ("CB-103", "Colombia Huila 1 kg", "coffee-beans", "Northlane Roasters", 3690),
        ("CB-104", "House Espresso Blend 1 kg", "coffee-beans", "Morning Yard", 2990),
        ("CB-105", "Decaf Brazil 250 g", "coffee-beans", "Morning Yard", 1190),
        ("TE-201", "Sencha Green 100 g", "tea", "Leaf and Kettle", 980),
        ("TE-202", "Da Hong Pao Oolong 50 g", "tea", "Leaf and Kettle", 1850),
        ("TE-203", "Earl Grey 100 g", "tea", "Leaf and Kettle", 890),
        ("TE-204", "Shou Pu-erh Cake 357 g", "tea", "Leaf and Kettle", 3200),
        ("TE-205", "Rooibos Orange 100 g", "tea", "Leaf and Kettle", 760),
        ("GR-301", "Hand Grinder Q2", "grinders", "Burrwell", 6900),
        ("GR-302", "Electric Grinder Duo", "grinders", "Burrwell", 18900),
        ("GR-303", "Espresso Grinder Pro", "grinders", "Burrwell", 44900),
        ("BR-401", "Pour-over Dripper 02", "brewers", "Clearcup", 2450),
        ("BR-402", "Glass Server 600 ml", "brewers", "Clearcup", 2890),
        ("BR-403", "French Press 1 l", "brewers", "Clearcup", 3490),
        ("BR-404", "Moka Pot 6 cups", "brewers", "Stovetop and Co", 3990),
        ("BR-405", "Paper Filters 100 pcs", "brewers", "Clearcup", 790),
        ("KE-501", "Gooseneck Kettle 0.9 l", "kettles", "Stovetop and Co", 8900),
        ("KE-502", "Temperature Kettle 1.2 l", "kettles", "Stovetop and Co", 12900),
        ("KE-503", "Cast Iron Teapot 0.8 l", "kettles", "Leaf and Kettle", 5400),
        ("ES-601", "Lever Espresso Machine", "espresso", "Burrwell", 69900),
        ("ES-602", "Tamper 58 mm", "espresso", "Burrwell", 3300),
        ("ES-603", "Milk Pitcher 350 ml", "espresso", "Burrwell", 2100),
        ("CU-701", "Porcelain Cup Set 6 pcs", "cups", "Clayworks", 4900),
        ("CU-702", "Travel Mug 350 ml", "cups", "Clayworks", 2700),
        ("CU-703", "Double Wall Glass 2 pcs", "cups", "Clayworks", 2390),
        ("CA-801", "Descaler 500 ml", "care", "Clearcup", 1090),
        ("CA-802", "Grinder Brush", "care", "Clearcup", 690),
    )
)

PAGES = (
    ("/", "Home"), ("/delivery", "Delivery and payment"), ("/blog/how-to-brew-a-v60", "How to brew a V60"),
    ("/blog/storing-beans", "How to store coffee beans"), ("/sale", "Sale"), ("/contacts", "Contacts"),
)  # fmt: skip

COMPANIES = (
    "Corner Coffee Bar", "Bright Office Supplies", "Harbour Hotel", "Paper Crane Studio", "Green Gate Catering",
    "Two Bridges Cafe", "Linden Bakery", "Old Mill Guesthouse",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A group of customers.

    `towns` are (town, region, time zone). `phones` are (prefix, digits that follow, how many numbers): ranges set aside
    for fiction where the country has them (US, GB, DE), otherwise codes that its numbering plan gives to no network in use.
    """

    language: str
    country: str
    towns: tuple[tuple[str, str, str], ...]
    women: tuple[str, ...]
    men: tuple[str, ...]
    families: tuple[str, ...]
    searches: tuple[str, ...]
    phones: tuple[tuple[str, int, int], ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENGLISH = (
    _words("Alice Emma Grace Hannah Julia Karen Laura Megan Nicole Olivia Rachel Sarah Tina Zoe"),
    _words("Adam Brian Charles Daniel Edward George Henry Jack Kevin Liam Mark Oliver Peter Thomas"),
    _words(
        "Anderson Baker Carter Clark Cooper Evans Foster Green Hill Hughes King Lewis Mitchell Moore Parker Reed "
        "Scott Taylor Turner Walker Ward Wood Wright Young"
    ),
    ("coffee beans", "hand grinder", "gooseneck kettle", "earl grey", "v60 filters"),
)

UKRAINE = Place(
    "uk", "UA",
    (
        ("Київ", "Київ", "Europe/Kyiv"), ("Львів", "Львівська область", "Europe/Kyiv"),
        ("Одеса", "Одеська область", "Europe/Kyiv"), ("Дніпро", "Дніпропетровська область", "Europe/Kyiv"),
        ("Харків", "Харківська область", "Europe/Kyiv"), ("Полтава", "Полтавська область", "Europe/Kyiv"),
    ),
    _words("Олена Наталія Ірина Оксана Тетяна Юлія Марія Анна Світлана Катерина Софія Дарина Галина Леся"),
    _words("Олександр Андрій Сергій Іван Микола Дмитро Володимир Тарас Богдан Максим Юрій Петро Павло Роман"),
    _words(
        "Шевченко Коваленко Бондаренко Ткаченко Кравченко Олійник Поліщук Мельник Лисенко Марченко Савченко Руденко "
        "Петренко Павленко Кравчук Гончаренко Левченко Литвиненко Мороз Бойко Левицький Романюк Гуменюк Ковальчук"
    ),
    ("кава в зернах", "кавомолка", "чайник", "зелений чай", "фільтри"),
    (("38092", 7, 10_000_000),),
)  # fmt: skip

POLAND = Place(
    "pl", "PL",
    (
        ("Warszawa", "Mazowieckie", "Europe/Warsaw"), ("Kraków", "Małopolskie", "Europe/Warsaw"),
        ("Wrocław", "Dolnośląskie", "Europe/Warsaw"), ("Gdańsk", "Pomorskie", "Europe/Warsaw"),
        ("Łódź", "Łódzkie", "Europe/Warsaw"), ("Poznań", "Wielkopolskie", "Europe/Warsaw"),
    ),
    _words("Anna Maria Katarzyna Małgorzata Agnieszka Barbara Ewa Magdalena Joanna Monika Zofia Aleksandra"),
    _words("Piotr Krzysztof Andrzej Tomasz Paweł Michał Marcin Jakub Adam Łukasz Grzegorz Wojciech"),
    _words(
        "Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski "
        "Kozłowski Mazur Jankowski Krawczyk Piotrowski Grabowski Pawłowski Michalski Król"
    ),
    ("kawa ziarnista", "młynek do kawy", "czajnik", "zielona herbata", "filtry"),
    (("4819", 7, 10_000_000),),
)  # fmt: skip

GERMANY = Place(
    "de", "DE",
    (
        ("Berlin", "Berlin", "Europe/Berlin"), ("München", "Bayern", "Europe/Berlin"),
        ("Hamburg", "Hamburg", "Europe/Berlin"), ("Köln", "Nordrhein-Westfalen", "Europe/Berlin"),
        ("Leipzig", "Sachsen", "Europe/Berlin"),
    ),
    _words("Anna Lena Julia Katharina Sabine Claudia Sophie Marie Birgit Monika Greta Jana Ute Franziska"),
    _words("Lukas Jonas Felix Stefan Thomas Michael Jürgen Markus Tobias Florian Matthias Jan Günther Paul"),
    _words(
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein "
        "Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Lange"
    ),
    ("kaffeebohnen", "kaffeemühle", "wasserkocher", "grüner tee", "papierfilter"),
    (("493023125", 3, 1_000), ("496990009", 3, 1_000), ("494066969", 3, 1_000), ("498999998", 3, 1_000)),
)  # fmt: skip

SPAIN = Place(
    "es", "ES",
    (
        ("Madrid", "Madrid", "Europe/Madrid"), ("Barcelona", "Cataluña", "Europe/Madrid"),
        ("Valencia", "Valencia", "Europe/Madrid"), ("Sevilla", "Andalucía", "Europe/Madrid"),
        ("Las Palmas", "Canarias", "Atlantic/Canary"),
    ),
    _words("María Carmen Ana Isabel Laura Cristina Marta Lucía Elena Raquel Pilar Sara Nuria Rosa"),
    _words("Antonio José Manuel Francisco David Javier Carlos Miguel Alejandro Pablo Sergio Jorge Luis Álvaro"),
    _words(
        "García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández Díaz "
        "Moreno Muñoz Álvarez Romero Alonso Gutiérrez Navarro Torres Ramos Serrano"
    ),
    ("café en grano", "molinillo", "tetera", "té verde", "filtros de papel"),
    (("3479", 7, 10_000_000),),
)  # fmt: skip

BRITAIN = Place(
    "en", "GB",
    (
        ("London", "England", "Europe/London"), ("Leeds", "England", "Europe/London"),
        ("Bristol", "England", "Europe/London"), ("Glasgow", "Scotland", "Europe/London"),
        ("Cardiff", "Wales", "Europe/London"),
    ),
    *ENGLISH, (("447700900", 3, 1_000),),
)  # fmt: skip

AMERICA = Place(
    "en", "US",
    (
        ("New York", "NY", "America/New_York"), ("Chicago", "IL", "America/Chicago"),
        ("Denver", "CO", "America/Denver"), ("Seattle", "WA", "America/Los_Angeles"),
        ("Boston", "MA", "America/New_York"),
    ),
    *ENGLISH,
    tuple((f"1{code}55501", 2, 100) for code in (206, 212, 303, 312, 415, 425, 617, 646, 718, 720, 773, 857)),
)  # fmt: skip

# Who the next ten customers are; repeats for ever.
ROUND = (UKRAINE, BRITAIN, POLAND, GERMANY, UKRAINE, SPAIN, AMERICA, POLAND, UKRAINE, SPAIN)
