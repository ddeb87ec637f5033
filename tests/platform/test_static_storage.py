"""Static files in production: a new version of a script never meets an old one of its neighbours."""

import re
import shutil
from pathlib import Path

from django.conf import settings

from config.static_storage import HashedFiles


def test_modules_import_each_other_by_their_hashed_names(tmp_path: Path) -> None:
    shutil.copytree(Path(settings.BASE_DIR) / "static" / "js", tmp_path / "js")
    storage = HashedFiles(location=str(tmp_path), base_url="/static/")
    names = [f"js/{path.name}" for path in (tmp_path / "js").iterdir()]
    for _, _, processed in storage.post_process({name: (storage, name) for name in names}):
        assert not isinstance(processed, Exception), processed
    imports = {}
    for name in names:
        text = (tmp_path / storage.hashed_files[storage.hash_key(name)]).read_text()
        imports[name] = re.findall(r'from "(.+?)"', text)
    assert imports["js/live.js"]
    assert imports["js/conversation.js"]
    for found in imports.values():
        assert all(re.fullmatch(r"\./[\w-]+\.[0-9a-f]{12}\.js", one) for one in found), found
