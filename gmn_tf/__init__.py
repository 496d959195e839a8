"""Zero-shot learning with gradient matching networks, in TensorFlow.

The method is that of Sariyildiz and Cinbis, "Gradient Matching Generative
Networks for Zero-Shot Learning", CVPR 2019 ("the paper"). It lies in `method`:

=================  ==========================================================
Section 3.1        `method.generator`: noise z ~ N(mu(a), Sigma(a)) and G
Section 3.2        `method.critic`: D(x) or D(x, a); `method.sampling`: what
                   it sees
Eq. 1, 7-9         `method.wgan_gp`
Eq. 2-4            `method.gradient_matching`
Eq. 5              `method.gmn`: the training step; `method.guidance`: its
                   other terms
Eq. 6              `method.compatibility`: f(x, a)
Section 3.4        `method.synthesis`, `method.classifiers`
Section 4          `method.metrics`: T-1, u, s, h; `method.calibration`:
                   beyond it
Tables 2-3         `method.variants`; `runs.separate`: the protocol of Table 2
Other systems      `method.moments`, `autoencoding`, `regression`,
                   `alignment`; `method.representation`, `feedback`,
                   `kernel_features`
Fig. 5             `training.validation`: scores while the generator trains
Tables, figures    `reproduction`
=================  ==========================================================

The rooms around it, each of which imports only from those above it:

===============================  ============================================
`utils`                          errors, files, tables, locks, progress
`gmn_tf_datasets.zero_shot`      the TFDS builder (folder `datasets/`)
`images`                         images -> features
`descriptions`                   names and sentences -> embeddings
`data`                           prepared splits -> arrays, embeddings, labels
`method`                         the paper; knows no `Config`
`config`, `configs`              every setting; presets per data set
`settings`                       a preset, changed by the user
`training`                       settings -> a trained generator
`runs`                           a run: its folder, scores, tables, plots
`search`, `reproduction`,        settings searched for; the paper's tables;
`inference`                      prediction and export
`demo`                           a page on which a run can be tried
`api`                            from data to scores in Python
`commands`                       what is behind bin/
===============================  ============================================

Letters in shapes: C classes, S of them seen and U unseen; dx size of a
feature, da of an embedding, dz of the noise; n samples, h hidden units. Seen
classes have the labels 0..S-1.

docs/differences.md lists where this package differs from the paper.
"""

import importlib
import typing

from gmn_tf.method import saved
from gmn_tf.utils.errors import hint
from gmn_tf.version import __version__

if typing.TYPE_CHECKING:  # for editors; the table below says the same
    from gmn_tf.api import choose_settings as choose_settings
    from gmn_tf.api import extract_features as extract_features
    from gmn_tf.api import load_data as load_data
    from gmn_tf.api import prepare_data as prepare_data
    from gmn_tf.api import train as train
    from gmn_tf.api import write_mat as write_mat
    from gmn_tf.config import Config as Config
    from gmn_tf.data.zero_shot_data import ZeroShotData as ZeroShotData
    from gmn_tf.descriptions.describe import describe as describe
    from gmn_tf.inference.prediction import Predictor as Predictor
    from gmn_tf.method.classifiers.base import Classifier as Classifier
    from gmn_tf.method.critic import Critic as Critic
    from gmn_tf.method.generator import Generator as Generator
    from gmn_tf.method.gmn import GMN as GMN
    from gmn_tf.method.metrics import Scores as Scores
    from gmn_tf.method.variants import VARIANTS as VARIANTS
    from gmn_tf.runs.finished import FinishedRun as Run  # noqa: F401
    from gmn_tf.runs.workdir import Workdir as Workdir
    from gmn_tf.settings import configure as configure
    from gmn_tf.settings import unscaled as unscaled
    from gmn_tf.utils.errors import InputError as InputError

# Public name -> what it is. Imported on first use: TensorFlow takes seconds.
_PUBLIC = {
    "Classifier": "method.classifiers.base.Classifier",
    "Config": "config.Config",
    "Critic": "method.critic.Critic",
    "GMN": "method.gmn.GMN",
    "Generator": "method.generator.Generator",
    "InputError": "utils.errors.InputError",
    "Predictor": "inference.prediction.Predictor",
    "Run": "runs.finished.FinishedRun",
    "Scores": "method.metrics.Scores",
    "VARIANTS": "method.variants.VARIANTS",
    "Workdir": "runs.workdir.Workdir",
    "ZeroShotData": "data.zero_shot_data.ZeroShotData",
    "choose_settings": "api.choose_settings",
    "configure": "settings.configure",
    "describe": "descriptions.describe.describe",
    "extract_features": "api.extract_features",
    "load_data": "api.load_data",
    "prepare_data": "api.prepare_data",
    "write_mat": "api.write_mat",
    "train": "api.train",
    "unscaled": "settings.unscaled",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str):
    if name not in _PUBLIC:
        problem = f"module 'gmn_tf' has no attribute {name!r}"
        raise AttributeError(hint(f"{problem}.", name, __all__))
    module, _, attribute = _PUBLIC[name].rpartition(".")
    return getattr(importlib.import_module(f"gmn_tf.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


saved.register()
