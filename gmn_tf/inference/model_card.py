"""What somebody has to know of a model that is served: its model card."""

import pathlib
from collections.abc import Mapping

import jinja2

from gmn_tf.config import Config
from gmn_tf.data.label_map import ADDED, SEEN, UNSEEN, LabelMap
from gmn_tf.runs import report
from gmn_tf.utils.errors import InputError

TEMPLATE = pathlib.Path(__file__).with_suffix(".md")


def text(
    run: Mapping,
    metrics: Mapping,
    classes: LabelMap,
    with_images: bool,
    top_k: int,
) -> str:
    """The model card as Markdown.

    Args:
        run: settings, data and versions, as config.json has them.
        metrics: the scores, as metrics.json has them.
        classes: what is told apart, those added after the training too.
        with_images: whether the backbone is part of the model.
        top_k: how many classes an answer has.

    Raises:
        InputError: if the run does not tell what is needed.
    """
    try:
        return _rendered(run, metrics, classes, with_images, top_k)
    except (KeyError, TypeError, jinja2.UndefinedError) as error:
        raise InputError(
            "The run does not tell what its model card has to.",
            "config.json and metrics.json as bin/train writes them",
            f"{type(error).__name__}: {error}",
            "train again into another --workdir",
        ) from error


def _rendered(run, metrics, classes, with_images, top_k) -> str:
    defaults = Config().to_dict()
    template = jinja2.Template(
        TEMPLATE.read_text("utf-8"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return template.render(
        config=run["config"],
        source=run["data"],
        version=run["versions"]["gmn_tf"],
        scores=report.scores_table(metrics),
        classes=classes,
        counts={k: classes.kinds.count(k) for k in (SEEN, UNSEEN, ADDED)},
        backbone=classes.backbone,
        dim=classes.feature_dim,
        with_images=with_images,
        top_k=top_k,
        settings=", ".join(
            f"{name} {value}"
            for name, value in run["config"].items()
            if value != defaults[name]
        ),
    )
