"""How numbers and times read on a page (design ui §7). Pure: no markup, no request."""

from datetime import UTC, datetime

from django.utils import timezone

MISSING = "–"
COMPACT_FROM = 100_000


def format_number(value: float | None) -> str:
    """``4,218``; from 100,000 on ``128k``, ``1.2M``."""
    if value is None:
        return MISSING
    if abs(value) < COMPACT_FROM:
        return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")
    for size, unit in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")):
        if abs(value) >= size:
            scaled = value / size
            return f"{scaled:.0f}{unit}" if abs(scaled) >= 100 else f"{scaled:.1f}".removesuffix(".0") + unit
    return f"{value:,}"


def format_percent(ratio: float | None) -> str:
    """0..1 -> ``98.62%``."""
    if ratio is None:
        return MISSING
    return f"{ratio * 100:.2f}".rstrip("0").rstrip(".") + "%"


def format_milliseconds(value: float | None) -> str:
    """``82 ms``, ``1.32 s``, ``2 h 58 min``."""
    if value is None:
        return MISSING
    if value < 1:
        return "under 1 ms" if value > 0 else "0 ms"
    if value < 999.5:
        return f"{value:.0f} ms"
    if value < 59_995:
        return f"{value / 1000:.2f}".rstrip("0").rstrip(".") + " s"
    return format_seconds(value / 1000)


def format_seconds(value: float | None) -> str:
    """``40 s``, ``2 min 5 s``, ``2 h 58 min``, ``3 d 4 h``: the two largest units."""
    if value is None:
        return MISSING
    left = max(0, round(value))
    parts = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        parts.append((count, unit))
    first = next((index for index, (count, _) in enumerate(parts) if count), 3)
    shown = [f"{count} {unit}" for count, unit in parts[first : first + 2] if count]
    return " ".join(shown) or "0 s"


def format_bytes(value: int | None) -> str:
    """``2.4 MB``; decimal units."""
    if value is None:
        return MISSING
    size = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def format_time(moment: datetime, now: datetime | None = None) -> str:
    """For lists: today ``16:38:03``, this week ``Tue 16:38``, else ``12 Nov 16:38``, another year ``12 Nov 2025``."""
    local, today = timezone.localtime(moment), timezone.localtime(now)
    days = (today.date() - local.date()).days
    if days == 0:
        return f"{local:%H:%M:%S}"
    if 0 < days < 7:
        return f"{local:%a %H:%M}"
    if local.year == today.year:
        return f"{local.day} {local:%b %H:%M}"
    return f"{local.day} {local:%b %Y}"


def format_detail_time(moment: datetime, now: datetime | None = None) -> str:
    """For detail: ``Today, 16:36:56``, ``Yesterday, 16:36:56``, ``12 Nov 2025, 16:36:56``."""
    local, today = timezone.localtime(moment), timezone.localtime(now)
    days = (today.date() - local.date()).days
    if days in (0, 1, -1):
        day = {0: "Today", 1: "Yesterday", -1: "Tomorrow"}[days]
    else:
        day = f"{local.day} {local:%b}" + ("" if local.year == today.year else f" {local.year}")
    return f"{day}, {local:%H:%M:%S}"


def format_clock(moment: datetime, now: datetime | None = None) -> str:
    """Hour and minute only: ``19:40``."""
    return f"{timezone.localtime(moment):%H:%M}"


def format_date(moment: datetime, now: datetime | None = None) -> str:
    """``12 Nov``, another year ``12 Nov 2025``."""
    local, today = timezone.localtime(moment), timezone.localtime(now)
    return f"{local.day} {local:%b}" + ("" if local.year == today.year else f" {local.year}")


def format_brief_time(moment: datetime, now: datetime | None = None) -> str:
    """As ``format_time`` without seconds, for conversations: ``16:38``, ``Tue 16:38``, ``12 Nov 16:38``."""
    is_today = timezone.localtime(moment).date() == timezone.localtime(now).date()
    return format_clock(moment) if is_today else format_time(moment, now)


def format_day(moment: datetime, now: datetime | None = None) -> str:
    """``Today``, ``Yesterday``, else as ``format_date``."""
    days = (timezone.localtime(now).date() - timezone.localtime(moment).date()).days
    return {0: "Today", 1: "Yesterday"}.get(days) or format_date(moment, now)


def format_age(moment: datetime, now: datetime | None = None) -> str:
    """``just now``, ``2 min ago``, ``in 3 h``: only for liveness and last use."""
    seconds = ((now or timezone.now()) - moment).total_seconds()
    if abs(seconds) < 10:
        return "just now"
    size, unit = next(
        (size, unit)
        for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
        if abs(seconds) >= size or unit == "s"
    )
    count = int(abs(seconds) // size)
    return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"


def format_left(moment: datetime, now: datetime | None = None) -> str:
    """Time until ``moment`` as a clock, ``2:58:09`` or ``4:07``, as the page's script counts it down."""
    seconds = max(0, round((moment - (now or timezone.now())).total_seconds()))
    minutes = f"{seconds // 60 % 60:02}" if seconds >= 3600 else str(seconds // 60)
    return f"{seconds // 3600}:{minutes}:{seconds % 60:02}" if seconds >= 3600 else f"{minutes}:{seconds % 60:02}"


def format_exact(moment: datetime) -> str:
    """``2026-11-12 16:41:09.123 UTC``: the tooltip of every time."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"


def format_machine(moment: datetime) -> str:
    """For ``<time datetime>``."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
