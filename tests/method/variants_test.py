"""Tables 2 and 3, Fig. 5: the compositions."""

import pytest

from gmn_tf.method.variants import VARIANTS, Variant
from gmn_tf.utils.errors import InputError

# Which features the critic sees, which critic looks, what else guides.
TABLE = {
    "real_only": ("seen", None, ()),
    "wgan": ("seen", "D(x)", ()),
    "gm": ("seen", None, ("matching",)),
    "wgan_cls": ("seen", "D(x)", ("classification",)),
    "cwgan": ("seen", "D(x, a)", ()),
    "wgan_gm": ("seen", "D(x)", ("matching",)),
    "cwgan_gm": ("seen", "D(x, a)", ("matching",)),
    "wgan_transductive": ("seen+unlabelled", "D(x)", ()),
    "wgan_gm_transductive": ("seen+unlabelled", "D(x)", ("matching",)),
    "cwgan_cls": ("seen", "D(x, a)", ("classification",)),
    "cwgan_cycle": ("seen", "D(x, a)", ("cycle",)),
    "cwgan_cls_cycle": ("seen", "D(x, a)", ("classification", "cycle")),
    "gmmn": ("seen", None, ("moments",)),
    "gmmn_gm": ("seen", None, ("moments", "matching")),
    "cvae": ("seen", None, ("autoencoding", "regression")),
    "cvae_gm": ("seen", None, ("autoencoding", "regression", "matching")),
    "fvaegan": ("seen", "D(x, a)", ("autoencoding",)),
    "fvaegan_gm": ("seen", "D(x, a)", ("autoencoding", "matching")),
    "tfvaegan": ("seen", "D(x, a)", ("autoencoding", "regression")),
    "tfvaegan_gm": (
        *("seen", "D(x, a)"),
        ("autoencoding", "regression", "matching"),
    ),
    "cadavae": ("seen", None, ("alignment",)),
    "cadavae_gm": ("seen", None, ("alignment", "matching")),
    "class_normalisation": ("seen", None, ()),
    "zlap": ("seen", "D(x, a)", ()),
}
# What the final classifiers see, where it is not the features.
REPRESENTATIONS = {
    **dict.fromkeys(("tfvaegan", "tfvaegan_gm"), "decoded"),
    **dict.fromkeys(("cadavae", "cadavae_gm"), "codes"),
}
WITHOUT = ("real_only", "class_normalisation")


@pytest.mark.parametrize("name", TABLE)
def test_variant_is_composed_as_in_the_paper(name):
    variant = VARIANTS[name]

    assert (variant.stream, variant.critic, variant.guidance) == TABLE[name]
    assert len(VARIANTS) == len(TABLE)
    assert variant.representation == REPRESENTATIONS.get(name, "features")
    assert variant.has_generator == (name not in WITHOUT)


@pytest.mark.parametrize(
    ("guidance", "representation"),
    [(("regression",), "codes"), ((), "decoded"), (("alignment",), "cods")],
)
def test_a_representation_needs_its_guidance(guidance, representation):
    with pytest.raises(InputError, match="'codes' with alignment"):
        Variant("seen", "D(x)", guidance, representation)
