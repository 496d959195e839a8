"""Section 3.4: f of Eq. 6, trained with cross-entropy.

f(x, a) = (W^T x + b)^T a
"""

import functools

from gmn_tf.method.classifiers import sgd

Settings = sgd.SGD
fit = functools.partial(sgd.fit_in_span, losses=sgd.cross_entropy)
