"""Every setting, read once. A wrong value stops the start with one sentence that names the variable.

docs/settings.md explains each variable; a test keeps the two in step.
"""

from pathlib import Path
from urllib.parse import urlsplit

from config.env import Env
from config.sign_in import list_sign_in_providers

env = Env()

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = env.choice("ENVIRONMENT", "development", ("development", "production"))
PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.boolean("DEBUG", False)
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / ".data")))
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, least=1, most=65535)
WEB_WORKERS = env.integer("WEB_WORKERS", 2 if PRODUCTION else 1, least=1, most=64)
BASE_URL = env.url("BASE_URL", None if PRODUCTION else f"http://127.0.0.1:{PORT}", ("http", "https")).rstrip("/")
SECRET_KEY = env.text("SECRET_KEY", None if PRODUCTION else "development-only-key-not-for-production-use-0123456789")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", (urlsplit(BASE_URL).hostname or "") if PRODUCTION else "*")
CSRF_TRUSTED_ORIGINS = [BASE_URL]

# --- parts -----------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "dashboard.apps.OperatorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.google",
    "oauth2_provider",
    "accounts",
    "events",
    "transports.simulator",
    "lines",
    "messaging",
    "webhooks_app",
    "api",
    "dashboard.apps.DashboardConfig",
]
MIDDLEWARE = [
    "api.door.ApiDoor",  # answers /v1, /simulator and /api by itself: no session or CSRF work on the hot path
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "dashboard.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.SessionActivity",
    "accounts.impersonation.Impersonation",
    "accounts.middleware.CurrentOrganization",
    "dashboard.middleware.ViewerZone",
    "dashboard.middleware.PageErrors",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
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
                "dashboard.context.shell",
            ],
            "builtins": ["django.templatetags.static", "dashboard.templatetags.ui"],
        },
    },
]

# --- stores ----------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.database("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/messages")}
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
PREPARED_STATEMENTS = env.boolean("PREPARED_STATEMENTS", True)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.url("REDIS_URL", "redis://127.0.0.1:6379/0", ("redis", "rediss", "unix"))
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# --- files -----------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(DATA_DIR / "files")))
S3_BUCKET = env.text("S3_BUCKET", "")
STORAGES: dict[str, dict[str, object]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_storage.HashedFiles"}
    if PRODUCTION
    else {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if S3_BUCKET:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": env.text("S3_ENDPOINT_URL", "") or None,
            "region_name": env.text("S3_REGION", "") or None,
        },
    }
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 31_536_000 if PRODUCTION else 0

# --- people ----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "/account/login/"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.SignupExtras"
ACCOUNT_FORMS = {
    "login": "accounts.account_forms.LoginForm",
    "signup": "accounts.account_forms.SignupForm",
    "add_email": "accounts.account_forms.AddEmailForm",
    "change_password": "accounts.account_forms.ChangePasswordForm",
    "set_password": "accounts.account_forms.SetPasswordForm",
    "reset_password": "accounts.account_forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.account_forms.ResetPasswordKeyForm",
    "reauthenticate": "accounts.account_forms.ReauthenticateForm",
}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = urlsplit(BASE_URL).scheme
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ADAPTER = "accounts.adapter.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "accounts.account_forms.CodeForm",
    "reauthenticate": "accounts.account_forms.CodeAgainForm",
    "activate_totp": "accounts.account_forms.AppForm",
}
MFA_ALLOW_UNVERIFIED_EMAIL = (
    True  # else nobody with a second factor could change the address; signing in needs a confirmed one
)
MFA_TOTP_TOLERANCE = 1  # a code of half a minute ago, or of a phone whose clock is as much ahead
MFA_TOTP_ISSUER = "Messages.dev"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
USERSESSIONS_TRACK_ACTIVITY = True
SOCIALACCOUNT_PROVIDERS = list_sign_in_providers(env)
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True  # by a confirmed address
OAUTH_CLI_CLIENT_ID = env.text("OAUTH_CLI_CLIENT_ID", "messages-cli")
OAUTH2_PROVIDER = {
    "PKCE_REQUIRED": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["http", "https"],
    "SCOPES": {"profile": "Your name and organizations", "email": "Your e-mail address"},
    "DEFAULT_SCOPES": ["profile", "email"],
    "ACCESS_TOKEN_EXPIRE_SECONDS": 600,
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 300,
    "OAUTH2_VALIDATOR_CLASS": "accounts.oauth.CliValidator",
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,  # S256 only
    "OAUTH_DEVICE_VERIFICATION_URI": f"{BASE_URL}/oauth/device",
}

# --- mail ------------------------------------------------------------------------------------------------------------
EMAIL_URL = env.text("EMAIL_URL", "")
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "Messages.dev <no-reply@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
DEV_MAILBOX_ENABLED = not EMAIL_URL and not PRODUCTION
if EMAIL_URL:
    _mail = urlsplit(env.url("EMAIL_URL", None, ("smtp", "smtps")))
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = _mail.hostname or "localhost"
    EMAIL_PORT = _mail.port or (465 if _mail.scheme == "smtps" else 587)
    EMAIL_HOST_USER = _mail.username or ""
    EMAIL_HOST_PASSWORD = _mail.password or ""
    EMAIL_USE_SSL = _mail.scheme == "smtps"
    EMAIL_USE_TLS = _mail.scheme == "smtp" and EMAIL_PORT == 587
elif DEV_MAILBOX_ENABLED:
    EMAIL_BACKEND = "accounts.mailbox.MailboxBackend"  # readable at /dev/mailbox
else:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

# --- safety ----------------------------------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = PRODUCTION and env.boolean("SSL_REDIRECT", True)
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.boolean("TRUST_PROXY_HEADERS", PRODUCTION) else None
)
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SESSION_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_AGE = 30 * 86400
CSRF_COOKIE_HTTPONLY = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
TRUST_PROXY_HEADERS = env.boolean("TRUST_PROXY_HEADERS", PRODUCTION)

# --- the product -----------------------------------------------------------------------------------------------------
SIMULATOR_ENABLED = env.boolean("SIMULATOR_ENABLED", not PRODUCTION)
DEMO_HISTORY = env.boolean("DEMO_HISTORY", not PRODUCTION)  # whether `manage.py demo` makes a month of history too
SANDBOX_LINE_HANDLE = env.text("SANDBOX_LINE_HANDLE", "+15550100001")
METRICS_TOKEN = env.text("METRICS_TOKEN", "")  # for /metrics from another machine
SANDBOX_DAILY_MESSAGES = env.integer("SANDBOX_DAILY_MESSAGES", 50)
REQUESTS_PER_HOUR = env.integer("REQUESTS_PER_HOUR", 1000)  # per API key; 0 = unlimited
OUTBOUND_ALLOWED_NETWORKS = env.networks("OUTBOUND_ALLOWED_NETWORKS", "" if PRODUCTION else "127.0.0.0/8,::1/128")
WEBHOOKS_REQUIRE_HTTPS = env.boolean("WEBHOOKS_REQUIRE_HTTPS", PRODUCTION)
WEBHOOK_ENGINES = env.integer("WEBHOOK_ENGINES", 1, least=1, most=64)
WEBHOOK_MAX_IN_FLIGHT = env.integer("WEBHOOK_MAX_IN_FLIGHT", 2000, least=1)
WEBHOOK_ENDPOINT_IN_FLIGHT = env.integer("WEBHOOK_ENDPOINT_IN_FLIGHT", 20, least=1)
WEBHOOK_TIMEOUT_SECONDS = env.number("WEBHOOK_TIMEOUT_SECONDS", 15.0, least=0.5)  # an engine's lease is four of them
WEBHOOK_RETRY_FACTOR = env.number("WEBHOOK_RETRY_FACTOR", 1.0, least=0.001)
EVENT_RETENTION_DAYS = env.integer("EVENT_RETENTION_DAYS", 90, least=1)
REQUEST_LOG_RETENTION_DAYS = env.integer("REQUEST_LOG_RETENTION_DAYS", 30, least=1)
REQUEST_LOG_REDACT_TEXT = env.boolean("REQUEST_LOG_REDACT_TEXT", True)
LINE_MESSAGES_PER_SECOND = env.number("LINE_MESSAGES_PER_SECOND", 1.0)  # real lines; simulated lines are not paced
OUTBOX_LEASE_SECONDS = env.integer("OUTBOX_LEASE_SECONDS", 60, least=1)
OUTBOX_DEADLINE_HOURS = env.integer("OUTBOX_DEADLINE_HOURS", 24, least=1)
FILE_MAX_BYTES = env.integer("FILE_MAX_BYTES", 100 * 1024 * 1024)
LINE_WARMUP_DAYS = env.integer("LINE_WARMUP_DAYS", 0)
LINE_STREAKS = "messaging.line_insights.count_streaks"  # conversations are above lines, so they are named here
# Each consumer of the event log: a name for its cursor, and the Celery task that is told that there is news.
EVENT_CONSUMERS = {
    "webhooks": "webhooks_app.tasks.fan_out_events",
    "live": "dashboard.tasks.publish_live_hints",
}

# Tables partitioned by day, and for how many days each is kept.
PARTITIONED_TABLES = {
    "events_event": EVENT_RETENTION_DAYS,
    "webhooks_app_delivery": EVENT_RETENTION_DAYS,
    "webhooks_app_attempt": EVENT_RETENTION_DAYS,
    "accounts_apirequest": REQUEST_LOG_RETENTION_DAYS,
}
# Makes the description that the reference pages show. Named here because the two doors do not import each other.
API_DESCRIPTION = "api.openapi.build_openapi"
# What the sweeper calls, and every how many seconds.
SWEEPS: dict[str, float] = {
    "messaging.sweeps.hint_outbox": 1.0,
    "messaging.sweeps.hint_inbound": 1.0,
    "messaging.sweeps.hint_simulator": 1.0,
    "messaging.sweeps.hint_sound": 10.0,
    "events.sweeps.hint_consumers": 1.0,
    "webhooks_app.sweeps.hint_engines": 1.0,
    "webhooks_app.sweeps.hint_replays": 2.0,
    "webhooks_app.sweeps.keep_endpoints": 60.0,
    "webhooks_app.sweeps.run_retention": 3600.0,
    "events.sweeps.keep_partitions": 3600.0,
    "lines.sweeps.send_due_alerts": 60.0,
    "lines.sweeps.add_up_day": 300.0,
    "lines.sweeps.add_up_month": 21_600.0,
    "webhooks_app.sweeps.add_up_hours": 300.0,
    "accounts.sweeps.delete_organizations": 3600.0,
    "api.idempotency.purge_answers": 3600.0,
}

# --- Celery: hints only; the rows in PostgreSQL are the work ---------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "messaging"
CELERY_TASK_ROUTES = {
    "webhooks_app.tasks.*": {"queue": "webhooks"},
    "messaging.tasks.*": {"queue": "messaging"},
    "dashboard.tasks.*": {"queue": "messaging"},
}

# --- language, time, logs --------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))},
}
