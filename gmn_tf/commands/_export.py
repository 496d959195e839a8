"""bin/export."""

import pathlib

from gmn_tf.commands import define, shared
from gmn_tf.commands._predict import (
    PREDICTOR,
    check_predictor,
    load_backbone,
    make_predictor,
)
from gmn_tf.commands.command_line import (
    command,
    without_noise,
)
from gmn_tf.inference import format_table
from gmn_tf.utils import files


@command(
    *PREDICTOR,
    define.string(
        "out",
        None,
        "Folder for all versions of the model; this one is added.",
    ),
    define.required(["out"]),
    define.listed(
        "format",
        [format_table.SAVED_MODEL],
        f"Formats, with commas between them: {', '.join(format_table.MODULES)}"
        ". Those besides saved_model need the extra `formats`.",
    ),
    define.enum(
        "backbone",
        "auto",
        ["auto", "on", "off"],
        "Whether the model includes the backbone and so takes images too; "
        "auto: if the run's data records which backbone it is.",
    ),
)
def export(values) -> None:
    """Writes a run as a model that TensorFlow, LiteRT or ONNX Runtime runs.

    bin/export --workdir=runs/mybirds-cwgan_gm-1 --out=serve/mybirds
    """
    log = shared.logger(values)
    check_predictor(values)
    format_table.check(values.format)
    out = pathlib.Path(values.out).expanduser()
    files.check_writable(out, "--out")
    # Converters warn of what is usual.
    shared.begin(values, f"Exporting {values.workdir} to {out}.", log_level=2)
    from gmn_tf.inference import exporting, model_card
    from gmn_tf.runs.workdir import Workdir

    predictor = make_predictor(values)
    attached = values.backbone == "on" or (
        values.backbone == "auto" and predictor.classes.backbone is not None
    )
    backbone = load_backbone(predictor, values) if attached else None
    workdir = Workdir(values.workdir)
    top_k = min(values.top_k, len(predictor.classes.names))

    def card(written):
        return model_card.text(
            workdir, predictor.classes, attached, top_k, written
        )

    with without_noise():
        folder, written = exporting.export(
            predictor, out, card, backbone, top_k, values.format
        )
    count = len(predictor.classes.names)
    takes = "images and features" if attached else "features"
    log(f"A model of {count} classes that takes {takes}: {folder}")
    for one in written:
        log(
            f"  {one.name}, {one.signature}: {one.size / 1e6:.2f} MB, differs "
            f"in {one.runtime} by at most {one.difference:.1g} from bin/predict"
        )
    log(f"What it is and how to call it: {folder / 'MODEL_CARD.md'}")
