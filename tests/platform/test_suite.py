"""The whole suite as two halves side by side: nothing of either is hidden, and the sum tells the truth."""

import sys

import pytest

from config.dev.suite import run_halves


def saying(*words: str, code: int = 0) -> list[str]:
    return [sys.executable, "-c", f"import sys; [print(w) for w in {words!r}]; sys.exit({code})"]


def test_both_outputs_are_printed_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_halves([saying("one", "2 passed in 1s"), saying("two", "3 passed, 1 skipped in 1s")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[:4] == ["one", "2 passed in 1s", "two", "3 passed, 1 skipped in 1s"]
    assert printed[4].startswith("5 passed, 1 skipped in ")


@pytest.mark.parametrize("codes", [(1, 0), (0, 1)])
def test_a_failure_of_either_half_is_a_failure(codes: tuple[int, int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_halves([saying(f"{code} failed, 4 passed in 1s", code=code) for code in codes]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 failed, 8 passed in ")


def test_a_half_with_nothing_to_run_is_no_failure() -> None:
    assert run_halves([saying("2 passed in 1s"), saying("9 deselected in 1s", code=5)]) == 0


def test_a_half_that_dies_is_a_failure() -> None:
    kill = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    assert run_halves([saying("2 passed in 1s"), kill]) == 9
