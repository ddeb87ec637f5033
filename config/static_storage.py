"""How production names static files."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Our modules import each other by their hashed names: under the plain ones a browser would keep old ones."""

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("js/*.js", ((r"""(?P<matched>import \{ (?P<names>[\w, ]+) \} from "(?P<url>\./[\w-]+\.js)";)""",
                      """import { %(names)s } from "%(url)s";"""),)),
    )  # fmt: skip
