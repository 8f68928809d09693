"""What the README shows works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_first_analysis_runs_as_a_script(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    script = tmp_path / "mine.py"
    script.write_text(code + "\nprint(check.headline, study.published, study.estimates)\n", encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert "aum_per_head" in done.stdout


def test_every_file_it_names_is_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    for target in re.findall(r"(?:^|`)make ([a-z]+)", README, flags=re.M):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8"), target
