"""Versions of what decides a run's numbers."""

import platform

from gmn_tf.version import __version__


def versions() -> dict:
    """Versions of what decides a run's numbers."""
    # Imported here: TensorFlow takes seconds.
    import keras
    import numpy as np
    import tensorflow as tf

    return {
        "gmn_tf": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
