"""Section 3.2: the batch of a training step, as a function of its number.

Every row, class and random number of step t follows from the seed and t
alone. So a run can be stopped and continued anywhere, and the batch of a step
is the same however many replicas share it.
"""

import dataclasses

import tensorflow as tf

from gmn_tf.method.random_numbers import standard_normal
from gmn_tf.method.sampling import SampleSource
from gmn_tf.utils.errors import InputError


@dataclasses.dataclass(frozen=True)
class BatchSizes:
    """How much a training step takes, over all replicas together.

    Attributes:
        critic_steps: critic steps per generator step; 0 without a critic.
        batch: samples per critic step, and per generator step.
        noise_dim: d_z.
        classes: classes matched; 0 leaves that part out.
        real: real samples per matched class.
        fake: synthetic samples per matched class.
        theta: labelled real samples to train theta with; 0 leaves them out.
        code_dim: size of a code; 0 leaves out the real features beside the
            generator's samples, and the noise of their codes.
    """

    critic_steps: int
    batch: int
    noise_dim: int
    classes: int = 0
    real: int = 0
    fake: int = 0
    theta: int = 0
    code_dim: int = 0


def check_batch_sizes(sizes: BatchSizes, num_seen: int, replicas: int) -> None:
    """Raises InputError for batches that cannot be drawn or divided."""
    if sizes.classes > num_seen:
        raise InputError(
            "--matching_classes is larger than the number of seen classes.",
            f"at most {num_seen}",
            sizes.classes,
            f"Give --matching_classes={num_seen} or fewer.",
        )
    if sizes.batch % replicas:
        raise InputError(
            "--batch_size cannot be divided evenly among the devices.",
            f"a multiple of the {replicas} devices",
            sizes.batch,
            "Choose another batch size, or --strategy=one.",
        )


def training_batches(
    source: SampleSource,
    sizes: BatchSizes,
    seed: int,
    first_step: int = 0,
    replicas: int = 1,
    local_replicas: range = range(1),
) -> tf.data.Dataset:
    """The batches of all steps from `first_step` on, without end.

    Args:
        source: where samples come from.
        sizes: how much a step takes.
        seed: decides everything drawn.
        first_step: number of the first step.
        replicas: the number of devices that share a step.
        local_replicas: which of them this process feeds; their batches follow
            each other, step after step.

    Returns:
        A data set of dictionaries, with n = replicas, B = batch / n and
        K = the share of `classes` (filled up, with `share` 0, if uneven):

        * `step` `[]` int64, `theta_seed` `[2]`;
        * `critic`: `features` `[critic_steps, B, dx]`, `labels` and `mix`
          `[critic_steps, B]`, `noise` `[critic_steps, B, dz]`;
        * `generator`: `labels` `[B]`, `noise` `[B, dz]`; with codes also
          `features` `[B, dx]` of these labels, `code_noise` `[B, code_dim]`;
        * `matching`: `features` `[K, real, dx]`, `labels` `[K]`, `noise`
          `[K, fake, dz]`, `share` `[K]` (n / classes, 0 for a filler);
        * `theta`: `features` `[theta, dx]`, `labels` `[theta]`; the same on
          every replica.
    """
    check_batch_sizes(sizes, source.num_seen, replicas)
    local = len(local_replicas)

    @tf.autograph.experimental.do_not_convert  # no `if` depends on a tensor
    def batch(number):
        step = first_step + number // local
        replica = local_replicas.start + number % local
        return step_batch(source, sizes, seed, step, replica, replicas)

    numbers = tf.data.Dataset.counter()
    return numbers.map(batch, num_parallel_calls=1).prefetch(2 * local)


def step_batch(
    source: SampleSource,
    sizes: BatchSizes,
    seed: int,
    step,
    replica,
    replicas: int,
) -> dict:
    """One replica's batch of one step; see `training_batches`."""
    # Uniform epochs run across steps, so their seed must not contain the step.
    run_seed = tf.constant([seed, 0], tf.int64)
    step_seed = tf.random.fold_in(tf.constant([seed, 1], tf.int64), step)
    seeds = tf.random.split(step_seed, num=10)

    def mine(tensors, axis):
        if replicas == 1:
            return tensors
        share = sizes.batch // replicas
        places = replica * share + tf.range(share, dtype=tf.int64)
        return {k: tf.gather(t, places, axis=axis) for k, t in tensors.items()}

    rows, labels = source.samples(step * sizes.batch, sizes.batch, seeds[0])
    noise = standard_normal([sizes.batch, sizes.noise_dim], seeds[4])
    samples = {"labels": labels, "noise": noise}
    if sizes.code_dim:
        samples["rows"] = rows
        samples["code_noise"] = standard_normal(
            [sizes.batch, sizes.code_dim], tf.random.fold_in(step_seed, 10)
        )
    samples = mine(samples, 0)
    if sizes.code_dim:
        samples["features"] = source.features(samples.pop("rows"))
    batch = {"step": step, "theta_seed": seeds[1], "generator": samples}
    if sizes.critic_steps:
        total = sizes.critic_steps * sizes.batch
        grid = [sizes.critic_steps, sizes.batch]
        rows, labels = source.samples(step * total, total, run_seed)
        critic = {
            "rows": tf.reshape(rows, grid),
            "labels": tf.reshape(labels, grid),
            "noise": standard_normal([*grid, sizes.noise_dim], seeds[2]),
            "mix": tf.random.stateless_uniform(grid, seeds[3]),
        }
        batch["critic"] = critic = mine(critic, 1)
        critic["features"] = source.features(critic.pop("rows"))
    if sizes.classes:
        batch["matching"] = _matching_batch(
            source, sizes, seeds[5:8], replica, replicas
        )
    if sizes.theta:
        labels = tf.random.stateless_uniform(
            [sizes.theta], seeds[8], 0, source.num_seen, tf.int32
        )
        rows = source.class_rows(labels, seeds[9])
        batch["theta"] = {"features": source.features(rows), "labels": labels}
    return batch


def _matching_batch(source, sizes, seeds, replica, replicas):
    """Class batches for L_GM; the last replica's may hold fillers."""
    labels = source.distinct_classes(sizes.classes, seeds[0])
    rows = source.rows_of_classes(labels, sizes.real, seeds[2])
    noise = standard_normal(
        [sizes.classes, sizes.fake, sizes.noise_dim], seeds[1]
    )
    share = -(-sizes.classes // replicas)
    places = replica * share + tf.range(share, dtype=tf.int64)
    valid = tf.cast(places < sizes.classes, tf.float32)
    places = tf.minimum(places, sizes.classes - 1)
    return {
        "features": source.features(tf.gather(rows, places)),
        "labels": tf.gather(labels, places),
        "noise": tf.gather(noise, places),
        "share": valid * (replicas / sizes.classes),
    }
