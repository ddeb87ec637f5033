"""What can go wrong, once, for both doors: spec api §3.

AppError
├── AuthenticationError   401
├── AuthorizationError    403
├── InvalidRequestError   400 unless said otherwise
├── NotFoundError         404
├── RateLimitError        429, with retry_after_seconds
└── ServiceError          5xx

The JSON door renders ``type``, ``code``, ``message``, ``param``; the HTML door shows ``message`` beside the field
or in a toast. ``docs/errors.md`` has one section per code, anchored by the code.
"""

from http import HTTPStatus


class AppError(Exception):
    """An error a caller can act on.

    ``code`` is stable, ``message`` is for people and is not, ``param`` names the one parameter at fault or is None.
    """

    type = "api_error"
    status = int(HTTPStatus.INTERNAL_SERVER_ERROR)

    def __init__(
        self,
        code: str,
        message: str,
        *,
        param: str | None = None,
        status: int | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.retry_after_seconds = retry_after_seconds
        if status is not None:
            self.status = status


class AuthenticationError(AppError):
    type = "authentication_error"
    status = 401


class AuthorizationError(AppError):
    type = "authorization_error"
    status = 403


class InvalidRequestError(AppError):
    type = "invalid_request_error"
    status = 400


class NotFoundError(AppError):
    type = "not_found_error"
    status = 404


class RateLimitError(AppError):
    type = "rate_limit_error"
    status = 429


class ServiceError(AppError):
    type = "api_error"
    status = 500


def missing(param: str, message: str | None = None) -> InvalidRequestError:
    return InvalidRequestError("missing_required_parameter", message or f"`{param}` is required.", param=param)


def invalid(param: str, message: str) -> InvalidRequestError:
    return InvalidRequestError("invalid_parameter_value", message, param=param)


def not_found(noun: str, *, param: str | None = None) -> NotFoundError:
    """``not_found("chat")`` -> code ``chat_not_found``."""
    return NotFoundError(f"{noun.replace(' ', '_')}_not_found", f"No such {noun}.", param=param)
