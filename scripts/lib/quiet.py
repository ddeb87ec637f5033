"""Runs a command and shows its output only if it fails. Standard library only."""

import subprocess
import sys

done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
if done.returncode != 0:
    sys.stdout.buffer.write(done.stdout)
sys.exit(done.returncode)
