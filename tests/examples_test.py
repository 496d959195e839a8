"""The walkthrough goes its way."""

import importlib.util
import pathlib

ROOT = pathlib.Path(__file__).parent.parent


def test_own_data_ends_in_a_picture(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location(
        "own_data_walkthrough", ROOT / "examples" / "custom_data.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(tmp_path)
    told = capsys.readouterr().out

    assert "20: 15 seen, 5 unseen" in told
    assert (tmp_path / "answers.png").stat().st_size > 10_000
    (h,) = [line for line in told.splitlines() if line.startswith("h: ")]
    own, real = (float(part) for part in h[3:].split(", real_only: "))
    assert own > 85.0 and own > real
