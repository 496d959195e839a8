"""Animals with Attributes 2: AWA's classes, other images.

    bin/train --dataset=awa2 --variant=cwgan_gm

Not in the paper or the release; AWA's settings.
"""

from gmn_tf.configs import awa

RELEASE = awa.RELEASE
