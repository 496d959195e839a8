"""Every setting of a run: its default, its symbol in the paper, its meaning.

The defaults are those of the authors' release for CUB; `configs/` holds one
file per data set with what differs there. Precedence: preset < file < flag.
"""

import dataclasses
import json
import math
import pathlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gmn_tf.data import embeddings
from gmn_tf.data.feature_scaling import FEATURE_SCALINGS
from gmn_tf.method.classifiers.table import CLASSIFIERS
from gmn_tf.method.variants import VARIANTS
from gmn_tf.utils import files
from gmn_tf.utils.errors import InputError, check_choice, nearest

KINDS = {  # what a setting of this type is given as
    int: "a whole number, as in 100",
    float: "a number, as in 0.001",
    str: "a text",
    tuple: "whole numbers with commas, as in 2048,1024",
}
# A count is positive, and TensorFlow counts many things in 32 bits.
BOUNDS = {int: (1, 2**31), tuple: (1, 2**31), float: (0.0, None)}
BOTH, REAL = ROWS = ("both", "real")  # samples of a classifier


class ClassifierPart(NamedTuple):
    """A part of the final classifier.

    Attributes:
        name: of `CLASSIFIERS`.
        rows: `both`, real and synthetic samples, or `real`.
        weight: of its scores.
    """

    name: str
    rows: str
    weight: float


def setting(default, help_text: str, choices: tuple[str, ...] = (), **bounds):
    """A field with the text of its flag and its allowed values.

    Args:
        default: its type is that of the setting.
        help_text: for the flag, and for errors.
        choices: the values of a text; without any, all are allowed.
        **bounds: `least` and `below`, where they are not those of `BOUNDS`.
    """
    least, below = BOUNDS.get(type(default), (None, None))
    metadata = {"least": least, "below": below, **bounds}
    metadata |= {"help": help_text, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Config:
    """The settings that decide a run's numbers; see each field's help."""

    # --- What is learned from what ------------------------------------------
    dataset: str = setting(
        "cub", "Data set: cub, sun, awa, awa2, apy, flo, synthetic or your own."
    )
    variant: str = setting(
        "cwgan_gm", "Model to train; see docs/settings.md.", tuple(VARIANTS)
    )
    features_file: str = setting(
        "res101.mat", "File of the features, inside the data set's folder."
    )
    feature_scaling: str = setting(
        "none",
        "How features are scaled, by the training samples alone: none; rms "
        "(all divided by their root mean square); standard (each dimension to "
        "mean 0 and standard deviation 1); minmax (each from 0 to 1); centred "
        "(each to mean 0, all divided by one number); unit (centred, then each "
        "row to the same length); arcsinh (each by its median and median "
        "absolute deviation, large numbers compressed, then each row to the "
        "same length). Prediction and export scale alike.",
        FEATURE_SCALINGS,
    )
    embedding: str = setting(
        "att",
        "Class embedding a: `att` reads att_splits.mat, NAME reads "
        "NAME_splits.mat, `att+sent` joins two; of your own data, att is in "
        "classes.csv and NAME in embeddings_NAME.csv.",
    )
    embedding_norm: str = setting(
        "l2",
        "How embeddings are scaled: l2 (each row has length 1), matrix "
        "(divided by the norm of the whole matrix), standard (each column to "
        "mean 0 and the same deviation over the seen classes), standard_l2 "
        "(then each row to length 1) or none; one value for all parts of "
        "--embedding, or one per part, as in `l2,matrix`; with a weight before "
        "it, as in `l2,0.2*l2`, a part counts less or more.",
    )
    split: str = setting(
        "test",
        "test: train on the seen classes, score on the test splits; tune: the "
        "same within the training classes, for choosing settings.",
        ("test", "tune"),
    )
    # 1000 seed + number of the classifier has to fit into 32 bits.
    seed: int = setting(
        1, "Seed of everything random in training.", least=0, below=2**21
    )

    precision: str = setting(
        "float32",
        "Numbers that networks compute with; weights, sums and losses stay "
        "float32 with mixed_bfloat16.",
        ("float32", "mixed_bfloat16"),
    )

    # --- Generator (3.1) ----------------------------------------------------
    noise: str = setting(
        "latent",
        "latent: z ~ N(mu(a), Sigma(a)); concat: [z, a] with z ~ N(0, I).",
        ("latent", "concat"),
    )
    noise_dim: int = setting(512, "Size of the noise, d_z.")
    noise_mean: str = setting(
        "linear", "mu(a): linear, or tanh of it.", ("linear", "tanh")
    )
    noise_covariance: str = setting(
        "learned",
        "Sigma(a): learned, or the identity.",
        ("learned", "identity"),
    )
    generator_units: tuple[int, ...] = setting(
        (2048,), "Hidden layers of the generator G, as in 2048,2048."
    )
    generator_output: str = setting(
        "relu",
        "Last activation: relu for features >= 0, linear for signed ones; "
        "auto: relu if all training features, as scaled, are >= 0.",
        ("relu", "linear", "auto"),
    )
    activation: str = setting(
        "leaky_relu",
        "Hidden activation of generator and critic (leaky_relu: slope 0.2).",
        ("leaky_relu", "relu"),
    )

    # --- Critic and WGAN-GP (Eq. 1, 7-9) ------------------------------------
    critic_units: tuple[int, ...] = setting(
        (1024,), "Hidden layers of the critic D."
    )
    critic_steps: int = setting(5, "Critic steps per generator step.")
    batch_size: int = setting(256, "Real samples in a critic step.")
    sampling: str = setting(
        "balanced",
        "Critic batches: balanced over classes, or uniform over samples.",
        ("balanced", "uniform"),
    )
    gradient_penalty_weight: float = setting(
        10.0, "Weight of the gradient penalty, lambda in Eq. 1."
    )
    steps: int = setting(100_000, "Generator steps.")
    learning_rate: float = setting(1e-4, "Adam's learning rate.")
    beta_1: float = setting(0.0, "Adam's beta_1.", below=1.0)
    beta_2: float = setting(0.999, "Adam's beta_2.", below=1.0)

    # --- Guidance: gradient matching (Eq. 2-5), L_CLS, L_cycle ---------------
    compatibility: str = setting(
        "bilinear",
        "f: bilinear (Eq. 6), or linear with one weight vector per class.",
        ("bilinear", "linear"),
    )
    matching_weight: float = setting(
        500.0,
        "Weight of L_GM, beta in Eq. 5, on the mean over the classes of a step "
        "(the release sums them with 100 each).",
    )
    matching_distance: str = setting(
        "per_unit",
        "L_GM: global, one cosine over all parameters (Eq. 4); per_unit, one "
        "per embedding dimension, averaged, plus one for the bias.",
        ("per_unit", "global"),
    )
    matching_norm_weight: float = setting(
        0.0, "Weight of the added || g_r - g_s ||_p."
    )
    matching_norm_order: float = setting(2.0, "p of that norm.", least=1.0)
    matching_classes: int = setting(5, "Classes matched per step.")
    matching_real: int = setting(
        60, "Real samples per matched class; repeated if it has fewer."
    )
    matching_fake: int = setting(120, "Synthetic samples per matched class.")
    theta_reset_steps: int = setting(
        1,
        "Steps after which theta of f is drawn again; between these it is "
        "trained on real data; 1: drawn in every step, never trained.",
    )
    theta_learning_rate: float = setting(
        0.01, "Learning rate of theta between resets."
    )
    classification_weight: float = setting(
        0.01, "Weight of L_CLS in the variants that have it."
    )
    cycle_weight: float = setting(
        1.0, "Weight of L_cycle in the variants that have it."
    )
    cycle_ridge: float = setting(
        0.1,
        "Ridge of L_cycle's regressor, in units of a feature's variance.",
        least=1e-6,
    )

    # --- Synthesis and final classifier (3.4) -------------------------------
    synthetic_per_class: int = setting(
        250, "Synthetic features per unseen class."
    )
    seen_floor: int = setting(
        0,
        "Seen classes with fewer real samples get synthetic ones up to this "
        "number.",
        least=0,
    )
    classifier: str = setting(
        "bilinear",
        "Final classifier: " + ", ".join(CLASSIFIERS) + ", or several whose "
        "scores are added, as in `bilinear+prototype`.",
    )
    classifier_rows: str = setting(
        "both",
        "What it is trained on: both (real and synthetic samples) or real; one "
        "value for all parts of --classifier, or one per part, as in "
        "`both,real`. Without a generator all samples are real.",
    )
    classifier_weights: str = setting(
        "1",
        "Weights of the parts of --classifier, as in `1,2`; scores are brought "
        "to one scale before; one value: all parts weigh the same.",
    )
    # These train all classifiers but prototype, and the f that L_CLS freezes.
    classifier_learning_rate: float = setting(0.01, "SGD's learning rate.")
    classifier_decay: float = setting(
        0.97, "Factor on that rate after each epoch."
    )
    classifier_momentum: float = setting(0.9, "SGD's momentum.")
    classifier_weight_decay: float = setting(
        0.001, "L2 weight decay of the classifier."
    )
    classifier_batch_size: int = setting(256, "Samples in a classifier step.")
    classifier_epochs: int = setting(
        200, "Epochs of the final classifier; the last one counts."
    )
    ranking_margin: float = setting(
        1.0, "Margin of devise; that of ale is always 1.", least=1e-6
    )
    prototype_units: tuple[int, ...] = setting(
        (1024,), "Hidden layers of the network from a to a prototype."
    )
    prototype_learning_rate: float = setting(
        1e-3, "AdamW's learning rate; a tenth of it after half of the epochs."
    )
    prototype_weight_decay: float = setting(
        1e-4, "AdamW's weight decay, in units of the learning rate."
    )
    prototype_epochs: int = setting(
        30, "Epochs of a prototype classifier; the last one counts."
    )
    prototype_batch_size: int = setting(256, "Samples in a prototype step.")
    prototype_temperature: float = setting(
        0.04, "Divides the cosine of a feature and a prototype.", least=1e-6
    )
    prototype_mask: float = setting(
        0.0,
        "Share of the numbers of an embedding that is set to zero in a "
        "prototype step.",
        below=1.0,
    )
    prototype_dropout: float = setting(
        0.0, "Dropout of the hidden layers in a prototype step.", below=1.0
    )
    prototype_prior: float = setting(
        0.0,
        "How much likelier seen classes are taken to be in training than "
        "unseen ones (r of ZLAP), and later not; needs synthetic samples; "
        "0: no prior.",
    )
    prototype_normalisation: str = setting(
        "none",
        "class: the last hidden layer is standardised over the classes of a "
        "step, by the variance (class normalisation).",
        ("none", "class"),
    )
    discriminant_shrinkage: float = setting(
        3.0,
        "What is added to the covariance of a discriminant classifier: this "
        "times the mean variance within a class.",
        least=1e-6,
    )
    seen_penalty: float = setting(
        0.0,
        "Subtracted from the scores of seen classes, which a classifier trusts "
        "too much; bin/evaluate --calibrate finds it on the tune splits.",
        least=None,
    )
    temperature: float = setting(
        0.0,
        "What scores are divided by before they become probabilities, so that "
        "these are calibrated; it changes no answer. 0: found by the run "
        "itself where it can be (see docs/runs.md), else 1; bin/evaluate "
        "--calibrate finds it on the tune splits.",
    )
    classifier_seeds: int = setting(
        5, "Classifiers trained and scored per generator.", below=1000
    )

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = _converted(field, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        embeddings.parse_norms(self.embedding_norm)
        _check_classifiers(self)

    @property
    def classifier_parts(self) -> tuple[ClassifierPart, ...]:
        """The parts of the final classifier, in the order of their names."""
        names = self.classifier.split("+")
        columns = [names]
        for values in (self.classifier_rows, self.classifier_weights):
            values = values.split(",")
            columns.append(values * len(names) if len(values) == 1 else values)
        return tuple(
            ClassifierPart(name, rows, float(weight))
            for name, rows, weight in zip(*columns)
        )

    def replace(self, settings: Mapping) -> "Config":
        """This configuration with other settings.

        Raises:
            InputError: for a name or a value that does not exist.
        """
        check_setting_names(settings)
        return dataclasses.replace(self, **settings)

    def to_dict(self) -> dict:
        """Plain values, as written to JSON."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


def check_setting_names(names: Iterable[str]) -> None:
    """Raises InputError, with the nearest valid name, for a misspelt one."""
    known = [field.name for field in dataclasses.fields(Config)]
    for name in names:
        if name not in known:
            raise InputError(
                f"Unknown setting {name!r}.",
                "a field of gmn_tf.Config",
                repr(name),
                f"Did you mean {nearest(name, known)!r}?",
            )


def read_config_file(path: str) -> dict:
    """Settings from a JSON file: a flat object, or a run's config.json.

    Raises:
        InputError: if the file is missing, is not a JSON object or names a
            setting that does not exist.
    """
    content = files.read_json(
        pathlib.Path(path),
        'an object of settings: {"setting": value, ...}',
        "Check the path, or compare with the config.json of a run.",
    )
    if isinstance(content.get("config"), dict):
        content = content["config"]
    check_setting_names(content)
    return content


def _converted(field: dataclasses.Field, value):
    """The value in its field's type, or an InputError that names the field."""
    kind, metadata = type(field.default), field.metadata
    least, below = metadata["least"], metadata["below"]
    expected = KINDS[kind]
    try:
        if kind is tuple:
            items = value.split(",") if isinstance(value, str) else list(value)
            converted = tuple(_single(int, item) for item in items)
        else:
            converted = _single(kind, value)
        numbers = converted if kind is tuple else (converted,)
        # `min` also raises ValueError for an empty tuple.
        if least is not None and min(numbers) < least:
            expected = f"at least {least}"
            raise ValueError
        if below is not None and max(numbers) >= below:
            expected = f"below {below}"
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"Bad value for --{field.name}: {metadata['help']}",
            expected,
            repr(value),
            "Correct the flag, or that entry of the --config file.",
        ) from None
    if metadata["choices"]:
        check_choice(field.name, converted, metadata["choices"])
    return converted


def _check_classifiers(config: Config) -> None:
    """Raises InputError for a final classifier that cannot be made."""
    names = config.classifier.split("+")
    for name in names:
        check_choice("classifier", name, CLASSIFIERS)
    lists = {
        name: getattr(config, name).split(",")
        for name in ("classifier_rows", "classifier_weights")
    }
    for rows in lists["classifier_rows"]:
        check_choice("classifier_rows", rows, ROWS)
    try:
        weights = [_single(float, w) for w in lists["classifier_weights"]]
        if min(weights) < 0.0 or max(weights) == 0.0:
            raise ValueError
    except ValueError:
        raise InputError(
            "Bad value for --classifier_weights.",
            "numbers of at least 0 with commas, one of them above 0, as in 1,2",
            repr(config.classifier_weights),
            "Correct the flag, or that entry of the --config file.",
        ) from None
    for setting_name, values in lists.items():
        if len(values) not in (1, len(names)):
            raise InputError(
                f"--{setting_name} does not fit --classifier="
                f"{config.classifier}.",
                f"one value, or {len(names)} with commas",
                getattr(config, setting_name),
                f"Give one value, or one for each of {', '.join(names)}.",
            )
    for part in config.classifier_parts:
        if part.rows == REAL and not CLASSIFIERS[part.name].describes:
            raise InputError(
                f"--classifier={part.name} cannot learn unseen classes from "
                "real samples.",
                "--classifier_rows=both for it",
                f"--classifier_rows={config.classifier_rows}",
                "Train it on both, or choose bilinear or prototype.",
            )


def _single(kind: type, value):
    """A text or a finite number; ValueError for another type or a fraction."""
    converted = kind(value)
    if (
        isinstance(value, bool)
        or (kind is str and not isinstance(value, str))
        or (kind is float and not math.isfinite(converted))
        or (isinstance(value, float) and converted != value)  # as in int(1.5)
    ):
        raise ValueError
    return converted
