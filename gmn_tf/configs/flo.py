"""Oxford Flowers: 82 + 20 classes.

    bin/train --dataset=flo --manual_dir=DIR --variant=cwgan_gm

Not in the paper or the release; CUB's settings, which are the defaults.
"""

RELEASE = {}
