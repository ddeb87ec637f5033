from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class DashboardConfig(AppConfig):
    name = "dashboard"


class OperatorAdminConfig(AdminConfig):
    """Django's admin with the operators' own site."""

    default = False
    default_site = "dashboard.admin_site.OperatorSite"
