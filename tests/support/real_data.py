"""Where tests find published data, which is not part of the repository."""

import os
import pathlib

_BESIDE_THE_CLONE = pathlib.Path(__file__).resolve().parents[3] / "shared/data"

FOLDER = pathlib.Path(os.environ.get("GMN_TF_TEST_DATA", _BESIDE_THE_CLONE))
