"""Section 3.2: batches as a function of the step's number."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from gmn_tf.method.sampling import SampleSource
from gmn_tf.training.batches import (
    BatchSizes,
    check_batch_sizes,
    step_batch,
    training_batches,
)
from gmn_tf.utils.errors import InputError
from tests.support import toys

COUNTS = [3, 1, 6, 4]
ROWS = sum(COUNTS)
UNLABELLED = 5
SAMPLINGS = ["balanced", "uniform"]
SIZES = BatchSizes(
    critic_steps=2, batch=12, noise_dim=toys.DZ, classes=3, real=5, fake=9,
    theta=8,
)  # fmt: skip
# 99.9 % of chi-square variables with so many degrees of freedom are smaller.
CHI_SQUARE = {3: 16.3, 4: 18.5, 5: 20.5, 13: 34.5}


def unlabelled_features():
    """Feature 0 is 100 plus the row; feature 1 is -1, which is no label."""
    features = toys.normal(UNLABELLED, toys.DX).astype(np.float32)
    features[:, 0] = 100 + np.arange(UNLABELLED)
    features[:, 1] = -1
    return features


def source_of(sampling, transductive=False):
    return SampleSource(
        toys.samples(COUNTS),
        toys.NUM_SEEN,
        sampling,
        unlabelled_features() if transductive else None,
        toys.NUM_UNSEEN,
    )


def piped(source, count, **kwargs):
    """The first batches of the pipeline, as dictionaries of arrays."""
    data = training_batches(source, SIZES, seed=1, **kwargs)
    return list(data.take(count).as_numpy_iterator())


def batches(source, steps, sizes=SIZES, seed=1, replica=0, replicas=1):
    """The same without the pipeline, whose tracing takes long."""
    return [
        tf.nest.map_structure(
            np.asarray,
            step_batch(source, sizes, seed, step, replica, replicas),
        )
        for step in tf.range(steps, dtype=tf.int64)
    ]


def critic_draws(source, steps, sizes=SIZES):
    """Row numbers and labels of all critic samples, in order."""
    drawn = [batch["critic"] for batch in batches(source, steps, sizes)]
    features = np.concatenate([d["features"] for d in drawn])
    labels = np.concatenate([d["labels"] for d in drawn]).ravel()
    return features[..., 0].ravel().astype(int), labels


def larger(batch):
    return dataclasses.replace(SIZES, batch=batch, classes=0, theta=0)


def chi_square(observed, expected):
    return np.sum((observed - expected) ** 2 / expected)


def assert_same(first, second):
    tf.nest.assert_same_structure(first, second)
    for one, other in zip(tf.nest.flatten(first), tf.nest.flatten(second)):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("transductive", [False, True])
def test_shapes(sampling, transductive):
    (batch,) = batches(source_of(sampling, transductive), 1)
    shapes = tf.nest.map_structure(np.shape, batch)

    assert shapes == {
        "step": (),
        "theta_seed": (2,),
        "critic": {
            "features": (2, 12, toys.DX),
            "labels": (2, 12),
            "noise": (2, 12, toys.DZ),
            "mix": (2, 12),
        },
        "generator": {"labels": (12,), "noise": (12, toys.DZ)},
        "matching": {
            "features": (3, 5, toys.DX),
            "labels": (3,),
            "noise": (3, 9, toys.DZ),
            "share": (3,),
        },
        "theta": {"features": (8, toys.DX), "labels": (8,)},
    }


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_codes_come_with_real_features_of_the_samples_classes(sampling):
    source = source_of(sampling)
    sizes = dataclasses.replace(SIZES, code_dim=2)
    (plain,), (batch,) = batches(source, 1), batches(source, 1, sizes)
    features = batch["generator"].pop("features")
    noise = batch["generator"].pop("code_noise")

    assert_same(batch, plain)
    train = toys.samples(COUNTS)
    rows = features[:, 0].astype(int)
    np.testing.assert_array_equal(features, train.features[rows])
    np.testing.assert_array_equal(
        train.labels[rows], plain["generator"]["labels"]
    )
    assert noise.shape == (12, 2)
    assert np.abs(noise - plain["generator"]["noise"][:, :2]).min() > 1e-6
    halves = [
        batches(source, 1, sizes, replica=replica, replicas=2)[0]["generator"]
        for replica in range(2)
    ]
    for name, whole in (("features", features), ("code_noise", noise)):
        both = np.concatenate([half[name] for half in halves])
        np.testing.assert_array_equal(both, whole)


def test_parts_that_are_not_asked_for_are_left_out():
    (batch,) = batches(source_of("balanced"), 1, larger(4))

    assert batch.keys() == {"step", "theta_seed", "critic", "generator"}


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("transductive", [False, True])
def test_labels_belong_to_their_rows(sampling, transductive):
    train = toys.samples(COUNTS)
    for batch in batches(source_of(sampling, transductive), 10):
        for part in ("critic", "theta", "matching"):
            features, labels = batch[part]["features"], batch[part]["labels"]
            if part == "matching":
                labels = np.repeat(labels[:, np.newaxis], 5, axis=1)
            rows = features[..., 0].astype(int)
            known = rows < 100
            assert (known == (labels < toys.NUM_SEEN)).all()
            assert known.all() or (transductive and part == "critic")
            np.testing.assert_array_equal(
                features[known], train.features[rows[known]]
            )
            np.testing.assert_array_equal(
                labels[known], train.labels[rows[known]]
            )
        if not transductive:
            assert batch["generator"]["labels"].max() < toys.NUM_SEEN


def test_matched_classes_are_different_and_equally_frequent():
    source = source_of("balanced")
    seeds = tf.random.split(tf.constant([1, 0], tf.int64), num=400)
    drawn = [source.distinct_classes(3, seed).numpy() for seed in seeds]

    assert all(len(set(labels)) == 3 for labels in drawn)
    counts = np.bincount(np.ravel(drawn), minlength=toys.NUM_SEEN)
    # Without replacement the counts vary less than chi-square has it.
    assert chi_square(counts, 300.0) < CHI_SQUARE[3]
    first = np.bincount([labels[0] for labels in drawn])
    assert chi_square(first, 100.0) < CHI_SQUARE[3]


@pytest.mark.parametrize("real", [2, 5, 13])
def test_rows_of_a_class_repeat_no_more_than_they_must(real):
    sizes = dataclasses.replace(larger(1), classes=3, real=real)
    seen = {}
    for batch in batches(source_of("balanced"), 20, sizes):
        matching = batch["matching"]
        for label, features in zip(matching["labels"], matching["features"]):
            rows, counts = np.unique(features[:, 0], return_counts=True)
            assert len(rows) == min(real, COUNTS[label])
            assert counts.max() == -(-real // COUNTS[label])
            assert counts.max() - counts.min() <= 1
            seen.setdefault(int(label), set()).add(tuple(rows))
    assert len(seen) == toys.NUM_SEEN
    # Another choice of rows each time, where there is a choice.
    assert all(
        (len(choices) > 1) == (real < COUNTS[label])
        for label, choices in seen.items()
    )


@pytest.mark.parametrize("real", [2, 5])
def test_rows_of_a_class_are_equally_frequent(real):
    source, label = source_of("balanced"), 2
    seeds = tf.random.split(tf.constant([1, 0], tf.int64), num=400)
    drawn = [
        source.rows_of_classes(tf.constant([label]), real, seed)[0].numpy()
        for seed in seeds
    ]
    rows = np.ravel(drawn) - sum(COUNTS[:label])
    counts = np.bincount(rows, minlength=COUNTS[label])
    # Without replacement the counts vary less than chi-square has it.
    expected = 400 * real / COUNTS[label]
    assert chi_square(counts, expected) < CHI_SQUARE[5]
    first = np.bincount(rows[::real], minlength=COUNTS[label])
    assert chi_square(first, 400 / COUNTS[label]) < CHI_SQUARE[5]


def test_balanced_sampling_draws_a_class_then_a_row():
    rows, labels = critic_draws(source_of("balanced"), 10, larger(200))
    counts = np.bincount(labels)
    train = toys.samples(COUNTS)
    expected = counts[train.labels] / np.array(COUNTS)[train.labels]

    assert len(labels) == 4000
    assert chi_square(counts, 1000.0) < CHI_SQUARE[3]
    observed = np.bincount(rows, minlength=ROWS)
    assert chi_square(observed, expected) < CHI_SQUARE[13]


@pytest.mark.parametrize("transductive", [False, True])
def test_uniform_sampling_sees_every_row_once_per_epoch(transductive):
    size = ROWS + UNLABELLED * transductive
    # Neither the batch nor a step's samples divide an epoch.
    rows, _ = critic_draws(source_of("uniform", transductive), 20, larger(5))
    expected = [*range(ROWS), *range(100, 100 + UNLABELLED * transductive)]
    epochs = [rows[i : i + size] for i in range(0, 200 - size, size)]

    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), expected)
    assert len({tuple(epoch) for epoch in epochs}) == len(epochs)


def drawn_by_workers(source, workers, local, steps, first_step=0):
    """Critic rows in the order of draws, put together from all pipelines."""
    sizes = dataclasses.replace(SIZES, classes=0, theta=0)
    parts = []
    for worker in range(workers):
        own = training_batches(
            source,
            sizes,
            seed=1,
            first_step=first_step,
            replicas=workers * local,
            local_replicas=range(worker * local, (worker + 1) * local),
        )
        rows = [
            batch["critic"]["features"][..., 0].astype(int)
            for batch in own.take(steps * local).as_numpy_iterator()
        ]
        parts.append(np.reshape(rows, (steps, local, *rows[0].shape)))
    by_replica = np.concatenate(parts, axis=1)  # [steps, replicas, critic, B]
    return by_replica.swapaxes(1, 2).ravel()


@pytest.mark.parametrize("transductive", [False, True])
@pytest.mark.parametrize(("workers", "local"), [(2, 1), (3, 1), (2, 2)])
def test_workers_share_a_uniform_epoch_without_repetition(
    workers, local, transductive
):
    source = source_of("uniform", transductive)
    size = ROWS + UNLABELLED * transductive
    rows = drawn_by_workers(source, workers, local, 6)
    expected = [*range(ROWS), *range(100, 100 + UNLABELLED * transductive)]

    assert len(rows) == 6 * SIZES.critic_steps * SIZES.batch
    for start in range(0, len(rows) - size, size):
        epoch = rows[start : start + size]
        np.testing.assert_array_equal(np.sort(epoch), expected)
    # Stopped in the middle of an epoch, they take what is left of it.
    again = drawn_by_workers(source, workers, local, 3, first_step=3)
    np.testing.assert_array_equal(again, rows[len(rows) // 2 :])


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_unlabelled_samples_occur_in_proportion(sampling):
    sizes = larger(200)
    rows, labels = critic_draws(source_of(sampling, True), 10, sizes)
    fake_labels = np.concatenate(
        [
            batch["generator"]["labels"]
            for batch in batches(source_of(sampling, True), 20, sizes)
        ]
    )
    per_row = np.bincount(rows[rows >= 100] - 100, minlength=UNLABELLED)
    share = {"balanced": 2 / 6, "uniform": UNLABELLED / (ROWS + UNLABELLED)}

    for drawn in (labels, fake_labels):
        unseen = drawn[drawn >= toys.NUM_SEEN]
        assert set(unseen) == {4, 5}
        # Four standard deviations of a binomial, at most.
        assert len(unseen) / 4000 == pytest.approx(share[sampling], abs=0.03)
        assert np.mean(unseen == 4) == pytest.approx(0.5, abs=0.055)
    assert chi_square(per_row, np.mean(per_row)) < CHI_SQUARE[4]


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_labels_of_unlabelled_rows_say_nothing_of_them(sampling):
    rows, labels = critic_draws(source_of(sampling, True), 10, larger(200))
    kept = rows >= 100
    table = np.zeros((UNLABELLED, toys.NUM_UNSEEN))
    np.add.at(table, (rows[kept] - 100, labels[kept] - toys.NUM_SEEN), 1)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()

    assert expected.min() > 50
    assert chi_square(table, expected) < CHI_SQUARE[4]


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_every_step_has_data_and_numbers_of_its_own(sampling):
    drawn = batches(source_of(sampling), 3, larger(7))
    critic = [batch["critic"] for batch in drawn]
    for name in ("features", "noise", "mix"):
        steps = np.concatenate([part[name] for part in critic])
        for one, other in itertools.combinations(steps, 2):
            assert not np.array_equal(one, other)
    if sampling == "uniform":
        rows = critic[0]["features"][..., 0].ravel()
        assert len(set(rows)) == ROWS  # one epoch, without repetition
    for name in ("labels", "noise"):
        first, second, third = (b["generator"][name] for b in drawn)
        assert not np.array_equal(first, second)
        assert not np.array_equal(second, third)
    for batch, name in itertools.product(drawn, ("labels", "noise")):
        for one in batch["critic"][name]:
            assert not np.array_equal(one, batch["generator"][name])
    assert len({tuple(batch["theta_seed"]) for batch in drawn}) == 3


def test_noise_is_normal_and_mix_uniform():
    (batch,) = batches(source_of("balanced"), 1, larger(3000))
    critic = batch["critic"]

    assert np.mean(critic["noise"]) == pytest.approx(0.0, abs=0.03)
    assert np.std(critic["noise"]) == pytest.approx(1.0, abs=0.03)
    np.testing.assert_allclose(
        np.quantile(critic["mix"], [0.0, 0.25, 0.5, 0.75, 1.0]),
        [0.0, 0.25, 0.5, 0.75, 1.0],
        atol=0.03,
    )
    numbers = [
        critic["noise"][0, :, 0],
        critic["noise"][1, :, 0],
        critic["mix"][0],
        critic["mix"][1],
        batch["generator"]["noise"][:, 0],
    ]
    correlations = np.corrcoef(numbers)
    np.testing.assert_allclose(correlations, np.eye(5), atol=0.08)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_batches_follow_from_the_seed(sampling):
    first = batches(source_of(sampling, True), 3)

    assert_same(first, batches(source_of(sampling, True), 3))
    for batch, other in zip(first, batches(source_of(sampling), 3, seed=2)):
        for part in ("critic", "generator", "matching"):
            for name in ("labels", "noise"):
                assert not np.array_equal(
                    batch[part][name], other[part][name]
                ) or (part, name) == ("matching", "labels")


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_pipeline_gives_step_after_step(sampling):
    source = source_of(sampling, True)

    assert_same(piped(source, 3), batches(source, 3))
    assert_same(piped(source, 2, first_step=3), batches(source, 5)[3:])


def test_a_worker_feeds_its_own_replicas_in_turn():
    source = source_of("uniform", True)
    third, fourth = (
        batches(source, 4, replica=replica, replicas=4) for replica in (2, 3)
    )
    second_worker = piped(
        source, 4, first_step=2, replicas=4, local_replicas=range(2, 4)
    )

    assert_same(second_worker, [third[2], fourth[2], third[3], fourth[3]])


def shared_out(source, replicas):
    """For each of two steps the batches of all replicas."""
    parts = [
        batches(source, 2, replica=replica, replicas=replicas)
        for replica in range(replicas)
    ]
    return list(zip(*parts))


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("replicas", [2, 4])
def test_replicas_share_the_batch_of_one(sampling, replicas):
    source = source_of(sampling, True)
    for whole, parts in zip(batches(source, 2), shared_out(source, replicas)):
        for part, axis in [("critic", 1), ("generator", 0)]:
            for name, expected in whole[part].items():
                joined = [batch[part][name] for batch in parts]
                np.testing.assert_array_equal(
                    np.concatenate(joined, axis), expected
                )
        for batch in parts:
            assert batch["step"] == whole["step"]
            np.testing.assert_array_equal(
                batch["theta_seed"], whole["theta_seed"]
            )


# Three classes: a filler each time.
@pytest.mark.parametrize("replicas", [2, 4])
def test_replicas_share_the_classes_of_one(replicas):
    source = source_of("balanced")
    for whole, parts in zip(batches(source, 2), shared_out(source, replicas)):
        whole, parts = whole["matching"], [part["matching"] for part in parts]
        share = np.concatenate([part["share"] for part in parts])
        real = share > 0.0
        assert list(real) == [True] * 3 + [False]
        # A mean over replicas gives each class 1 / classes.
        np.testing.assert_allclose(share[real] / replicas, whole["share"])
        assert np.sum(whole["share"]) == pytest.approx(1.0)
        for name in ("features", "labels", "noise"):
            joined = np.concatenate([part[name] for part in parts])
            np.testing.assert_array_equal(joined[real], whole[name])


def test_static_shapes_are_known():
    source = source_of("balanced", True)
    data = training_batches(
        source, SIZES, 1, replicas=2, local_replicas=range(2)
    )
    specs = tf.nest.flatten(data.element_spec)

    assert all(spec.shape.is_fully_defined() for spec in specs)


def test_more_classes_than_there_are_is_refused():
    sizes = dataclasses.replace(SIZES, classes=5)

    with pytest.raises(InputError, match="at most 4") as error:
        training_batches(source_of("balanced"), sizes, 1)
    assert "received: 5" in str(error.value)
    check_batch_sizes(SIZES, 3, 1)


def test_a_batch_that_cannot_be_shared_out_is_refused():
    with pytest.raises(InputError, match="multiple of the 5 devices") as error:
        check_batch_sizes(SIZES, 4, 5)
    assert "received: 12" in str(error.value)
    check_batch_sizes(SIZES, 4, 6)
