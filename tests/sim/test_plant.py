"""``ec_sim plant``: a bug by the beginning of its name, into a folder that has no tree yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.__main__ import main
from sim.planted import ROOT


def test_a_bug_is_planted_by_the_beginning_of_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plant", "01", str(tmp_path / "copy")]) == 0
    assert capsys.readouterr().out.startswith("01_answer_before_sync, in ")
    committer = "momentum_trio/spool/committer.py"
    assert (tmp_path / "copy" / committer).read_text() != (ROOT / committer).read_text()
    assert main(["plant", "01", str(tmp_path / "copy")]) == 2
    assert "there is momentum_trio and sim already" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "wrong"), [("99", "no planted bug begins so"), ("0", "several planted bugs")])
def test_a_name_means_one_bug(name: str, wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plant", name, str(tmp_path)]) == 2
    assert wrong in capsys.readouterr().err
