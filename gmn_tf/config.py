"""Every setting of a run: its default, its symbol in the paper, its meaning.

The defaults are those of the authors' release for CUB; `configs/` holds one
file per data set with what differs there. Precedence: preset < file < flag.
"""

import dataclasses
import json
import pathlib
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from gmn_tf.data import embeddings
from gmn_tf.data.feature_scaling import FEATURE_SCALINGS
from gmn_tf.method.classifiers.table import CLASSIFIERS
from gmn_tf.method.variants import GUIDANCES, VARIANTS
from gmn_tf.utils import files, plugin_settings, registry, values
from gmn_tf.utils.errors import InputError, check_choice, nearest

# A count is positive, and TensorFlow counts many things in 32 bits.
BOUNDS = {int: (1, 2**31), tuple: (1, 2**31), float: (0.0, None)}
AUTO, SINGLE, MIXED = PRECISIONS = ("auto", "float32", "mixed_bfloat16")
KERNEL = "kernel"  # of which final classifiers see the features
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


def classifier_parts(
    classifier: str, rows: str, weights: str = "1"
) -> tuple[ClassifierPart, ...]:
    """The parts of a final classifier, from the settings that describe it."""
    names = classifier.split("+")
    columns = [names]
    for text in (rows, weights):
        each = text.split(",")
        columns.append(each * len(names) if len(each) == 1 else each)
    return tuple(
        ClassifierPart(name, row, float(weight))
        for name, row, weight in zip(*columns)
    )


def setting(default, help_text: str, choices: Collection[str] = (), **bounds):
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
        "cwgan_gm", "Model to train; see docs/settings.md.", VARIANTS
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
        "same length); root (square roots of how far each is from its least "
        "number, or from its largest if that is nearer to the mean, then as "
        "unit). Prediction and export scale alike.",
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
        SINGLE,
        "Numbers that networks, and final classifiers in training, multiply; "
        "weights, losses and trained classifiers stay float32 with "
        "mixed_bfloat16; auto: mixed_bfloat16 where the machine has "
        "instructions for it and --feature_scaling centres features, else "
        "float32.",
        PRECISIONS,
    )

    # --- Generator (3.1) ----------------------------------------------------
    noise: str = setting(
        "latent",
        "latent: z ~ N(mu(a), Sigma(a)); concat: [z, a] with z ~ N(0, I).",
        ("latent", "concat"),
    )
    noise_dim: int = setting(
        512, "Size of the noise, d_z; 0: that of the class embedding.", least=0
    )
    noise_units: int = setting(
        0,
        "Size of a hidden layer between the class embedding and mu, Sigma; 0: "
        "none.",
        least=0,
    )
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
        "Last activation: relu for features >= 0, linear for signed ones, "
        "sigmoid for those in [0, 1]; auto: relu if all training features, as "
        "scaled, are >= 0, else linear.",
        ("relu", "linear", "sigmoid", "auto"),
    )
    activation: str = setting(
        "leaky_relu",
        "Hidden activation of generator and critic (leaky_relu: slope 0.2).",
        ("leaky_relu", "relu"),
    )

    condition_noise: float = setting(
        0.0,
        "Standard deviation of noise on the class embeddings that the "
        "generator sees in training.",
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
    adversarial_weight: float = setting(
        1.0, "Weight of the critic's term in the generator's loss."
    )
    learning_rate: float = setting(1e-4, "Adam's learning rate.")
    critic_learning_rate: float = setting(
        0.0, "That of the critic; 0: the same."
    )
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

    # --- Guidance of other systems: see docs/systems.md -----------------------
    moments_weight: float = setting(
        1.0, "Weight of moment matching in the variants that have it."
    )
    vae_units: tuple[int, ...] = setting(
        (2048,), "Hidden layers of the encoder q of a variational auto-encoder."
    )
    vae_reads: str = setting(
        "both",
        "What q reads: features, or both, features and embeddings.",
        ("both", "features"),
    )
    vae_reconstruction: str = setting(
        "auto",
        "Its error, summed over dimensions: squared (half of it), absolute, or "
        "cross_entropy for features in [0, 1]; auto: cross_entropy with "
        "--generator_output=sigmoid, else squared.",
        ("auto", "squared", "absolute", "cross_entropy"),
    )
    vae_weight: float = setting(1.0, "Weight of the auto-encoder's loss.")
    vae_kl_weight: float = setting(
        1.0, "Weight of KL(q || N(0, I)) beside the reconstruction."
    )
    vae_prior_weight: float = setting(
        0.0, "Weight of the reconstruction from noise in place of a code."
    )
    vae_code_weight: float = setting(
        0.0, "Weight of -log q of the noise, read from a synthetic feature."
    )
    regressor_units: tuple[int, ...] = setting(
        (1024,), "Hidden layers of the trained regressor R from x to a."
    )
    regressor_distance: str = setting(
        "squared",
        "Distance of R(x) and a, summed over dimensions: squared (half of it) "
        "or absolute.",
        ("squared", "absolute"),
    )
    regressor_weight: float = setting(
        0.1, "Weight of R's distance in the generator's loss."
    )
    regressor_fake_weight: float = setting(
        0.0, "Weight of synthetic samples in R's own loss."
    )
    regressor_feedback: float = setting(
        0.0,
        "Weight of what the generator reads from R in a second pass; 0: it has "
        "one pass.",
    )
    alignment_units: tuple[int, ...] = setting(
        (1560,), "Hidden layers of CADA-VAE's encoder of features."
    )
    alignment_embedding_units: tuple[int, ...] = setting(
        (665,), "Hidden layers of its decoder of embeddings."
    )
    alignment_kl_weight: float = setting(
        0.25, "Weight of its KL terms at the end of training."
    )
    alignment_cross_weight: float = setting(
        2.37, "Weight of its cross-reconstruction at the end of training."
    )
    alignment_distance_weight: float = setting(
        8.13, "Weight of its 2-Wasserstein distance at the end of training."
    )

    # --- Synthesis and final classifier (3.4) -------------------------------
    representation: str = setting(
        "auto",
        "What final classifiers see: features; kernel: features of a Gaussian "
        "kernel; auto: what the variant says.",
        ("auto", "features", KERNEL),
    )
    kernel_width: float = setting(
        3.0,
        "Width of the kernel of --representation=kernel, in units of the "
        "median squared distance of two training samples.",
        least=1e-3,
    )
    synthetic_condition_noise: float = setting(
        0.0,
        "Standard deviation of noise on the class embeddings of every other "
        "synthetic sample.",
    )
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
    # These train bilinear, linear, devise, ale, and the f that L_CLS freezes.
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
    prototype_activation: str = setting(
        "leaky_relu",
        "Activation of these (leaky_relu: slope 0.2).",
        ("leaky_relu", "relu"),
    )
    prototype_output: str = setting(
        "linear", "Activation of a prototype.", ("linear", "relu")
    )
    prototype_learning_rate: float = setting(1e-3, "AdamW's learning rate.")
    prototype_rate_drop: float = setting(
        10.0, "Divides that rate after half of the epochs.", least=1e-6
    )
    prototype_beta_1: float = setting(0.9, "AdamW's beta_1.", below=1.0)
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
    prototype_seen_factor: float = setting(
        1.0,
        "Multiplies the scores of seen classes after training (0.95 in class "
        "normalisation).",
    )
    discriminant_error_weight: float = setting(
        1.0,
        "Weight of the errors of predicted class means in the covariance of a "
        "discriminant classifier.",
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
        5,
        "Classifiers trained and scored per generator; one, if nothing in them "
        "is random (discriminant).",
        below=1000,
    )

    # --- Parts of other packages --------------------------------------------
    plugins: str = setting(
        "",
        "Python modules with commas that register further variants, guidances "
        "or classifiers. A run records those that it uses.",
    )
    plugin_settings: str = setting(
        "",
        "Settings of these parts, as in `sparsity.weight=0.1,hinge.epochs=9`.",
    )

    def __post_init__(self):
        if isinstance(self.plugins, str):
            registry.load(self.plugins)
        for field in dataclasses.fields(self):
            value = _converted(field, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        embeddings.parse_norms(self.embedding_norm)
        _check_classifiers(self)
        _complete_plugins(self)

    def __getattr__(self, name: str):
        """A setting of a plugin, as in `getattr(config, "sparsity.weight")`."""
        part, _, field = name.partition(".")
        if field and part in registry.SETTINGS:
            return getattr(self.settings_of(part), field)
        raise AttributeError(f"{type(self).__name__} has no setting {name!r}")

    def settings_of(self, name: str) -> NamedTuple:
        """The settings of a part of a plugin, in the class it registered."""
        return plugin_settings.of(name, self.plugin_settings)

    @property
    def classifier_parts(self) -> tuple[ClassifierPart, ...]:
        """The parts of the final classifier, in the order of their names."""
        return classifier_parts(
            self.classifier, self.classifier_rows, self.classifier_weights
        )

    def replace(self, settings: Mapping) -> "Config":
        """This configuration with other settings.

        Raises:
            InputError: for a name or a value that does not exist.
        """
        registry.load(str(settings.get("plugins", "")))
        check_setting_names(settings)
        own = {n: value for n, value in settings.items() if "." in n}
        others = {n: v for n, v in settings.items() if n not in own}
        if own:
            text = others.get("plugin_settings", self.plugin_settings)
            own = plugin_settings.read(text) | plugin_settings.checked(own)
            others["plugin_settings"] = plugin_settings.completed(own, ())
        return dataclasses.replace(self, **others)

    def to_dict(self) -> dict:
        """Plain values, as written to JSON."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


def check_setting_names(names: Iterable[str]) -> None:
    """Raises InputError, with the nearest valid name, for a misspelt one."""
    known = [field.name for field in dataclasses.fields(Config)]
    known += plugin_settings.names()
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
    place = pathlib.Path(path)
    content = files.read_json(
        place,
        'an object of settings: {"setting": value, ...}',
        "Check the path, or compare with the config.json of a run.",
    )
    if isinstance(content.get("config"), dict):
        content = content["config"]
    registry.load(str(content.get("plugins", "")), record=place)
    check_setting_names(content)
    return content


def _converted(field: dataclasses.Field, value):
    """The value in its field's type, or an InputError that names the field."""
    kind, metadata = type(field.default), field.metadata
    least, below = metadata["least"], metadata["below"]
    expected = values.KINDS[kind]
    try:
        converted = values.converted(kind, value)
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
        weights = [values.single(float, w) for w in lists["classifier_weights"]]
        if min(weights) < 0.0 or max(weights) == 0.0:
            raise ValueError
    except ValueError:
        raise InputError(
            "Bad value for --classifier_weights.",
            "numbers of at least 0 with commas, one of them above 0, as in 1,2",
            repr(config.classifier_weights),
            "Correct the flag, or that entry of the --config file.",
        ) from None
    for setting_name, listed in lists.items():
        if len(listed) not in (1, len(names)):
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


def _complete_plugins(config: Config) -> None:
    """Adds the plugins that a run uses, and all settings of their parts.

    Raises:
        InputError: for a guidance that no module has registered.
    """
    guidances = VARIANTS[config.variant].guidance
    for name in guidances:
        if name not in GUIDANCES:
            raise InputError(
                f"--variant={config.variant} has a guidance that no module "
                "registers.",
                "one of " + ", ".join(GUIDANCES),
                name,
                "Name the module that registers it in --plugins.",
            )
    classifiers = config.classifier.split("+")
    given = plugin_settings.read(config.plugin_settings)
    used = [*guidances, *classifiers]
    text = plugin_settings.completed(given, used)
    object.__setattr__(config, "plugin_settings", text)
    modules = list(filter(None, config.plugins.split(",")))
    owners = [VARIANTS.owner(config.variant)]
    for table in (GUIDANCES, CLASSIFIERS):
        named = [*used, *(full.partition(".")[0] for full in given)]
        owners += [table.owner(name) for name in named if name in table]
    for owner in filter(None, owners):
        if owner == "__main__":  # which no other process can import
            continue
        if not any(f"{owner}.".startswith(f"{one}.") for one in modules):
            modules.append(owner)
    object.__setattr__(config, "plugins", ",".join(modules))
