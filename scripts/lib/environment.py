"""Makes the virtual environment and installs a lock file into it, once. Standard library only.

Usage: environment.py VENV LOCK_FILE. A stamp beside the environment remembers what is installed.
"""

import fcntl
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

# A development lock contains everything of the plain one: with it installed, the plain one needs nothing.
SATISFIED_BY = {"requirements.lock": ("requirements.lock", "requirements-dev.lock")}


def main() -> int:
    folder, lock_name = Path(sys.argv[1]).absolute(), sys.argv[2]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # two commands at once: the second waits for the first
        if is_installed(folder, lock_name):
            return 0
        return install(folder, lock_name)


def stamp_of(lock_name: str) -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{version} {lock_name} {hashlib.sha256(Path(lock_name).read_bytes()).hexdigest()}\n"


def is_installed(folder: Path, lock_name: str) -> bool:
    stamp = folder / "installed"
    if not stamp.exists() or not (folder / "bin/python").exists():
        return False
    names = SATISFIED_BY.get(lock_name, (lock_name,))
    return stamp.read_text() in {stamp_of(name) for name in names if Path(name).exists()}


def install(folder: Path, lock_name: str) -> int:
    print("Installing what the project needs (once) …", file=sys.stderr, flush=True)
    (folder / "installed").unlink(missing_ok=True)
    try:
        venv.create(folder, with_pip=True, clear=folder.exists() and not is_same_python(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"The virtual environment {folder} could not be made: {error}", file=sys.stderr)
        print("On Debian and Ubuntu, install the package python3-venv.", file=sys.stderr)
        return 1
    command = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, "--require-hashes", "--no-deps", "-r", lock_name], check=False)
    if done.returncode != 0:
        print("The installation failed; what pip says is above. Run the command again to retry.", file=sys.stderr)
        return 1
    (folder / "installed").write_text(stamp_of(lock_name))
    return 0


def is_same_python(folder: Path) -> bool:
    settings = folder / "pyvenv.cfg"
    expected = f"{sys.version_info.major}.{sys.version_info.minor}."
    return settings.exists() and any(
        line.startswith("version") and line.partition("=")[2].strip().startswith(expected)
        for line in settings.read_text().splitlines()
    )


if __name__ == "__main__":
    sys.exit(main())
