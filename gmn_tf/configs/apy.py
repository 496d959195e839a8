"""Attribute Pascal and Yahoo: 20 + 12 classes of objects.

    bin/train --dataset=apy --variant=cwgan_gm

Not in the paper or the release; AWA's settings, the set nearest in size.
"""

from gmn_tf.configs import awa

RELEASE = awa.RELEASE
