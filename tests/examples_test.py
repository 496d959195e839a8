"""The examples run, and do what they say."""

import importlib.util
import pathlib

ROOT = pathlib.Path(__file__).parent.parent


def test_custom_data_ends_in_a_picture(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location(
        "custom_data_example", ROOT / "examples" / "custom_data.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(tmp_path)
    printed = capsys.readouterr().out

    assert "20: 15 seen, 5 unseen" in printed
    assert (tmp_path / "answers.png").stat().st_size > 10_000
    (h,) = [line for line in printed.splitlines() if line.startswith("h: ")]
    ours, real = (float(part) for part in h[3:].split(", real_only: "))
    assert ours > 85.0 and ours > real
