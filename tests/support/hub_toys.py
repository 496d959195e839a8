"""Small presets of KerasHub with random weights, as save_to_preset writes.

KerasHub is imported where it is used: that takes seconds, in every process
that collects tests.
"""

import io
import pathlib

import keras

SIDE = 16  # of the images
DIM = 6  # of the embeddings of both towers
LETTERS = "abcdefghijklmnopqrstuvwxyz.,"
MOST_TOKENS = 40


def write_clip(folder: pathlib.Path) -> pathlib.Path:
    """A model of images and texts."""
    import keras_hub

    keras.utils.set_random_seed(5)
    sizes = {"num_layers": 1, "num_heads": 2, "intermediate_dim": 12}
    tokens = ["ow", *LETTERS, *(f"{c}</w>" for c in LETTERS)]
    special = ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: i for i, token in enumerate([*tokens, *special])}
    model = keras_hub.models.CLIPBackbone(
        keras_hub.models.CLIPVisionEncoder(
            8, 10, image_shape=(SIDE, SIDE, 3), **sizes
        ),
        keras_hub.models.CLIPTextEncoder(
            len(vocabulary),
            8,
            8,
            max_sequence_length=MOST_TOKENS,
            **sizes,
        ),
        DIM,
    )
    # So that sentences differ, whose last token is what counts.
    for weight in model.trainable_weights:
        if len(weight.shape) > 1:
            values = keras.random.normal(weight.shape, stddev=0.5)
            weight.assign(values)
    preprocessor = keras_hub.models.CLIPPreprocessor(
        keras_hub.models.CLIPTokenizer(vocabulary, ["o w"]),
        keras_hub.layers.CLIPImageConverter(
            image_size=(SIDE, SIDE),
            scale=[0.01, 0.02, 0.03],
            offset=[-1.0, -2.0, -3.0],
            interpolation="bicubic",
            antialias=True,
        ),
        sequence_length=MOST_TOKENS,
    )
    model.save_to_preset(str(folder))
    preprocessor.save_to_preset(str(folder))
    return folder


def write_siglip(folder: pathlib.Path) -> pathlib.Path:
    """Another model of images and texts, which reads texts in another way."""
    import keras_hub
    import sentencepiece

    keras.utils.set_random_seed(4)
    sizes = {"num_layers": 1, "num_heads": 2, "intermediate_dim": 12}
    model = keras_hub.models.SigLIPBackbone(
        keras_hub.models.SigLIPVisionEncoder(
            8, DIM, image_shape=(SIDE, SIDE, 3), **sizes
        ),
        keras_hub.models.SigLIPTextEncoder(
            60, DIM, DIM, max_sequence_length=MOST_TOKENS, **sizes
        ),
    )
    for weight in model.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(keras.random.normal(weight.shape, stddev=0.5))
    vocabulary = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter([LETTERS, " ".join(LETTERS)] * 9),
        model_writer=vocabulary,
        vocab_size=60,
        hard_vocab_limit=False,
        minloglevel=3,
        **{"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},
    )
    preprocessor = keras_hub.models.SigLIPPreprocessor(
        keras_hub.models.SigLIPTokenizer(vocabulary.getvalue()),
        keras_hub.layers.SigLIPImageConverter(
            image_size=(SIDE, SIDE), scale=1 / 127.5, offset=-1.0
        ),
        sequence_length=MOST_TOKENS,
    )
    model.save_to_preset(str(folder))
    preprocessor.save_to_preset(str(folder))
    return folder


def write_dino(folder: pathlib.Path) -> pathlib.Path:
    """A model of images alone, of which the first token counts."""
    import keras_hub

    keras.utils.set_random_seed(6)
    model = keras_hub.models.DINOV2Backbone(
        patch_size=8,
        num_layers=1,
        hidden_dim=DIM,
        num_heads=2,
        intermediate_dim=12,
        image_shape=(SIDE, SIDE, 3),
        position_embedding_shape=(SIDE, SIDE, 3),
    )
    model.save_to_preset(str(folder))
    converter = keras_hub.layers.DINOV2ImageConverter(
        image_size=(SIDE, SIDE), scale=1 / 255.0, crop_to_aspect_ratio=False
    )
    converter.save_to_preset(str(folder))
    return folder


def write_resnet(folder: pathlib.Path) -> pathlib.Path:
    """A model of images alone, whose output has two axes of space."""
    import keras_hub

    keras.utils.set_random_seed(7)
    model = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64],  # fewer are refused
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=(None, None, 3),
    )
    model.save_to_preset(str(folder))
    converter = keras_hub.layers.ResNetImageConverter(image_size=(SIDE, SIDE))
    converter.save_to_preset(str(folder))
    return folder
