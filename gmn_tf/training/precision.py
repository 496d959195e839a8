"""Which numbers training multiplies: float32, or bfloat16 where it is fast.

With `mixed_bfloat16`, products of activations and weights have 16 bits, in
networks and in the training of final classifiers; weights, losses, penalties,
norms and Adam keep 32, and so do final classifiers once they are trained.
"""

import os
import pathlib
import sys

import tensorflow as tf

from gmn_tf.config import AUTO, MIXED, SINGLE, Config
from gmn_tf.data.feature_scaling import SIGNED

CPU_INFO = pathlib.Path("/proc/cpuinfo")
INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}  # as Linux names them
COMPUTE_CAPABILITY = (8, 0)  # of NVIDIA's GPUs since Ampere


def decided(config: Config) -> str:
    """The precision of a run, with `auto` decided: by this machine and data.

    Of numbers that are far from 0 beside their spread, as features that are
    not centred may be, bfloat16 keeps too few digits.
    """
    if config.precision != AUTO:
        return config.precision
    centred = config.feature_scaling in SIGNED
    return MIXED if centred and multiplies_bfloat16() else SINGLE


def policy(config: Config) -> str | None:
    """Keras's name of the precision; None is Keras's default."""
    name = decided(config)
    return None if name == SINGLE else name


def of_products(config: Config) -> str:
    """The type in which final classifiers multiply while they are trained."""
    return "bfloat16" if decided(config) == MIXED else "float32"


def multiplies_bfloat16() -> bool:
    """Whether the devices that train have instructions for bfloat16.

    All GPUs, if there are any, or else the processor, as far as Linux names
    its instructions and TensorFlow may use them (through oneDNN).
    """
    if gpus := tf.config.list_physical_devices("GPU"):
        details = map(tf.config.experimental.get_device_details, gpus)
        return all(
            one.get("compute_capability", (0, 0)) >= COMPUTE_CAPABILITY
            for one in details
        )
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        return False
    if sys.platform != "linux" or not CPU_INFO.exists():
        return False
    return not INSTRUCTIONS.isdisjoint(CPU_INFO.read_text().split())


def note(precision: str) -> str:
    """A line for the user: what was decided."""
    if precision == MIXED:
        return (
            "Steps of training multiply in bfloat16, with weights and losses "
            "in float32 (--precision)."
        )
    return "Steps of training multiply in float32 (--precision)."
