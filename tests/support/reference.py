"""The equations once more: slow, plain, in double precision.

Loops over classes, samples and columns, explicit matrices and nested tapes,
without any of the package's shortcuts. What is needed under an outer tape is
written with TensorFlow, all else with NumPy. A network is asked for nothing
but its output, except where its weights are what an equation is about.
"""

import numpy as np
import tensorflow as tf

# --- Section 3.1: noise and generator ----------------------------------------


def noise(eps, embedding, mean, covariance, mean_name, covariance_name):
    """3.1: z = mu(a) + sqrt(Sigma(a)) eps for one sample.

    Args:
        eps: `[dz]`.
        embedding: `[da]`.
        mean: W_mu `[da, dz]` and b_mu `[dz]`.
        covariance: W_cov and b_cov alike, or None.
        mean_name: `linear` or `tanh`.
        covariance_name: `learned` or `identity`.
    """
    mu = mean[0].T @ embedding + mean[1]
    if mean_name == "tanh":
        mu = np.tanh(mu)
    sigma = np.eye(len(eps))
    if covariance_name == "learned":
        sigma = np.diag(np.exp(covariance[0].T @ embedding + covariance[1]))
    return mu + np.linalg.cholesky(sigma) @ eps


def activate(x, name: str):
    """ReLU, LeakyReLU with slope 0.2, or nothing."""
    # TensorFlow keeps the slope in single precision whatever x has.
    slope = {"relu": 0.0, "leaky_relu": np.float32(0.2), "linear": 1.0}[name]
    return np.where(x > 0, x, np.float64(slope) * x)


def mlp(x, layers, activations):
    """3.1-3.2: a multi-layer perceptron on one sample `[d]`.

    Args:
        x: its input.
        layers: for each layer its kernel `[in, out]` and bias `[out]`.
        activations: for each layer a name.
    """
    for (kernel, bias), name in zip(layers, activations):
        x = activate(kernel.T @ x + bias, name)
    return x


# --- Eq. 1, 7-9 --------------------------------------------------------------


def critic_loss(critic, real, fake, embeddings, mix, penalty_weight):
    """Eq. 1 and 7-9: E D(fake) - E D(real) + lambda E (slope - 1)^2."""
    mix = mix[:, tf.newaxis]
    x_hat = mix * real + (1.0 - mix) * fake
    with tf.GradientTape() as tape:
        tape.watch(x_hat)
        scores = critic(x_hat, embeddings)
    slopes = tf.norm(tape.gradient(scores, x_hat), axis=1)
    penalty = tf.reduce_mean((slopes - 1.0) ** 2)
    fake_score = tf.reduce_mean(critic(fake, embeddings))
    real_score = tf.reduce_mean(critic(real, embeddings))
    return fake_score - real_score + penalty_weight * penalty


# --- Eq. 6 -------------------------------------------------------------------


def compatibility(x, embedding, weights, bias):
    """Eq. 6: f(x, a) = (W^T x + b)^T a of one sample with one class."""
    return (weights.T @ x + bias) @ embedding


def cross_entropy(scores, label):
    """-log softmax(scores)[label] of one sample."""
    return np.log(np.sum(np.exp(scores))) - scores[label]


# --- Eq. 2-4 -----------------------------------------------------------------


def class_gradient(features, label, weights, bias, embeddings):
    """Eq. 2-3: gradients for W and b on samples `[n, dx]` of one class."""
    with tf.GradientTape() as tape:
        tape.watch((weights, bias))
        losses = []
        for i in range(len(features)):
            scores = tf.linalg.matvec(weights, features[i], transpose_a=True)
            scores += bias
            if embeddings is not None:
                scores = tf.linalg.matvec(embeddings, scores)
            losses.append(tf.reduce_logsumexp(scores) - scores[label])
        loss = sum(losses) / len(losses)
    return tape.gradient(loss, (weights, bias))


def cosine(a, b):
    """Cosine of two tensors of one shape."""
    return tf.reduce_sum(a * b) / (tf.norm(a) * tf.norm(b))


def flat(gradient):
    """g for W and b as one long vector."""
    return tf.concat([tf.reshape(part, [-1]) for part in gradient], axis=0)


def global_distance(real, fake):
    """Eq. 4: 1 - cos(g_r, g_s), over all of theta."""
    return 1.0 - cosine(flat(real), flat(fake))


def per_unit_distance(real, fake):
    """Eq. 4 in the release: the mean over W's columns, plus that of b."""
    columns = [
        1.0 - cosine(real[0][:, unit], fake[0][:, unit])
        for unit in range(real[0].shape[1])
    ]
    return sum(columns) / len(columns) + 1.0 - cosine(real[1], fake[1])


DISTANCES = {"global": global_distance, "per_unit": per_unit_distance}


def norm_distance(real, fake, order):
    """The l_p term beside Eq. 4: || g_r - g_s ||_p."""
    difference = tf.abs(flat(real) - flat(fake))
    return tf.reduce_sum(difference**order) ** (1.0 / order)


def matching_loss(
    real, fake, labels, theta, embeddings, distance, norm_weight, norm_order
):
    """Eq. 4: the mean over the classes of a step, with the l_p term.

    Args:
        real: `[classes, n, dx]`.
        fake: `[classes, m, dx]`.
        labels: `[classes]`.
        theta: W and b.
        embeddings: `[S, da]`, or None for the linear f.
        distance: `global` or `per_unit`.
        norm_weight: weight of the l_p term.
        norm_order: p.
    """
    losses = []
    for place, label in enumerate(labels):
        real_gradient, fake_gradient = (
            class_gradient(features[place], label, *theta, embeddings)
            for features in (real, fake)
        )
        loss = DISTANCES[distance](real_gradient, fake_gradient)
        if norm_weight:
            loss += norm_weight * norm_distance(
                real_gradient, fake_gradient, norm_order
            )
        losses.append(loss)
    return sum(losses) / len(losses)


# --- Eq. 5: a training step --------------------------------------------------


class Adam:
    """Kingma and Ba, Section 2, in the form with epsilon hat."""

    def __init__(self, learning_rate, beta_1, beta_2, epsilon, variables):
        self.learning_rate = learning_rate
        self.betas = beta_1, beta_2
        self.epsilon = epsilon
        self.variables = variables
        self.moments = [
            [np.zeros(v.shape), np.zeros(v.shape)] for v in variables
        ]
        self.steps = 0

    def minimise(self, loss, tape):
        """Moves the variables down the loss."""
        self.steps += 1
        gradients = tape.gradient(loss, self.variables)
        for variable, gradient, moments in zip(
            self.variables, gradients, self.moments
        ):
            rate = self.learning_rate
            for order, beta in enumerate(self.betas):
                moments[order] *= beta
                moments[order] += (1 - beta) * gradient.numpy() ** (order + 1)
                rate *= (1 - beta**self.steps) ** (-1.0, 0.5)[order]
            variable.assign_sub(
                rate * moments[0] / (np.sqrt(moments[1]) + self.epsilon)
            )


def train_step(
    generator, critic, embeddings, batch, penalty_weight, guidance, adams
):
    """Eq. 5: critic steps, each on data of its own; then the generator's.

    Args:
        generator: G.
        critic: D, or None.
        embeddings: `[C, da]`.
        batch: see `batches.training_batches`.
        penalty_weight: lambda.
        guidance: function of the fakes whose result is added to -E D(fake).
        adams: optimizers of the generator and of the critic.
    """
    samples = batch["critic"]
    for step in range(len(samples["labels"]) if critic is not None else 0):
        a = tf.gather(embeddings, samples["labels"][step])
        fake = generator(samples["noise"][step], a)
        with tf.GradientTape() as tape:
            loss = critic_loss(
                critic,
                samples["features"][step],
                fake,
                a,
                samples["mix"][step],
                penalty_weight,
            )
        adams[1].minimise(loss, tape)
    samples = batch["generator"]
    a = tf.gather(embeddings, samples["labels"])
    with tf.GradientTape() as tape:
        fake = generator(samples["noise"], a)
        loss = guidance(fake)
        if critic is not None:
            loss -= tf.reduce_mean(critic(fake, a))
    adams[0].minimise(loss, tape)
    return loss


# --- Section 3.4 -------------------------------------------------------------


def softmax(scores):
    """Probabilities of the classes, `[n, C]` -> `[n, C]`."""
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def closed_form_gradient(features, labels, weights, bias, embeddings):
    """Eq. 2-3 in closed form: X^T (P - Y) A / n, and its column sums."""
    scores = (features @ weights + bias) @ embeddings.T
    residuals = softmax(scores)
    residuals[np.arange(len(labels)), labels] -= 1.0
    residuals = residuals @ embeddings / len(labels)
    return features.T @ residuals, residuals.sum(axis=0)


def train_classifier(features, labels, embeddings, theta, orders, sgd):
    """3.4: SGD on f's cross-entropy, as PyTorch's SGD does it.

    Args:
        features: `[n, dx]`.
        labels: `[n]`.
        embeddings: `[C, da]`, the identity for the linear f.
        theta: initial W `[dx, da]` and b `[da]`.
        orders: for each epoch the rows in their order.
        sgd: a `gmn_tf.method.classifiers.sgd.SGD`.
    """
    weights, bias = (np.array(part, np.float64) for part in theta)
    velocities = np.zeros_like(weights), np.zeros_like(bias)
    for epoch, order in enumerate(orders):
        rate = sgd.learning_rate * sgd.decay**epoch
        for start in range(0, len(order), sgd.batch_size):
            rows = order[start : start + sgd.batch_size]
            gradients = closed_form_gradient(
                features[rows], labels[rows], weights, bias, embeddings
            )
            for parameter, velocity, gradient in zip(
                (weights, bias), velocities, gradients
            ):
                velocity *= sgd.momentum
                velocity += gradient + sgd.weight_decay * parameter
                parameter -= rate * velocity
    return weights, bias


# --- Section 4 ---------------------------------------------------------------


def mean_class_accuracy(labels, scores, candidates):
    """4: accuracy of each class that has samples, averaged over these."""
    right = {}
    for label, row in zip(labels, scores):
        best = max(candidates, key=lambda c: row[c])
        right.setdefault(label, []).append(best == label)
    return 100.0 * np.mean([np.mean(hits) for hits in right.values()])
