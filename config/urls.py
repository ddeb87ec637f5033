"""Routes of the pages. The JSON doors are answered before these by api.door."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("operator/admin/", admin.site.urls),
    path("", include("dashboard.urls")),
]
