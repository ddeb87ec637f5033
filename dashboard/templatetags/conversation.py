"""Small filters of the conversation pages."""

from django import template

from lines.models import Line

register = template.Library()


@register.filter
def line_state(line: Line) -> str:
    """The state name that the status tag knows."""
    if line.paused_at is not None:
        return "paused"
    for reason in ("deregistered", "deaf", "mute"):
        if any(reason in r for r in line.health_reasons):
            return reason
    return line.health


@register.filter
def pairs(text: str) -> list[list[str]]:
    """``"a=1,b=2"`` as pairs to loop over."""
    return [part.split("=") for part in text.split(",")]
