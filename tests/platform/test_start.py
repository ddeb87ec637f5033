"""What stops the start: one sentence, no traceback, nothing left running."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import PROJECT, find_free_port


def start(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL", "BASE_URL")}
    variables = {"PORT": str(find_free_port()), "DATA_DIR": str(tmp_path / "data"), **environment}
    command = [sys.executable, "-m", "config.dev.run"]
    return subprocess.run(
        command, cwd=PROJECT, env={**inherited, **variables}, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_taken_port_gets_one_clear_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = start(tmp_path, PORT=str(port))
    assert done.returncode == 2
    assert done.stderr == f"Port {port} on 127.0.0.1 is already taken; choose another one with PORT.\n"


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PORT", "eighty", "PORT must be a whole number, not 'eighty'."),
        ("ENVIRONMENT", "staging", "ENVIRONMENT must be one of development, production, not 'staging'."),
        ("ENVIRONMENT", "production", "BASE_URL is required and not set."),
        ("WEBHOOK_ENGINES", "0", "WEBHOOK_ENGINES must be between 1 and 64, not 0."),
        ("REDIS_URL", "http://x", "REDIS_URL must be a URL that starts with redis:// or rediss:// or unix://."),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence(tmp_path: Path, variable: str, value: str, sentence: str) -> None:
    done = start(tmp_path, **{variable: value})
    assert (done.returncode, done.stderr) == (2, sentence + "\n")


def test_a_database_that_does_not_answer_is_named(tmp_path: Path) -> None:
    address = f"postgresql://postgres@127.0.0.1:{find_free_port()}/messages"
    done = start(tmp_path, DATABASE_URL=address, REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert "The database of DATABASE_URL cannot be used" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
