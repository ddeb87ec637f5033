"""Builds static/icons.svg, the sprite of outline icons, from an unpacked ``@tabler/icons`` package (MIT).

npm pack @tabler/icons && tar xzf tabler-icons-*.tgz && python scripts/lib/make_icons.py package
"""

import json
import sys
from pathlib import Path
from xml.sax.saxutils import quoteattr

OUTPUT = Path(__file__).resolve().parents[2] / "static" / "icons.svg"

# our name -> Tabler's name; ours say what they are used for
ICONS = {
    "alert": "alert-triangle",
    "alert-circle": "alert-circle",
    "antenna": "antenna-bars-5",
    "archive": "archive",
    "arrow-left": "arrow-left",
    "arrow-right": "arrow-right",
    "arrow-up": "arrow-up",
    "arrow-down": "arrow-down",
    "ban": "ban",
    "battery": "battery-4",
    "bell": "bell",
    "bolt": "bolt",
    "book": "book",
    "brand-github": "brand-github",
    "brand-google": "brand-google",
    "browser": "browser",
    "bubble": "message-circle",
    "bug": "bug",
    "building": "building",
    "calendar": "calendar",
    "chart": "chart-bar",
    "chat": "messages",
    "check-circle": "circle-check",
    "clock": "clock",
    "code": "code",
    "contact": "address-book",
    "copy": "copy",
    "cpu": "cpu",
    "desktop": "device-desktop",
    "docs": "book-2",
    "dots": "dots",
    "down": "chevron-down",
    "download": "download",
    "edit": "pencil",
    "external": "external-link",
    "eye": "eye",
    "eye-off": "eye-off",
    "file": "file-text",
    "filter": "filter",
    "fingerprint": "fingerprint",
    "flag": "flag",
    "globe": "world",
    "history": "history",
    "home": "layout-dashboard",
    "hook": "webhook",
    "info": "info-circle",
    "key": "key",
    "laptop": "device-laptop",
    "left": "chevron-left",
    "link": "link",
    "lock": "lock",
    "log": "list-search",
    "mail": "mail",
    "menu": "menu-2",
    "microphone": "microphone",
    "minus": "minus",
    "mobile": "device-mobile",
    "moon": "moon",
    "paperclip": "paperclip",
    "pause": "player-pause",
    "phone": "phone",
    "photo": "photo",
    "play": "player-play",
    "plug": "plug-connected",
    "plus": "plus",
    "power": "power",
    "qr": "qrcode",
    "reaction": "mood-smile",
    "reload": "refresh",
    "reply": "corner-up-left",
    "right": "chevron-right",
    "robot": "robot",
    "sandbox": "device-mobile-message",
    "search": "search",
    "select": "selector",
    "send": "send",
    "server": "server",
    "settings": "settings",
    "shield": "shield-check",
    "shuffle": "arrows-shuffle",
    "sign-out": "logout",
    "sliders": "adjustments-horizontal",
    "star": "star",
    "stop": "player-stop",
    "sun": "sun",
    "tag": "tag",
    "terminal": "terminal-2",
    "tick": "check",
    "trash": "trash",
    "undo": "arrow-back-up",
    "unlink": "unlink",
    "up": "chevron-up",
    "upload": "upload",
    "user": "user",
    "user-plus": "user-plus",
    "users": "users",
    "volume": "volume",
    "wifi": "wifi",
    "x": "x",
}


def make_symbol(name: str, nodes: list[list[object]]) -> str:
    """One ``<symbol>``; nodes are Tabler's ``[tag, attributes]`` pairs on a 24 x 24 grid."""
    shapes = "".join(
        f"<{tag} " + " ".join(f"{key}={quoteattr(str(value))}" for key, value in attributes.items()) + "/>"  # type: ignore[attr-defined]
        for tag, attributes in nodes
    )
    return f'<symbol id="{name}" viewBox="0 0 24 24">{shapes}</symbol>\n'


def main(package: Path) -> None:
    known = json.loads((package / "tabler-nodes-outline.json").read_text())
    symbols = "".join(make_symbol(name, known[theirs]) for name, theirs in sorted(ICONS.items()))
    OUTPUT.write_text(f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}</svg>\n')
    print(f"{OUTPUT.name}: {len(ICONS)} icons, {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
