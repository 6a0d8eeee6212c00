"""The kernel under AddressSanitizer and UndefinedBehaviorSanitizer, with random and damaged data.

KXCLI_FUZZ_SECONDS=600 .venv/bin/pytest tests/test_kernel_sanitized.py takes ten minutes for a seed. KXCLI_FUZZ_SEED is
the first of two seeds.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sanitizers import build_sanitized

SECONDS = float(os.environ.get("KXCLI_FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("KXCLI_FUZZ_SEED", "1"))


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    """The variables of the environment for a sanitized kernel."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is missing")
    return build_sanitized(tmp_path_factory.mktemp("sanitized"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_sanitizers_find_nothing(variables, seed):
    command = [sys.executable, Path(__file__).with_name("kernel_fuzz.py"), str(seed), str(SECONDS)]
    ended = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True)
    last = ended.stdout.splitlines()[-1:]
    assert ended.returncode == 0, f"{last} of seed {seed}: {ended.stderr[:20_000]}"
    assert last == [f"{len(ended.stdout.splitlines()) - 1} rounds with seed {seed}"]
