import numpy as np
import pytest

from gmn_tf.config import Config
from gmn_tf.data import embeddings
from gmn_tf.utils.errors import InputError
from tests.support import toys

NAMES = ("a", "b", "c")
RAW = {"att": toys.normal(3, 4), "words": toys.normal(3, 2)}


def test_a_weight_scales_a_part():
    both = toys.scaled_embeddings(RAW, "l2,0.2*standard", NAMES)
    first = toys.scaled_embeddings({"att": RAW["att"]}, "l2", NAMES)
    second = toys.scaled_embeddings({"words": RAW["words"]}, "standard", NAMES)
    np.testing.assert_allclose(both[:, :4], first, rtol=1e-6)
    np.testing.assert_allclose(both[:, 4:], 0.2 * second, rtol=1e-6)
    parts = [{"name": "x", "dim": 2, "encoder": {"encoder": "words"}}]
    (scaling,) = embeddings.scalings(parts, [RAW["words"]], "3*l2", [0, 1])
    again = embeddings.Scaling.from_dict(scaling.to_dict())
    assert again == scaling and again.weight == 3.0
    # As classes.json was before there were weights and encoders.
    content = scaling.to_dict()
    del content["weight"], content["encoder"]
    assert embeddings.Scaling.from_dict(content).weight == 1.0


@pytest.mark.parametrize("norm", ["0*l2", "x*l2", "inf*l2", "*l2", "2*", "L2"])
def test_norms_that_mean_nothing(norm):
    with pytest.raises(InputError, match="embedding_norm"):
        Config(embedding_norm=norm)
