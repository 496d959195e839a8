"""Tables 2 and 3, Fig. 5: each variant as a composition of parts.

A variant says which features the critic sees (`stream`), which critic scores
them, and what else guides the generator. Nothing else in the package
asks for a variant's name. `method/__init__.py` says where a new part goes.
Variants and guidances of other packages are registered in the same way.
"""

import dataclasses

from gmn_tf.utils.errors import InputError
from gmn_tf.utils.registry import ADVICE, Table

SEEN_ONLY = "seen"  # Eq. 7: fake and real from the seen classes
SEEN_AND_UNLABELLED = "seen+unlabelled"  # Eq. 8: all, unseen without labels

UNCONDITIONAL = "D(x)"
CONDITIONAL = "D(x, a)"

MATCHING = "matching"  # L_GM, Eq. 4
CLASSIFICATION = "classification"  # L_CLS
CYCLE = "cycle"  # L_cycle
MOMENTS = "moments"  # MMD of real and fake samples of a class
AUTOENCODING = "autoencoding"  # the generator decodes what an encoder reads
REGRESSION = "regression"  # a regressor trained beside the generator
ALIGNMENT = "alignment"  # features and embeddings share a space of codes

FEATURES = "features"  # the final classifiers see x
DECODED = "decoded"  # [x, R(x), its hidden layer]
CODES = "codes"  # the mean of q(z | x)
# What the final classifiers can see, and the guidance that it needs.
REPRESENTATIONS = {FEATURES: None, DECODED: REGRESSION, CODES: ALIGNMENT}


@dataclasses.dataclass(frozen=True)
class Variant:
    """A row of the paper's tables.

    Attributes:
        stream: what the critic sees, `SEEN_ONLY` or `SEEN_AND_UNLABELLED`.
        critic: `UNCONDITIONAL`, `CONDITIONAL`, or None for no critic.
        guidance: what else moves the generator, in the order of the sum.
        representation: what the final classifiers see: `FEATURES`, `DECODED`
            of a regressor, or `CODES` of an alignment.
    """

    stream: str
    critic: str | None
    guidance: tuple[str, ...]
    representation: str = FEATURES

    def __post_init__(self):
        if (
            self.stream not in (SEEN_ONLY, SEEN_AND_UNLABELLED)
            or self.critic not in (UNCONDITIONAL, CONDITIONAL, None)
            or not isinstance(self.guidance, tuple)
            or REPRESENTATIONS.get(self.representation, "")
            not in (None, *self.guidance)
        ):
            raise InputError(
                "A variant cannot be composed in this way.",
                f"{SEEN_ONLY!r} or {SEEN_AND_UNLABELLED!r}; {UNCONDITIONAL!r}, "
                f"{CONDITIONAL!r} or None; a tuple of guidances; and "
                f"{FEATURES!r}, {DECODED!r} with {REGRESSION}, or {CODES!r} "
                f"with {ALIGNMENT}",
                repr(self),
                ADVICE,
            )

    @property
    def has_generator(self) -> bool:
        """Whether there is anything to train a generator with."""
        return self.critic is not None or bool(self.guidance)

    @property
    def reads_features(self) -> bool:
        """Whether a guidance reads real features of the samples' classes."""
        return any(GUIDANCES[name].reads_features for name in self.guidance)

    @property
    def reads_classes(self) -> bool:
        """Whether a guidance reads many samples of each of some classes."""
        return any(GUIDANCES[name].reads_classes for name in self.guidance)


@dataclasses.dataclass(frozen=True)
class Guidance:
    """What makes a guidance of a run.

    Attributes:
        build: a function of the run's `Config` and `ZeroShotData`, as
            `module:function`, that returns a layer as those of
            `gmn_tf.method.guidance`.
        prefixes: settings whose names begin with these matter to it alone.
        settings: those of a guidance of another package: a NamedTuple class
            with defaults. `config.settings_of(name)` is one.
        reads_features: whether it reads real features of the classes of the
            generator's samples, `batch["generator"]["features"]`.
        reads_classes: whether it reads real features of some classes, many of
            each, `batch["matching"]`; the settings `OF_CLASSES` say how many.
    """

    build: str
    prefixes: tuple[str, ...] = ()
    settings: type | None = None
    reads_features: bool = False
    reads_classes: bool = False


OF_CLASSES = ("matching_classes", "matching_real", "matching_fake")
GUIDANCES = Table("guidance", Guidance)
GUIDANCES.register(
    {
        MATCHING: Guidance(
            "gmn_tf.training.parts:gradient_matching",
            ("matching_", "theta_"),
            reads_classes=True,
        ),
        CLASSIFICATION: Guidance(
            "gmn_tf.training.parts:classification", ("classification_",)
        ),
        CYCLE: Guidance("gmn_tf.training.parts:cycle", ("cycle_",)),
        MOMENTS: Guidance(
            "gmn_tf.training.system_parts:moment_matching",
            ("moments_",),
            reads_classes=True,
        ),
        AUTOENCODING: Guidance(
            "gmn_tf.training.system_parts:autoencoder",
            ("vae_",),
            reads_features=True,
        ),
        REGRESSION: Guidance(
            "gmn_tf.training.system_parts:regression",
            ("regressor_",),
            reads_features=True,
        ),
        ALIGNMENT: Guidance(
            "gmn_tf.training.system_parts:aligned_codes",
            ("alignment_",),
            reads_features=True,
        ),
    }
)

VARIANTS = Table("variant", Variant)
VARIANTS.register(
    {
        # Table 2, rows 1 to 6; row 5 is in Table 3 too.
        "real_only": Variant(SEEN_ONLY, None, ()),
        "wgan_cls": Variant(SEEN_ONLY, UNCONDITIONAL, (CLASSIFICATION,)),
        "cwgan": Variant(SEEN_ONLY, CONDITIONAL, ()),
        "wgan_gm": Variant(SEEN_ONLY, UNCONDITIONAL, (MATCHING,)),
        "cwgan_gm": Variant(SEEN_ONLY, CONDITIONAL, (MATCHING,)),
        "wgan_gm_transductive": Variant(
            SEEN_AND_UNLABELLED, UNCONDITIONAL, (MATCHING,)
        ),
        # Table 3: f-CLSWGAN, cycle-WGAN and cycle-CLSWGAN.
        "cwgan_cls": Variant(SEEN_ONLY, CONDITIONAL, (CLASSIFICATION,)),
        "cwgan_cycle": Variant(SEEN_ONLY, CONDITIONAL, (CYCLE,)),
        "cwgan_cls_cycle": Variant(
            SEEN_ONLY, CONDITIONAL, (CLASSIFICATION, CYCLE)
        ),
        # Zhang et al. (2018), a reconstructor, a critic and a classifier of
        # features, have this composition too; their settings are not known.
        # Table 3: GMMN (Bucher et al.) and SE-GZSL (Verma et al.).
        "gmmn": Variant(SEEN_ONLY, None, (MOMENTS,)),
        "gmmn_gm": Variant(SEEN_ONLY, None, (MOMENTS, MATCHING)),
        "cvae": Variant(SEEN_ONLY, None, (AUTOENCODING, REGRESSION)),
        "cvae_gm": Variant(
            SEEN_ONLY, None, (AUTOENCODING, REGRESSION, MATCHING)
        ),
        # Since then: f-VAEGAN-D2, TF-VAEGAN, CADA-VAE (docs/systems.md).
        "fvaegan": Variant(SEEN_ONLY, CONDITIONAL, (AUTOENCODING,)),
        "fvaegan_gm": Variant(SEEN_ONLY, CONDITIONAL, (AUTOENCODING, MATCHING)),
        "tfvaegan": Variant(
            SEEN_ONLY, CONDITIONAL, (AUTOENCODING, REGRESSION), DECODED
        ),
        "tfvaegan_gm": Variant(
            SEEN_ONLY,
            CONDITIONAL,
            (AUTOENCODING, REGRESSION, MATCHING),
            DECODED,
        ),
        "cadavae": Variant(SEEN_ONLY, None, (ALIGNMENT,), CODES),
        "cadavae_gm": Variant(SEEN_ONLY, None, (ALIGNMENT, MATCHING), CODES),
        # Final classifiers as systems: without a generator, and with one.
        "class_normalisation": Variant(SEEN_ONLY, None, ()),
        "zlap": Variant(SEEN_ONLY, CONDITIONAL, ()),
        # Fig. 5: the ablation.
        "wgan": Variant(SEEN_ONLY, UNCONDITIONAL, ()),
        "gm": Variant(SEEN_ONLY, None, (MATCHING,)),
        "wgan_transductive": Variant(SEEN_AND_UNLABELLED, UNCONDITIONAL, ()),
    }
)
