"""How our forms look: classes of the design system on every widget, checked by the server only."""

from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest, QueryDict
from django.utils import timezone


class TimeInput(forms.DateTimeInput):
    """A day and a time in the viewer's zone, which ``{zone}`` in the field's hint names."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class PageForm(forms.Form):
    """Base of the dashboard's forms. Nothing is checked by the browser, so that errors look alike everywhere."""

    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.setdefault("class", _class_of(field.widget))
            field.widget.attrs.setdefault("autocomplete", "off")
            _leave_to_server(field.widget)
            for validator in field.validators:
                if isinstance(validator, MaxLengthValidator):
                    validator.message = "Use at most %(limit_value)d characters."
            if isinstance(field.widget, TimeInput):
                field.help_text = str(field.help_text).replace("{zone}", name_zone())

    def add_error(self, field: str | None, error: Any) -> None:
        """The first wrong field has the focus when the form is shown again."""
        super().add_error(field, error)
        wrong = next((name for name in self.fields if name in self.errors), "")
        for name, one in self.fields.items():
            one.widget.attrs.pop("autofocus", None)
            if name == wrong:
                one.widget.attrs["autofocus"] = True

    @property
    def has_many_errors(self) -> bool:
        """Then one sentence stands on top of the form."""
        return len(self.errors) > 1


def _leave_to_server(widget: forms.Widget) -> None:
    """No bubbles of the browser's own, and nothing that is pasted is cut without a word."""
    if isinstance(widget, forms.NumberInput):
        widget.input_type = "text"
        widget.attrs.setdefault("inputmode", "numeric")
    for limit in ("min", "max", "step", "maxlength", "minlength"):
        widget.attrs.pop(limit, None)


def name_zone() -> str:
    """``Time in Berlin``, ``Time in UTC``."""
    return f"Time in {timezone.get_current_timezone_name().rpartition('/')[2].replace('_', ' ')}"


def _class_of(widget: forms.Widget) -> str:
    if isinstance(widget, forms.CheckboxInput | forms.CheckboxSelectMultiple):
        return "m-cb"
    if isinstance(widget, forms.RadioSelect):
        return "m-rb"
    if isinstance(widget, forms.Select):
        return "form-select"
    return "form-control"


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: the body of a POST, an empty one too, else nothing."""
    return request.POST if request.method == "POST" else None
