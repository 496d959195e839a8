"""Zero-shot learning with gradient matching networks, in TensorFlow.

The method is that of Sariyildiz and Cinbis, "Gradient Matching Generative
Networks for Zero-Shot Learning", CVPR 2019 ("the paper"). Where to find it:

=====================  ======================================================
Section 3.1            `generator`: noise z ~ N(mu(a), Sigma(a)) and G
Section 3.2            `critic`: D(x) or D(x, a); `sampling`, `streams`: what
                       it sees
Eq. 1, 7-9             `wgan_gp`
Eq. 2-4                `gradient_matching`
Eq. 5                  `gmn`: the training step; `guidance`: its other terms;
                       `regressor`: of L_cycle
Eq. 6                  `compatibility`: f(x, a)
Section 3.4            `synthesis`, `classifier`
Section 4              `evaluation`: T-1, u, s, h; `calibration`: beyond it
Tables 2-3, Fig. 5     `variants`
Table 2                `separate`: its protocol
Fig. 5                 `validation`: scores while the generator trains
Tables 2-3, Fig. 3-5   `reproduction`, `cells`, `paper_results`, `paper_page`
=====================  ======================================================

Settings are searched for by `tuning` in a `search_space`, which
`search_space_input` changes as the user says; `trials` trains, and
`classifier_search` tries what is cheap; `search_folder` and `search_report`
are what it leaves.

`prediction` and `serving` use what was trained, on the classes of a
`class_list` and on `new_classes`; `feature_files` and the folder `images` are
where features come from. `api` is the way in from Python.

`data` reads what the builder in `datasets/` prepared; `config` and `configs`
hold every setting; `training` and `experiment` put it all together, with
`random_numbers`, `checkpoints`, `divergence` and `workers`; `workdir`,
`monitoring`, `pictures` and `report` are what a run leaves and shows;
`commands` is behind bin/.

Letters in shapes: C classes, S of them seen and U unseen; dx size of a
feature, da of an embedding, dz of the noise; n samples, h hidden units. Seen
classes have the labels 0..S-1.

Where this package differs from the paper is listed in README.md.
"""

import importlib

from gmn_tf.version import __version__

# Public name -> module. Imported on first use: TensorFlow takes seconds.
_PUBLIC = {
    "Classifier": "classifier",
    "Config": "config",
    "Critic": "critic",
    "GMN": "gmn",
    "Generator": "generator",
    "InputError": "errors",
    "Predictor": "prediction",
    "Run": "finished",
    "Scores": "evaluation",
    "VARIANTS": "variants",
    "Workdir": "workdir",
    "ZeroShotData": "data",
    "configure": "api",
    "extract_features": "api",
    "load_data": "api",
    "prepare_data": "api",
    "train": "api",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'gmn_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(f"gmn_tf.{_PUBLIC[name]}"), name)
