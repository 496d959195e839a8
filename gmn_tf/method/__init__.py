"""The paper, section by section: pure functions and networks, no `Config`.

The first line of each module names its equation or section. Where new parts go:

* a critic: its network in `critic`, what it minimises in `wgan_gp`;
* a term of Eq. 5: a layer in `guidance`, or in a file of its own, as
  `moments`, `autoencoding`, `regression` and `alignment`;
* what final classifiers see in place of features: `representation`;
* a noise or a generator: `generator`; its second pass: `feedback`;
* a distance of gradients (Eq. 4): a function in `gradient_matching.DISTANCES`.

A row of `variants` then composes it, and `gmn_tf.training` builds it from
settings.
"""
