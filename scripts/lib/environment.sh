# Sourced by the commands: finds a Python, makes the virtual environment, installs what the lock file pins.
VENV=${VENV:-.venv}
PACKAGES="config core accounts events transports lines messaging webhooks_app api dashboard"

prepare() {
  local python
  for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      "$python" scripts/lib/environment.py "$VENV" "$1"
      # Once for all processes, also where Python is told to write no bytecode by itself.
      "$VENV/bin/python" -m compileall -qq $PACKAGES || true  # a tree that cannot be written to works as well
      return
    fi
  done
  echo "Python 3.11 or newer is needed and none was found; name one with PYTHON=/path/to/python3." >&2
  exit 1
}
