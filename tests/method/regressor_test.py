"""L_cycle's regressor: ridge regression from features to embeddings."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from gmn_tf.data.zero_shot_data import Samples
from gmn_tf.method import regressor
from tests.support import toys

COUNT = 23


def samples(scale=1.0):
    labels = (np.arange(COUNT) % toys.NUM_SEEN).astype(np.int32)
    features = scale * (3.0 + toys.normal(COUNT, toys.DX))
    return Samples(features.astype(np.float32), labels)


@pytest.mark.parametrize("ridge", [0.01, 2.0])
def test_it_is_ridge_regression(ridge, monkeypatch):
    monkeypatch.setattr(regressor, "BLOCK", 10)
    real, embeddings = samples(), toys.normal(toys.NUM_SEEN, toys.DA)
    variance = real.features.var(axis=0, dtype=np.float64).mean()
    expected = Ridge(alpha=COUNT * ridge * variance)
    expected.fit(real.features.astype(float), embeddings[real.labels])

    weights, bias = regressor.fit(real, embeddings, ridge)

    assert weights.shape == (toys.DX, toys.DA)
    np.testing.assert_allclose(weights, expected.coef_.T, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(bias, expected.intercept_, rtol=1e-4)


def test_the_scale_of_features_does_not_matter():
    embeddings = toys.normal(toys.NUM_SEEN, toys.DA)
    weights, bias = regressor.fit(samples(), embeddings, 0.1)
    scaled_weights, scaled_bias = regressor.fit(samples(8.0), embeddings, 0.1)

    np.testing.assert_allclose(8.0 * scaled_weights, weights, rtol=1e-4)
    np.testing.assert_allclose(scaled_bias, bias, rtol=1e-4)
