"""Tables 2 and 3, Fig. 5: the compositions."""

import pytest

from gmn_tf.method.variants import VARIANTS

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
}


@pytest.mark.parametrize("name", TABLE)
def test_variant_is_composed_as_in_the_paper(name):
    variant = VARIANTS[name]

    assert (variant.stream, variant.critic, variant.guidance) == TABLE[name]
    assert len(VARIANTS) == len(TABLE)
    assert variant.has_generator == (name != "real_only")
