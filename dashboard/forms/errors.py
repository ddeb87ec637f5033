"""Errors of services, shown where the person looks: beside the field, or above the form."""

from django import forms

from core.errors import AppError


def show_error(form: forms.Form, error: AppError) -> None:
    """Puts a service's error beside the field that its ``param`` names; without such a field above the form."""
    form.add_error(error.param if error.param in form.fields else None, error.message)
