"""Packages gmn_tf; `datasets/` is installed as `gmn_tf_datasets`.

A top-level package named `datasets` would shadow another well-known one, so
the folder gets a name of its own when installed.
"""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$',
    (ROOT / "gmn_tf" / "version.py").read_text(encoding="utf-8"),
    re.MULTILINE,
).group(1)

setuptools.setup(
    name="gmn_tf",
    version=VERSION,
    description="Zero-shot learning with gradient matching networks.",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=[
        "gmn_tf",
        "gmn_tf.configs",
        "gmn_tf_datasets.zero_shot",
    ],
    package_dir={"gmn_tf_datasets": "datasets"},
    package_data={
        "gmn_tf_datasets.zero_shot": [
            "README.md",
            "CITATIONS.bib",
            "TAGS.txt",
        ],
    },
    install_requires=[
        "absl-py>=2.1",
        "h5py>=3.10",
        # download_and_prepare of tensorflow-datasets imports it undeclared.
        "importlib_resources>=6.0",
        "keras>=3.10",
        "keras-tuner>=1.4.7",
        "matplotlib>=3.8",
        "numpy>=1.26",
        "scikit-learn>=1.4",
        "scipy>=1.11",
        "tensorboard>=2.18",
        "tensorflow>=2.18",
        "tensorflow-datasets>=4.9.7",
        "tqdm>=4.66",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.18"],
        "test": [
            # tfds.testing imports it undeclared.
            "dill>=0.3.8",
            "pytest>=8.0",
            "ruff>=0.6",
        ],
    },
    entry_points={
        "console_scripts": [
            "gmn-train = gmn_tf.commands:train",
            "gmn-evaluate = gmn_tf.commands:evaluate",
            "gmn-summary = gmn_tf.commands:summary",
        ],
    },
)
