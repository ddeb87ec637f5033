"""What a person changes about themselves. Not in an organization's audit log: it concerns no organization."""

from accounts.models import User


def update_profile(*, user: User, name: str, time_zone: str, has_shortcuts: bool) -> User:
    user.name = " ".join(name.replace("\x00", "").split())[:120]
    user.time_zone, user.has_shortcuts = time_zone, has_shortcuts
    user.save(update_fields=["name", "time_zone", "has_shortcuts"])
    return user
