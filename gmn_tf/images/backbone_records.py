"""What is recorded of the backbone of features, and compared with another.

A record is `backbones.Backbone.description`. Nothing here imports TensorFlow.
"""

from gmn_tf.utils.errors import check_same

# What `backbones.Backbone.image` does with every image.
READ = {"exif_orientation": "applied", "transparency": "on white"}


def identity(description: dict) -> dict:
    """The part of a description that features of one kind have in common."""
    return network(description) | _reading(description)


def network(description: dict) -> dict:
    """The part of it that tells the network."""
    names = ("name", "weights_sha256", "image_size", "preprocessing")
    return {name: description.get(name) for name in names}


def check_read_alike(training: dict, new: dict) -> None:
    """Raises InputError for images that were read in another way.

    Args:
        training: the description of the backbone of a run.
        new: that of other features.
    """
    check_same(
        "The images of the training were read in another way than these.",
        _reading(training),
        _reading(new),
        "Extract the features of both with this version: where those of the "
        "training are the older ones, prepare their data and train again.",
    )


def _reading(description: dict) -> dict:
    return {name: description.get(name) for name in READ}
