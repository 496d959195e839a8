"""The model card: what users of an exported model have to know about it."""

import pathlib
from collections.abc import Sequence

import jinja2

from gmn_tf.config import Config
from gmn_tf.data.label_map import ADDED, SEEN, UNSEEN, LabelMap
from gmn_tf.inference.exporting import Checked
from gmn_tf.inference.serving import FEATURES, IMAGES
from gmn_tf.runs import report
from gmn_tf.runs.workdir import Workdir
from gmn_tf.utils.errors import InputError, counted

TEMPLATE = pathlib.Path(__file__).with_suffix(".md")


def text(
    workdir: Workdir,
    classes: LabelMap,
    with_images: bool,
    top_k: int,
    written: Sequence[Checked],
) -> str:
    """The model card as Markdown.

    Args:
        workdir: the folder of the finished run.
        classes: its label map, with the classes added after training.
        with_images: whether the backbone is part of the model.
        top_k: how many classes an answer has.
        written: the model in its formats.

    Raises:
        InputError: if config.json or metrics.json lacks what is needed.
    """
    run, metrics = map(workdir.read_json, ("config.json", "metrics.json"))
    template = jinja2.Template(
        TEMPLATE.read_text("utf-8"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    defaults = Config().to_dict()
    try:
        return template.render(
            config=run["config"],
            counted=counted,
            source=run["data"],
            version=run["versions"]["gmn_tf"],
            scores=report.scores_table(metrics),
            calibration=metrics.get("calibration"),
            classifiers=metrics["classifier_seeds"],
            classes=classes,
            counts={k: classes.kinds.count(k) for k in (SEEN, UNSEEN, ADDED)},
            backbone=classes.backbone,
            dim=classes.feature_dim,
            with_images=with_images,
            top_k=top_k,
            written=written,
            runtimes={one.runtime for one in written},
            kind=IMAGES if with_images else FEATURES,
            size=(classes.backbone or {}).get("image_size"),
            settings=", ".join(
                f"{name} {value}"
                for name, value in run["config"].items()
                if value != defaults[name]
            ),
        )
    except (KeyError, TypeError, jinja2.UndefinedError) as error:
        raise InputError(
            f"The files of {workdir} lack what its model card needs.",
            "config.json and metrics.json as bin/train writes them",
            f"{type(error).__name__}: {error}",
            "Train again into another --workdir.",
        ) from error
