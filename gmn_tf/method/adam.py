"""Adam in one fused kernel per variable.

Keras writes Adam as a chain of element-wise operations, each a pass over
memory; for networks of this size that is a tenth of a training step. The
formula is the same.
"""

import keras
import tensorflow as tf


def apply(
    variable: tf.Variable,
    moments: tuple[tf.Variable, tf.Variable],
    gradient,
    step,
    learning_rate,
    betas: tuple[float, float],
    epsilon: float,
) -> None:
    """Moves one variable and its moments.

    Args:
        variable: of any shape, as are those that follow.
        moments: running means of the gradient and of its square.
        gradient: of the loss.
        step: number of this step, from 1 on, in the variable's type.
        learning_rate: of this step.
        betas: beta_1 and beta_2.
        epsilon: beside the root of the second moment.
    """
    beta_1, beta_2, epsilon = (
        tf.constant(value, variable.dtype) for value in (*betas, epsilon)
    )
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=moments[0].handle,
        v=moments[1].handle,
        beta1_power=beta_1**step,
        beta2_power=beta_2**step,
        lr=tf.cast(learning_rate, variable.dtype),
        beta1=beta_1,
        beta2=beta_2,
        epsilon=epsilon,
        grad=gradient,
    )


@keras.saving.register_keras_serializable("gmn_tf")
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` (without AMSGrad) on TensorFlow's kernel."""

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        apply(
            variable,
            (self._momentums[index].value, self._velocities[index].value),
            gradient,
            tf.cast(self.iterations + 1, variable.dtype),
            learning_rate,
            (self.beta_1, self.beta_2),
            self.epsilon,
        )
