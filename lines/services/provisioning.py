"""Making, naming, pausing and removing lines."""

import secrets

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import Organization
from accounts.services.audit import Actor, record_change
from core.clock import now
from core.errors import invalid
from core.handles import is_handle, normalise_handle
from lines.models import Line

SIMULATED_PREFIX = "+1555010"  # numbers kept for fiction, so that nothing simulated can ever reach a person
MAX_LABEL = 80


def ensure_sandbox_line() -> Line:
    """The operator's sandbox line, made on first use. Safe to run from several processes."""
    handle = normalise_handle(settings.SANDBOX_LINE_HANDLE)
    found = Line.objects.filter(handle=handle, deleted_at=None).first()
    if found is None:
        try:
            with transaction.atomic():
                return Line.objects.create(handle=handle, is_sandbox=True, label="Sandbox")
        except IntegrityError:
            found = Line.objects.get(handle=handle, deleted_at=None)
    if not found.is_sandbox:
        raise invalid("SANDBOX_LINE_HANDLE", f"{handle} is already a line of an organization.")
    return found


def create_simulated_line(
    *, organization: Organization, handle: str | None = None, label: str = "", actor: Actor
) -> Line:
    """A dedicated line on the simulator; without a handle it gets a free +1 555 010 number. Raises 400 ``handle``."""
    label = _checked_label(label)
    if handle:
        handle = normalise_handle(handle)
        if not is_handle(handle):
            raise invalid("handle", "A line's handle is a number such as +15550100042 or an e-mail address.")
        if Line.objects.filter(handle=handle, deleted_at=None).exists():
            raise invalid("handle", "This number or address is already in use.")
    for _ in range(20):
        candidate = handle or _free_handle()
        try:
            with transaction.atomic():
                line = Line.objects.create(
                    organization=organization,
                    handle=candidate,
                    label=label,
                    warmup_days=settings.LINE_WARMUP_DAYS,
                    warmup_started_at=now() if settings.LINE_WARMUP_DAYS else None,
                )
                _record(line, actor, "line.created", after={"handle": candidate, "label": label})
                return line
        except IntegrityError:
            if handle:
                break
    raise invalid("handle", "This number or address is already in use.")


def rename_line(*, line: Line, label: str, actor: Actor) -> Line:
    label = _checked_label(label)
    return _change(line, actor, "line.renamed", label=label)


def pause_line(*, line: Line, actor: Actor) -> Line:
    """Nothing is sent until it is resumed; what is queued waits. Pausing twice changes nothing."""
    if line.paused_at is not None:
        return line
    return _change(line, actor, "line.paused", paused_at=now(), paused_by=actor.label[:120])


def resume_line(*, line: Line, actor: Actor) -> Line:
    if line.paused_at is None:
        return line
    return _change(line, actor, "line.resumed", paused_at=None, paused_by="")


def set_strict(*, line: Line, is_strict: bool, actor: Actor) -> Line:
    """Whether sends beyond guidance are held. What is held already is released by messaging's ``release_line``."""
    if line.is_strict == is_strict:
        return line
    return _change(line, actor, "line.strict" if is_strict else "line.lenient", is_strict=is_strict)


def set_warmup(*, line: Line, days: int, actor: Actor) -> Line:
    """A warm-up of so many days from its first setting on; 0 ends it."""
    if days == line.warmup_days:
        return line
    started_at = (line.warmup_started_at or now()) if days else None
    return _change(line, actor, "line.warmup", warmup_days=days, warmup_started_at=started_at)


def delete_line(*, line: Line, actor: Actor) -> Line:
    """Takes a line out of use for good; its conversations stay readable in the database, its handle becomes free."""
    if line.deleted_at is not None:
        return line
    return _change(line, actor, "line.deleted", deleted_at=now())


def _free_handle() -> str:
    taken = set(Line.objects.filter(handle__startswith=SIMULATED_PREFIX).values_list("handle", flat=True))
    free = [n for n in range(10_000) if f"{SIMULATED_PREFIX}{n:04}" not in taken]
    if not free:
        raise invalid("handle", "Every simulated number is in use.")
    return f"{SIMULATED_PREFIX}{secrets.choice(free):04}"


def _checked_label(label: str) -> str:
    label = label.replace("\0", "").strip()
    if len(label) > MAX_LABEL:
        raise invalid("label", f"A label has {MAX_LABEL} characters at most.")
    return label


@transaction.atomic
def _change(line: Line, actor: Actor, action: str, **values: object) -> Line:
    before = {name: getattr(line, name) for name in values}
    for name, value in values.items():
        setattr(line, name, value)
    line.save(update_fields=list(values))
    _record(line, actor, action, before=before, after=dict(values))
    return line


def _record(line: Line, actor: Actor, action: str, **values: dict[str, object]) -> None:
    if line.organization is not None:
        record_change(
            organization=line.organization,
            actor=actor,
            action=action,
            target_id=line.public_id,
            target_label=str(line),
            **values,
        )
