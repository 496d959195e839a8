"""The entries of the leaderboard: which systems are compared, and how fairly.

An entry is a composition: a variant, a final classifier, the settings in which
it differs from the preset, and those that are searched. Each entry has the same
number of trials, `TRIALS`: one for each set of settings that is scored on the
tune splits. Entries that share a generator share its training.

Entries of other packages are registered in the same way.
"""

import dataclasses
from collections.abc import Mapping

from gmn_tf.config import BOTH, REAL
from gmn_tf.method.metrics import BASELINE
from gmn_tf.method.variants import VARIANTS
from gmn_tf.utils.errors import InputError
from gmn_tf.utils.registry import ADVICE, Table

TRIALS = 6


@dataclasses.dataclass(frozen=True)
class Entry:
    """A row of the leaderboard.

    Attributes:
        title: what the row is called.
        paper: where the system is from.
        variant: of `VARIANTS`.
        classifier: the final classifier, as `--classifier`.
        rows: what that is trained on, as `--classifier_rows`.
        generator: further settings of the generator.
        second: settings of the generator that are tried in one trial, with
            what was best before.
        fixed: further settings of the final classifier.
        tried: settings of the final classifier, and the values of each, which
            are tried in turn, beginning with the first of each.
        from_memory: whether the system was written from memory of its paper.
    """

    title: str
    paper: str
    variant: str = BASELINE
    classifier: str = "bilinear"
    rows: str = BOTH
    generator: Mapping = dataclasses.field(default_factory=dict)
    second: Mapping = dataclasses.field(default_factory=dict)
    fixed: Mapping = dataclasses.field(default_factory=dict)
    tried: Mapping[str, tuple] = dataclasses.field(default_factory=dict)
    from_memory: bool = False

    def __post_init__(self):
        if self.trials != TRIALS:
            raise InputError(
                f"The entry {self.title!r} of the leaderboard has another "
                "number of trials than all others.",
                f"{TRIALS}: 1 + the further values of `tried` + 1 for `second`",
                str(self.trials),
                ADVICE,
            )

    @property
    def trials(self) -> int:
        """Sets of settings that are scored on the tune splits."""
        further = sum(len(values) - 1 for values in self.tried.values())
        return 1 + further + bool(self.second)

    @property
    def has_generator(self) -> bool:
        """Whether a generator makes samples for it."""
        return VARIANTS[self.variant].has_generator

    @property
    def group(self) -> str:
        """The name of its generator, the same for all entries that share it."""
        return "-".join([self.variant, *self.generator])

    def classifier_settings(self) -> dict:
        """The settings of its final classifier that a search begins with."""
        return {
            "classifier": self.classifier,
            "classifier_rows": self.rows,
            "classifier_weights": "1",
            "seen_penalty": 0.0,
            **self.fixed,
            **{name: values[0] for name, values in self.tried.items()},
        }


OURS = "this package"
GMN = "Sariyildiz and Cinbis 2019"
FELIX = "Felix et al. 2018"
RATES = {"classifier_learning_rate": (0.03, 0.01, 0.1)}
COUNTS = {"synthetic_per_class": (100, 25, 250)}
FEW_COUNTS = {"synthetic_per_class": (100, 250)}
DECAY = {"classifier_weight_decay": (0.001, 0.0001)}
EPOCHS = {"classifier_epochs": (40, 80)}
OF_SGD = {**RATES, **DECAY, **EPOCHS, "classifier_decay": (0.97, 0.9)}
OF_PROTOTYPES = {
    "prototype_mask": (0.0, 0.3, 0.5),
    "prototype_learning_rate": (1e-3, 3e-4),
    "prototype_epochs": (30, 60),
}
WEAKER_MATCHING = {"matching_weight": 100.0}
STRONGER_CLS = {"classification_weight": 0.1}
WEAKER_CYCLE = {"cycle_weight": 0.1}
SLOWER, FASTER = {"learning_rate": 3e-4}, {"learning_rate": 1e-3}
GAN = {"tried": {**COUNTS, **RATES}}
# One weight vector for each class, as most authors have it.
SOFTMAX = {
    "classifier": "linear",
    "tried": {**COUNTS, "classifier_learning_rate": (0.1, 0.03, 0.3)},
}
CLSWGAN = {
    "paper": "Xian et al. 2018",
    "variant": "cwgan_cls",
    "second": STRONGER_CLS,
    "from_memory": True,
}


def _with_matching(
    variant: str, title: str, paper: str, second: Mapping = SLOWER, **more
) -> dict:
    """A system with a softmax, and the same with L_GM, by their variants."""
    more = {**SOFTMAX, **more}
    return {
        variant: Entry(title, paper, variant, second=second, **more),
        f"{variant}_gm": Entry(
            f"{title} + L_GM",
            f"{paper}, {OURS}",
            f"{variant}_gm",
            second=WEAKER_MATCHING,
            **more,
        ),
    }


ENTRIES = Table("entry of the leaderboard", Entry)
ENTRIES.register(
    {
        # Without a generator.
        "bilinear": Entry("bilinear", "Eq. 6", rows=REAL, tried=OF_SGD),
        "devise": Entry(
            "DeViSE",
            "Frome et al. 2013",
            classifier="devise",
            rows=REAL,
            tried={**RATES, **DECAY, "ranking_margin": (1.0, 0.1, 10.0)},
        ),
        "ale": Entry(
            "ALE",
            "Akata et al. 2016",
            classifier="ale",
            rows=REAL,
            tried=OF_SGD,
        ),
        "prototype": Entry(
            "prototype",
            OURS,
            classifier="prototype",
            rows=REAL,
            tried={**OF_PROTOTYPES, "prototype_dropout": (0.0, 0.3)},
        ),
        "class_normalisation": Entry(
            "class normalisation",
            "Skorokhodov and Elhoseiny 2021",
            "class_normalisation",
            "prototype",
            rows=REAL,
            tried={**OF_PROTOTYPES, "prototype_temperature": (0.04, 0.1)},
        ),
        "discriminant": Entry(
            "discriminant",
            OURS,
            classifier="discriminant",
            rows=REAL,
            tried={"discriminant_shrinkage": (3.0, 1.0, 10.0, 0.3, 30.0, 0.1)},
        ),
        "discriminant_prototype": Entry(
            "discriminant+prototype",
            OURS,
            classifier="discriminant+prototype",
            rows=REAL,
            tried={
                "classifier_weights": ("2,1", "1,1", "4,1"),
                "prototype_mask": (0.0, 0.3),
                "prototype_dropout": (0.0, 0.3),
                "discriminant_shrinkage": (3.0, 1.0),
            },
        ),
        # Table 2 and 3 of the paper.
        "wgan_cls": Entry(
            "WGAN + L_CLS", GMN, "wgan_cls", second=STRONGER_CLS, **GAN
        ),
        "cwgan": Entry("cWGAN", GMN, "cwgan", second=SLOWER, **GAN),
        "wgan_gm": Entry(
            "WGAN + L_GM", GMN, "wgan_gm", second=WEAKER_MATCHING, **GAN
        ),
        "cwgan_gm": Entry(
            "cWGAN + L_GM (GMN)",
            GMN,
            "cwgan_gm",
            second=WEAKER_MATCHING,
            **GAN,
        ),
        "cwgan_cls": Entry("f-CLSWGAN, bilinear", **CLSWGAN, **GAN),
        "cwgan_cls_linear": Entry(
            "f-CLSWGAN, softmax",
            **CLSWGAN,
            classifier="linear",
            tried={**FEW_COUNTS, **RATES, **EPOCHS},
        ),
        "cwgan_cls_devise": Entry(
            "f-CLSWGAN, DeViSE",
            **CLSWGAN,
            classifier="devise",
            tried={**FEW_COUNTS, **RATES, "ranking_margin": (1.0, 0.1)},
        ),
        "cwgan_cls_ale": Entry(
            "f-CLSWGAN, ALE",
            **CLSWGAN,
            classifier="ale",
            tried={**FEW_COUNTS, **RATES, **EPOCHS},
        ),
        "cwgan_cycle": Entry(
            "cycle-WGAN", FELIX, "cwgan_cycle", second=WEAKER_CYCLE, **GAN
        ),
        "cwgan_cls_cycle": Entry(
            "cycle-CLSWGAN",
            f"{FELIX}; Zhang et al. 2018",
            "cwgan_cls_cycle",
            second=WEAKER_CYCLE,
            **GAN,
        ),
        **_with_matching(
            "gmmn", "GMMN", "Bucher et al. 2017", from_memory=True
        ),
        **_with_matching(
            "cvae", "SE-GZSL", "Verma et al. 2018", from_memory=True
        ),
        # Since then.
        **_with_matching("fvaegan", "f-VAEGAN-D2", "Xian et al. 2019"),
        **_with_matching(
            "tfvaegan", "TF-VAEGAN (no feedback)", "Narayan et al. 2020"
        ),
        **_with_matching(
            "cadavae",
            "CADA-VAE",
            "Schönfeld et al. 2019",
            FASTER,  # the two rates of all others; it begins with the lower
        ),
        "cwgan_gm_noise": Entry(
            "GMN, noise on conditions",
            OURS,
            "cwgan_gm",
            generator={"condition_noise": 0.08},
            second=WEAKER_MATCHING,
            fixed={"synthetic_condition_noise": 0.3},
            **GAN,
        ),
        "zlap": Entry(
            "ZLAP",
            "Chen et al. 2022",
            "cwgan",
            "prototype",
            fixed={"synthetic_per_class": 10},
            tried={
                "prototype_prior": (30.0, 3.0, 300.0),
                "prototype_learning_rate": (1e-3, 1e-4),
                "prototype_epochs": (60, 30),
                "prototype_mask": (0.0, 0.3),
            },
        ),
        "cwgan_gm_sum": Entry(
            "GMN, bilinear+discriminant+prototype",
            OURS,
            "cwgan_gm",
            "bilinear+discriminant+prototype",
            f"{BOTH},{REAL},{REAL}",
            tried={
                "classifier_weights": ("1,4,1", "1,2,1", "2,2,1"),
                "synthetic_per_class": (100, 25),
                **RATES,
            },
        ),
    }
)
