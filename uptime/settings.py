"""Every knob of the centre, read from the environment. Nothing is started here.

`make run`, `manage.py` and the tests fill in what is unset (see uptime/embedded.py); in production the environment
says it all, and what is missing is a clear error. docs/configuration.md explains each variable.
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from uptime.lib import patience
from uptime.lib.brokers import broker_url
from uptime.lib.env import env, env_bool, env_int, env_list
from uptime.lib.hosts import own_names
from uptime.lib.version import VERSION

BASE_DIR = Path(__file__).resolve().parent.parent


def required(name: str) -> str:
    value = env(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. `make run` sets it by itself; see docs/configuration.md.")
    return value


# Where we are ------------------------------------------------------------------------------------------
DATA_DIR = Path(env("DATA_DIR", "var")).resolve()
HOST = env("HOST", "127.0.0.1")
PORT = env_int("PORT", 8000, least=1, most=65535)
BASE_URL = env("BASE_URL", f"http://{HOST if HOST != '0.0.0.0' else 'localhost'}:{PORT}").rstrip("/")
# Whether only this machine can reach the site: behind a proxy it listens on loopback and is public all the same.
LOOPBACK = {HOST, urlsplit(BASE_URL).hostname} <= {"127.0.0.1", "localhost", "::1"}
INSTANCE_NONCE = env("INSTANCE_NONCE")
DEBUG = env_bool("DEBUG", False)

# Secrets -----------------------------------------------------------------------------------------------
SECRET_KEY = required("SECRET_KEY")
FIELD_KEYS = env_list("FIELD_KEYS") or [required("FIELD_KEYS")]
SETUP_TOKEN = env("SETUP_TOKEN")

# Hosts and proxies -------------------------------------------------------------------------------------
_base = urlsplit(BASE_URL)
HTTPS = _base.scheme == "https"
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS") or (
    ["127.0.0.1", "localhost", "[::1]"]
    + ([] if LOOPBACK else [_base.hostname or "localhost"])
    + ([] if LOOPBACK or env("BASE_URL") else own_names())  # tried out in a local network
)
CSRF_TRUSTED_ORIGINS = [f"{_base.scheme}://{_base.netloc}"]
TRUSTED_PROXY_COUNT = env_int("TRUSTED_PROXY_COUNT", 0, most=10)
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Applications ------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "uptime.apps.UptimeConfig",
    "alerts.apps.AlertsConfig",
    "incidents.apps.IncidentsConfig",
    "monitors.apps.MonitorsConfig",
    "accounts.apps.AccountsConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "corsheaders",
    "csp",
    "django_celery_beat",
    "rest_framework",
    "drf_spectacular",
]

MIDDLEWARE = [
    "uptime.middleware.Health",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # a live list of fifty rows shrinks from 280 kB to 17 kB
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "uptime.middleware.ReaderTimeZone",
]

ROOT_URLCONF = "uptime.urls"
WSGI_APPLICATION = "uptime.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "uptime.context.shell",
            ],
            "builtins": ["uptime.templatetags.ui"],
        },
    }
]

# Database: PostgreSQL 14 or newer, one code path -------------------------------------------------------
DATABASES = {"default": dj_database_url.parse(required("DATABASE_URL"), conn_max_age=0)}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database: postgresql://user:password@host/name")
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # a pooled connection may be older than the server's last restart
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5,
    # A server that is gone without a word is missed after 40 s (libpq's names; seconds, the last one milliseconds).
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 35_000,
    **DATABASES["default"].get("OPTIONS", {}),
    # Web and workers run threads: a small pool each, so that a request or a task costs no reconnection. Each attempt to
    # connect waits twice as long as the one before, in the pool's own default for five minutes: after ten seconds it
    # begins anew, so that nobody is without a database much longer than the database is away.
    "pool": {
        "min_size": 1,
        "max_size": env_int("DATABASE_POOL", 8, least=1, most=100),
        "timeout": 10,
        "reconnect_timeout": 10,
        "connection_class": patience.Connection,
    },
    # A stuck lock or a runaway statement must not stop the pipeline (milliseconds).
    "options": "-c lock_timeout=5000 -c statement_timeout=30000 -c idle_in_transaction_session_timeout=30000"
    " -c timezone=UTC",
}

# Valkey or Redis: cache, locks, rate limits; and the broker unless BROKER_URL says otherwise -----------
REDIS_URL = required("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": env("QUEUE_PREFIX"),
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    }
}
BROKER_URL = env("BROKER_URL") or broker_url(REDIS_URL)
QUEUE_PREFIX = env("QUEUE_PREFIX")

# Periodic work -----------------------------------------------------------------------------------------
DJANGO_CELERY_BEAT_TZ_AWARE = True

# Accounts ----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
SIGNUP_OPEN = env_bool("SIGNUP_OPEN", True)  # the first account can always be made
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "accounts.hashers.Argon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "monitors:list"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.SignupForm"
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PRESERVE_USERNAME_CASING = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_RATE_LIMITS = {
    "login_failed": "20/h/ip,10/5m/key",
    "signup": "60/h/ip",
    "reset_password": "20/h/ip,5/h/key",
}

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_ENGINE = "django.contrib.sessions.backends.db"  # people stay signed in while the cache is away
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
X_FRAME_OPTIONS = "DENY"

# Mail: EMAIL_URL like smtp://user:password@host:587/?tls=1; unset, messages wait on the Mailbox page -----------------
EMAIL_BACKEND = "accounts.mail.MailboxBackend"
EMAIL_URL = env("EMAIL_URL")
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", f"Uptime <uptime@{_base.hostname}>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_TIMEOUT = 10

# REST --------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.JWT",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["uptime.parsers.BodyParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "uptime.api.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(hours=1),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "USER_ID_FIELD": "id",
    "CHECK_REVOKE_TOKEN": True,  # a changed password ends every token made with the old one
    "UPDATE_LAST_LOGIN": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Uptime API",
    "VERSION": VERSION,
    "DESCRIPTION": "Monitors and what they saw, in the wire format that Better Stack clients speak.",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [],  # choices stay where they are used, instead of becoming objects of their own
}
CORS_ALLOW_ALL_ORIGINS = True  # only for the clones' paths, which carry no cookies
CORS_URLS_REGEX = r"^/(user/(signup|signin)|website|status/[^/]+)$"
CORS_ALLOW_HEADERS = ["authorization", "content-type", "accept"]

# Security of pages -------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "manifest-src": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# Static files ------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env("STATIC_ROOT", str(DATA_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_MANIFEST_STRICT = False

# Time and language -------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# What we watch -----------------------------------------------------------------------------------------
DEFAULT_CHECK_INTERVAL = env_int("DEFAULT_CHECK_INTERVAL", 30, least=1, most=86_400)
ALLOW_PRIVATE_TARGETS = env_bool("ALLOW_PRIVATE_TARGETS", False)
DOMAIN_CHECKS_PER_SECOND = env_int("DOMAIN_CHECKS_PER_SECOND", 5, least=0, most=1000)  # from each region; 0: no limit
BACK_OFF = env_bool("BACK_OFF", True)  # ask less often what has been down for hours
TICK_RETENTION_DAYS = env_int("TICK_RETENTION_DAYS", 30, least=2, most=3650)
FIVE_MINUTE_RETENTION_DAYS = env_int("FIVE_MINUTE_RETENTION_DAYS", 30, least=2, most=3650)
HOUR_RETENTION_DAYS = env_int("HOUR_RETENTION_DAYS", 180, least=2, most=3650)
DAY_RETENTION_DAYS = env_int("DAY_RETENTION_DAYS", 1095, least=2, most=36_500)
PING_BODY_LIMIT = env_int("PING_BODY_LIMIT", 10000, least=0, most=1_000_000)  # bytes of a ping's body that are kept
PING_LOG_SIZE = env_int("PING_LOG_SIZE", 1000, least=10, most=100_000)  # pings of a heartbeat that are kept

# Whether a region is believed --------------------------------------------------------------------------
REGION_OFFLINE_AFTER = env_int("REGION_OFFLINE_AFTER", 15, least=6, most=600)  # seconds without a sign of life
REGION_CLOCK_LIMIT = env_int("REGION_CLOCK_LIMIT", 2000, least=100, most=60_000)  # milliseconds
REGION_TRUST_AFTER = env_int("REGION_TRUST_AFTER", 180, least=1, most=86_400)  # seconds with nothing wrong
DISAGREE_COMPARED = env_int("DISAGREE_COMPARED", 20, least=1)  # monitors
DISAGREE_ALONE = env_int("DISAGREE_ALONE", 10, least=1)  # monitors
DISAGREE_SHARE = env_int("DISAGREE_SHARE", 20, least=1, most=100)  # per cent
DISAGREE_TEAMS = env_int("DISAGREE_TEAMS", 3, least=1)

# The brake: when everything fails at once, alerts wait -------------------------------------------------
BRAKE_SHARE = env_int("BRAKE_SHARE", 25, least=1, most=100)  # per cent of all monitors
BRAKE_MONITORS = env_int("BRAKE_MONITORS", 50, least=1)
BRAKE_TEAMS = env_int("BRAKE_TEAMS", 5, least=1)
BRAKE_HOLD = env_int("BRAKE_HOLD", 120, least=10, most=3600)  # seconds
BRAKE_LONGEST = env_int("BRAKE_LONGEST", 900, least=10, most=86_400)  # seconds

# What flaps is told of once, and then not until it is steady -------------------------------------------
FLAP_CHANGES = env_int("FLAP_CHANGES", 4, least=3, most=100)  # of status
FLAP_WINDOW = env_int("FLAP_WINDOW", 1800, least=60, most=86_400)  # seconds
FLAP_QUIET = env_int("FLAP_QUIET", 900, least=60, most=86_400)  # seconds

# Where days of ticks go before they are dropped: a folder, or a bucket; unset, nowhere -----------------
ARCHIVE_URL = env("ARCHIVE_URL")
ARCHIVE_S3_REGION = env("ARCHIVE_S3_REGION", "us-east-1")
ARCHIVE_S3_ENDPOINT = env("ARCHIVE_S3_ENDPOINT", f"https://s3.{ARCHIVE_S3_REGION}.amazonaws.com")
ARCHIVE_S3_KEY_ID = env("ARCHIVE_S3_KEY_ID")
ARCHIVE_S3_SECRET = env("ARCHIVE_S3_SECRET")

# Looking in --------------------------------------------------------------------------------------------
STALLED_AFTER = env_int("STALLED_AFTER", 30, least=10, most=3600)  # seconds until what stands still is told of
HEARTBEAT_URL = env("HEARTBEAT_URL")
HEARTBEAT_FAIL_URL = env("HEARTBEAT_FAIL_URL")
METRICS_TOKEN = env("METRICS_TOKEN")

# Logs --------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", "INFO")},
    # One line a second and task would bury what matters.
    "loggers": {name: {"level": "WARNING"} for name in ("celery.app.trace", "celery.worker.strategy", "celery.beat")},
}
