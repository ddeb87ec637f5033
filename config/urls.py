"""Routes of the pages. The JSON doors are answered before these by api.door."""

from django.contrib import admin
from django.urls import include, path

from api.downloads import serve_file

urlpatterns = [
    path("operator/admin/", admin.site.urls),
    path("files/<str:token>", serve_file, name="file"),
    path("", include("dashboard.urls")),
]
