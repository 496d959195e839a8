"""Adam in one fused kernel per variable.

Keras writes Adam as a chain of element-wise operations, each a pass over
memory; for networks of this size that is a tenth of a training step. The
formula is the same.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("gmn_tf")
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` (without AMSGrad) on TensorFlow's kernel."""

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        dtype = variable.dtype
        step = tf.cast(self.iterations + 1, dtype)
        beta_1, beta_2, epsilon = (
            tf.constant(value, dtype)
            for value in (self.beta_1, self.beta_2, self.epsilon)
        )
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=beta_1**step,
            beta2_power=beta_2**step,
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=gradient,
        )
