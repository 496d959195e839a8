import pytest

from gmn_tf.utils.progress import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1.0 min"),
        (90.0, "1.5 min"),
        (5399.0, "90.0 min"),
        (5400.0, "1.5 h"),
    ],
)
def test_seconds_below_a_minute(seconds, text):
    assert duration(seconds) == text
