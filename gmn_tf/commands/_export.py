"""bin/export."""

import pathlib

from gmn_tf.commands import define, shared
from gmn_tf.commands._predict import PREDICTOR, load_backbone, make_predictor
from gmn_tf.commands.command_line import command, start_tensorflow


@command(
    *PREDICTOR,
    define.string(
        "out",
        None,
        "Folder for all versions of the model; this one is added.",
    ),
    define.required(["out"]),
    define.enum(
        "backbone",
        "auto",
        ["auto", "on", "off"],
        "Whether the model includes the backbone and so takes images too; "
        "auto: if the run's data records which backbone it is.",
    ),
)
def export(values) -> None:
    """Writes a run as a model that TensorFlow alone can serve.

    bin/export --workdir=runs/mybirds-cwgan_gm-1 --out=serve/mybirds
    """
    log = shared.logger(values)
    shared.check_runs([values.workdir])
    start_tensorflow()
    from gmn_tf.inference import model_card, serving
    from gmn_tf.runs.workdir import Workdir

    predictor = make_predictor(values)
    attached = values.backbone == "on" or (
        values.backbone == "auto" and predictor.classes.backbone is not None
    )
    backbone = load_backbone(predictor, values) if attached else None
    workdir = Workdir(values.workdir)
    top_k = min(values.top_k, len(predictor.classes.names))
    card = model_card.text(workdir, predictor.classes, attached, top_k)
    folder = serving.export(
        predictor, pathlib.Path(values.out).expanduser(), card, backbone, top_k
    )
    count = len(predictor.classes.names)
    takes = "images and features" if attached else "features"
    log(f"A model of {count} classes that takes {takes}: {folder}")
    log(f"What it is and how to call it: {folder / 'MODEL_CARD.md'}")
