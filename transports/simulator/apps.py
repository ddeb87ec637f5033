from django.apps import AppConfig


class SimulatorConfig(AppConfig):
    name = "transports.simulator"
    label = "simulator"
