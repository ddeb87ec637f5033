"""``scripts/run``: the whole product on this machine, in the foreground."""

import fcntl
import gc
import json
import os
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from django.core.exceptions import ImproperlyConfigured

from config.dev.embedded import PostgresServer, RedisServer, Server, ServerFailed
from config.dev.places import Places
from config.dev.processes import Shape, list_background_programs, web_program
from config.dev.supervisor import Program, StopRequested, Supervisor

PROJECT = Path(__file__).resolve().parent.parent.parent
FIRST_ANSWER_SECONDS = 60.0


class CannotStart(Exception):
    """One sentence for the person at the terminal."""


def main() -> int:
    os.chdir(PROJECT)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        settings = _read_settings()
        _check_port(settings.HOST, settings.PORT)
        lock = _lock_data_folder(settings.DATA_DIR)
    except CannotStart as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    supervisor = Supervisor(pid_folder=settings.DATA_DIR / "pids")
    supervisor.listen_to_signals()
    try:
        _start(supervisor, settings.DATA_DIR, _shape_of(settings))
        supervisor.watch()
    except (CannotStart, ServerFailed, OSError) as problem:
        supervisor.say(str(problem))
        return 1
    except StopRequested:
        return 0
    finally:
        supervisor.say("Stopping.")
        supervisor.stop()
        lock.close()
    return 0


def _read_settings() -> Any:
    """Reads the settings for their problems only; the address of an embedded server is filled in afterwards."""
    try:
        return import_module("config.settings")
    except ImproperlyConfigured as problem:
        raise CannotStart(str(problem)) from None


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = "is already taken" if "in use" in str(error) else f"cannot be used ({error.strerror})"
            raise CannotStart(f"Port {port} on {host} {reason}; choose another one with PORT.") from None


def _lock_data_folder(data_dir: Path) -> IO[str]:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "lock").open("w")
    except OSError as error:
        raise CannotStart(f"DATA_DIR {data_dir} cannot be used: {error.strerror}.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise CannotStart(f"Another copy runs with DATA_DIR {data_dir}; choose another one with DATA_DIR.") from None
    return lock


def _start(supervisor: Supervisor, data_dir: Path, shape: Shape) -> None:
    """What takes long goes on side by side: servers, the web server's imports and our own. The rest starts when the
    first page can be had."""
    is_new, started = _start_servers(supervisor, data_dir)
    gate, hold = os.pipe()
    supervisor.start(web_program(shape, gate))
    _fill_settings()
    for server, process in started:
        server.wait_until_ready(process)
    _migrate(supervisor)
    if is_new:
        _make_demo(data_dir)
    os.close(hold)
    _await_first_answer(supervisor, shape.host, shape.port)
    if not supervisor.is_stopping:
        for program in list_background_programs(shape):
            supervisor.start(program)
    if not supervisor.is_stopping:
        supervisor.say(_describe_sign_in(data_dir))


def _start_servers(supervisor: Supervisor, data_dir: Path) -> tuple[bool, list[tuple[Server, subprocess.Popen[bytes]]]]:
    """Starts what no variable points elsewhere; True when it made a new database. None of them is ready yet."""
    wanted: list[tuple[str, type[Server]]] = [("DATABASE_URL", PostgresServer), ("REDIS_URL", RedisServer)]
    missing = [(variable, kind) for variable, kind in wanted if not os.environ.get(variable, "").strip()]
    places = Places.of(data_dir)
    is_new = ("DATABASE_URL", PostgresServer) in missing and not (places.postgres_data / "PG_VERSION").exists()
    started: list[tuple[Server, subprocess.Popen[bytes]]] = []
    for variable, kind in missing:
        server = kind(places)
        os.environ[variable] = server.url
        server.prepare()
        program = Program(
            name=server.name,
            command=server.command(),
            options=server.popen_options(),
            stop_signal=server.stop_signal,
            is_server=True,
            noise=server.noise,
            before_start=server.prepare,
        )
        started.append((server, supervisor.start(program)))
    return is_new, started


def _fill_settings() -> None:
    """Settings were read before the embedded servers had an address: read them again, for Django."""
    import django

    sys.modules.pop("config.settings", None)
    gc.disable()  # nothing of an import is garbage
    django.setup()
    gc.enable()


def _migrate(supervisor: Supervisor) -> None:
    import redis
    from django.conf import settings
    from django.core.management import call_command
    from django.db import OperationalError, connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            supervisor.say("Preparing the database.")
            call_command("migrate", verbosity=0, interactive=False)
        call_command("ensure_partitions", verbosity=0)
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        if settings.PRODUCTION:
            call_command("collectstatic", verbosity=0, interactive=False)
    except OperationalError as error:
        raise CannotStart(f"The database of DATABASE_URL cannot be used: {' '.join(str(error).split())}") from None
    finally:
        connection.close()
    try:
        redis.Redis.from_url(settings.REDIS_URL).ping()
    except redis.RedisError as error:
        raise CannotStart(f"The server of REDIS_URL cannot be used: {error}") from None


def _make_demo(data_dir: Path) -> None:
    command = [sys.executable, "manage.py", "demo", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotStart(f"The demo data could not be made: {(done.stderr.strip() or 'no reason given')[-2000:]}")
    demo = data_dir / "demo.json"
    demo.touch(mode=0o600)
    demo.write_text(done.stdout)


def _shape_of(settings: Any) -> Shape:
    return Shape(
        host=settings.HOST, port=settings.PORT, web_workers=settings.WEB_WORKERS, engines=settings.WEBHOOK_ENGINES
    )


def _await_first_answer(supervisor: Supervisor, host: str, port: int) -> None:
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    until = time.monotonic() + FIRST_ANSWER_SECONDS
    while not supervisor.is_stopping:
        connection = HTTPConnection(target, port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
        supervisor.look_after_all()
        if time.monotonic() > until:
            raise CannotStart(f"The web server did not answer within {FIRST_ANSWER_SECONDS:.0f} s; its log says why.")


def _describe_sign_in(data_dir: Path) -> str:
    from django.conf import settings

    demo = data_dir / "demo.json"
    if demo.exists():
        made = json.loads(demo.read_text())
        return f"Messages.dev runs at {settings.BASE_URL} – sign in as {made['email']} with {made['password']}"
    return f"Messages.dev runs at {settings.BASE_URL} – sign up there with your e-mail address"


if __name__ == "__main__":
    sys.exit(main())
