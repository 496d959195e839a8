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

FORMATS = [
    "ai-edge-litert>=2.3,<3",
    "onnx>=1.23,<2",
    "onnxruntime>=1.32,<2",
    "tf2onnx>=1.17,<2",  # the first for NumPy 2 and today's protobuf
]

setuptools.setup(
    name="gmn_tf",
    version=VERSION,
    description="Zero-shot learning with gradient matching networks.",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[
        *setuptools.find_packages(include=["gmn_tf", "gmn_tf.*"]),
        *(
            f"gmn_tf_datasets.{name}"
            for name in setuptools.find_packages("datasets")
        ),
    ],
    package_dir={"gmn_tf_datasets": "datasets"},
    package_data={
        "gmn_tf": ["py.typed"],
        "gmn_tf.demo": ["static/*", "templates/*"],
        "gmn_tf.inference": ["model_card.md"],
        "gmn_tf.reproduction": ["page.html", "published.csv"],
        "gmn_tf_datasets.zero_shot": [
            "README.md",
            "CITATIONS.bib",
            "TAGS.txt",
        ],
    },
    # The lower bounds are the versions the tests ran with.
    install_requires=[
        "absl-py>=2.5,<3",
        "etils>=1.15,<2",
        "grpcio>=1.85,<2",  # what KerasTuner's chief and workers speak
        "h5py>=3.14,<4",
        # download_and_prepare of tensorflow-datasets imports it undeclared.
        "importlib_resources>=7.1,<8",
        "jinja2>=3.1.6,<4",
        "keras>=3.15,<3.16",
        "keras-tuner==1.4.8",  # a search replaces some of its internals
        "matplotlib>=3.11,<4",
        "numpy>=2.4,<3",
        "pillow>=12.1,<14",  # Apache Beam wants one below 13
        "scikit-learn>=1.9,<2",
        "scipy>=1.17,<2",
        "tensorboard>=2.21,<2.22",
        "tensorflow>=2.21,<2.22",
        "tensorflow-datasets>=4.9.10,<4.10",
        "tqdm>=4.70,<5",
        "wrapt>=2.5,<3",
    ],
    extras_require={
        "beam": ["apache-beam>=2.77,<3"],
        # What the command `tfds` imports, whatever it is asked to do, and
        # tfds.as_dataframe and tfds.benchmark.
        "tfds": [
            "apache-beam>=2.77,<3",
            "mlcroissant>=1.1,<2",
            "pandas>=3.1,<4",
        ],
        # The page of bin/demo and what serves it; nobody else needs them.
        "demo": ["flask>=3.1,<4", "waitress>=3.0,<4"],
        # What writes the site of the documents, and runs its notebooks.
        "docs": [
            "furo>=2025.12.19",
            "griffelib>=2.4,<3",
            "ipykernel>=7.4,<8",
            "myst-nb>=1.4,<2",
            "sphinx>=9.0,<10",
        ],
        # LiteRT and ONNX Runtime, for bin/export, and what converts to them.
        "formats": FORMATS,
        "gpu": ["tensorflow[and-cuda]>=2.21,<2.22"],
        # Backbones and text towers of today, CLIP, SigLIP and DINO among them.
        # Not needed otherwise: tensorflow-text has wheels for few systems.
        "hub": ["keras-hub>=0.32,<0.33", "tensorflow-text>=2.21,<2.22"],
        # HEIC, as of iPhones. Not needed otherwise, and its wheels contain
        # x265, which is under the GPL.
        "heif": ["pillow-heif>=1.8,<2"],
        "test": [
            *FORMATS,
            # tfds.testing imports it undeclared.
            "dill>=0.4.1,<1",
            "flask>=3.1,<4",
            "keras-hub>=0.32,<0.33",
            "pillow-heif>=1.8,<2",
            # Drives a browser that is installed already; it brings none.
            "playwright>=1.65,<2",
            "pytest>=9.2,<10",
            "pytest-xdist>=3.8,<4",
            # The version of .pre-commit-config.yaml: formats differ.
            "ruff==0.17.6",
            # What pip builds the package of docs/plugins.md with.
            "setuptools>=65",
            "tensorflow-text>=2.21,<2.22",
            "waitress>=3.0,<4",
            "wheel>=0.45,<1",
        ],
    },
    entry_points={
        "console_scripts": [
            "gmn-demo = gmn_tf.commands:demo",
            "gmn-describe = gmn_tf.commands:describe",
            "gmn-evaluate = gmn_tf.commands:evaluate",
            "gmn-export = gmn_tf.commands:export",
            "gmn-extract-features = gmn_tf.commands:extract_features",
            "gmn-predict = gmn_tf.commands:predict",
            "gmn-prepare = gmn_tf.commands:prepare",
            "gmn-prepare-data = gmn_tf.commands:prepare_data",
            "gmn-reproduce = gmn_tf.commands:reproduce",
            "gmn-summary = gmn_tf.commands:summary",
            "gmn-train = gmn_tf.commands:train",
            "gmn-tune = gmn_tf.commands:tune",
        ],
    },
)
