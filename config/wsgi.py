"""Django as WSGI: pages and the JSON API."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

# After the apps are loaded: the door's endpoints are registered before the first request, the log gets its writer.
from api.request_log import request_log  # noqa: E402
from api.routes import load_endpoints  # noqa: E402

load_endpoints()
request_log.start_writing()
