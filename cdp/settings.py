"""Settings, all from the environment (docs/settings.md lists them). Importing this module does no work."""

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from cdp.env import Environment
from cdp.local.instance import read_instance
from cdp.unfold import UNFOLD  # noqa: F401 - read by the theme

env = Environment(os.environ)

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.path("CDP_DATA_DIR", BASE_DIR / ".data")
try:
    INSTANCE = read_instance(DATA_DIR)
except (OSError, ValueError) as error:
    raise ImproperlyConfigured(f"CDP_DATA_DIR: {error}") from error

DEBUG = env.flag("CDP_DEBUG", default=False)
SECRET_KEY = env.text("CDP_SECRET_KEY", INSTANCE.secret_key)
HAS_SECRET_KEY = bool(SECRET_KEY) or DEBUG or not env.text("DATABASE_URL")  # else cdp.checks refuses to serve
if HAS_SECRET_KEY and not SECRET_KEY:
    SECRET_KEY = secrets.token_urlsafe(50)  # for commands that sign nothing another process must read
ALLOWED_HOSTS = env.words("CDP_ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
CSRF_TRUSTED_ORIGINS = env.words("CDP_CSRF_TRUSTED_ORIGINS")
CDP_PUBLIC_URL = env.url("CDP_PUBLIC_URL", INSTANCE.public_url)  # every link in a sent message begins with it
ALLOWED_HOSTS += [str(urlsplit(CDP_PUBLIC_URL).hostname)]
CDP_LINK_SECRETS = env.numbered_secrets("CDP_LINK_SECRETS")
CDP_SCANNER_SECONDS = env.integer("CDP_SCANNER_SECONDS", 2, most=3600)
CDP_MACHINE_NETWORKS = env.text("CDP_MACHINE_NETWORKS")  # a file: messaging.tracking.networks
CDP_GEO_FILE = env.text("CDP_GEO_FILE")  # a file: contacts.geo

INSTALLED_APPS = [
    "cdp.apps.KernelConfig",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "cdp.ui.apps.ProductAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_celery_beat",
    "django_filters",
    "django_vite",
    "rest_framework",
    "drf_spectacular",
    "partners",
    "contacts",
    "events",
    "segments",
    "messaging",
    "workflows",
    "demo",
]

MIDDLEWARE = [
    "cdp.logging.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "cdp.csp.PolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "cdp.hosts.HostMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
APPEND_SLASH = False  # routes take an optional slash themselves; a redirect would turn POST into GET

ROOT_URLCONF = "cdp.urls"
WSGI_APPLICATION = "cdp.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "cdp" / "ui" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"ui": "cdp.ui.tags"},
        },
    },
]

try:
    _database = dj_database_url.parse(
        env.text("DATABASE_URL", INSTANCE.database_url),
        conn_max_age=env.integer("CDP_DATABASE_CONNECTION_SECONDS", 600),
        conn_health_checks=True,
    )
except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError) as error:
    raise ImproperlyConfigured("DATABASE_URL: use postgres://USER:PASSWORD@HOST:PORT/DATABASE.") from error
if "postgresql" not in _database["ENGINE"]:
    raise ImproperlyConfigured("DATABASE_URL: only PostgreSQL (postgres://…) is supported.")
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL, LOGIN_REDIRECT_URL = "admin:login", "admin:index"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("uk", _("Ukrainian"))]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600  # the choice outlives the browser window
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
FRONTEND_DIST = BASE_DIR / "frontend" / "dist"
MEDIA_ROOT = DATA_DIR / "files"  # written by jobs, read through pages that check rights: nothing serves it
STATICFILES_DIRS = [BASE_DIR / "cdp" / "ui" / "static", *([FRONTEND_DIST] if FRONTEND_DIST.is_dir() else [])]
DJANGO_VITE = {"default": {"dev_mode": False, "manifest_path": FRONTEND_DIST / "manifest.json"}}
WHITENOISE_MANIFEST_STRICT = False  # a page without a collected file is better than no page
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Browsers: what a page may load, and cookies over HTTPS only where HTTPS is
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],  # and 'unsafe-eval' on admin pages: cdp.csp
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:", "https:"],
        "font-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [SELF],
    }
}
X_FRAME_OPTIONS = "SAMEORIGIN"
HTTPS = env.flag("CDP_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SAMESITE = True, "Lax"
SECURE_HSTS_SECONDS = env.integer("CDP_HSTS_SECONDS", 0) if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_CONTENT_TYPE_NOSNIFF = True

LOGGING_CONFIG = "cdp.logging.configure"
LOGGING = {"level": env.choice("CDP_LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR"))}
METRICS_TOKEN = env.text("CDP_METRICS_TOKEN")

# Which local services `manage.py up` may use
CDP_POSTGRES = env.choice("CDP_POSTGRES", ("auto", "system", "embedded"))
CDP_BROKER = env.choice("CDP_BROKER", ("auto", "system", "embedded"))

BROKER_URL = env.text("BROKER_URL", INSTANCE.broker_url)
if BROKER_URL.partition("://")[0] not in ("redis", "rediss", "amqp", "amqps"):
    raise ImproperlyConfigured("BROKER_URL: use redis://… or amqp://….")
CELERY_BROKER_URL = BROKER_URL
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "calendar"

# Intake and wire rules (docs/settings.md)
API_RATE_LIMITS = env.flag("API_RATE_LIMITS", default=True)
API_RATES = env.numbers(
    "API_RATES", {"events": 350, "batches": 50, "contacts": 200, "other": 100}
)  # a second
API_EVENT_BYTES = env.integer("API_EVENT_BYTES", 20 * 1024, least=1024, most=1024 * 1024)
API_DUPLICATE_GUARD = env.flag("API_DUPLICATE_GUARD", default=True)
API_GUARD_BULK = env.flag("API_GUARD_BULK", default=False)
API_UNWRAP_SINGLETONS = env.flag("API_UNWRAP_SINGLETONS", default=True)
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024  # 3000 contacts in one request
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["partners.authentication.KeyAuthentication"],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "cdp.api.schema.RouteSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Customer data platform API",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v[0-9]",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SERVE_PUBLIC": True,
    "PREPROCESSING_HOOKS": ["cdp.api.schema.strip_slashes"],
}
EVENT_LANES = env.integer("CDP_EVENT_LANES", 1, least=1, most=64)
MEMBERSHIP_DAYS = env.integer("CDP_MEMBERSHIP_DAYS", 730, least=1, most=36_500)

# Sending (docs/settings.md)
EMAIL_URL = env.text("EMAIL_URL")  # read by messaging.services.connections; empty: the mailbox on disk
SEND_LEASE_SECONDS = env.integer("CDP_SEND_LEASE_SECONDS", 300, least=2, most=3600)
