"""bin/demo."""

import signal
import socket

from gmn_tf.commands import define, shared
from gmn_tf.commands._describe import ENCODER
from gmn_tf.commands.command_line import command
from gmn_tf.settings import absolute_data_dir
from gmn_tf.utils.errors import InputError

HOST, PORT = "127.0.0.1", 7860
LOCAL = HOST, "localhost", "::1"
EVERY = "0.0.0.0", "::"  # addresses of this machine


@command(
    define.string("workdir", None, "Folder of a finished run."),
    define.required(["workdir"]),
    define.string(
        "host",
        HOST,
        "Address to listen on. Only this machine reaches the default; "
        "--host=0.0.0.0 lets everyone who reaches the machine use the page.",
    ),
    define.integer(
        "port", PORT, "Port to listen on; 0: any free one.", 0, 65535
    ),
    shared.MOVED_WEIGHTS,
    ENCODER,
    shared.MOVED_DATA_DIR,
    shared.MEMORY,
    shared.QUIET,
    after_interrupt="The page is closed.",
)
def demo(values) -> None:
    """Shows a page on which a finished run can be tried.

    bin/demo --workdir=runs/mybirds-auto-1
    """
    log = shared.logger(values)
    shared.check_runs([values.workdir])
    _check_installed()
    shared.begin(values, f"Opening {values.workdir}.", log_level=2)
    from gmn_tf.demo import page

    local = values.host in LOCAL
    app = make_app(values, local)
    server = page.make_server(app, values.host, values.port)
    shown = socket.gethostname() if values.host in EVERY else values.host
    shown = f"[{shown}]" if ":" in shown else shown
    log(f"Open http://{shown}:{server.effective_port} in a browser.")
    if not local:
        log("Everyone who reaches this address can use the page.")
    log("Ctrl-C ends it.")
    # SIGTERM acts like it, so that TensorFlow clears the temporary folder.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server.run()


def make_app(values, local: bool):
    """The application of a run, as the flags say."""
    from gmn_tf.commands._predict import load_backbone
    from gmn_tf.demo import answering, catalogue, page
    from gmn_tf.inference import prediction
    from gmn_tf.runs import mistakes
    from gmn_tf.runs.workdir import Workdir

    workdir = Workdir(values.workdir)
    predictor = prediction.Predictor.load(workdir)
    classes = predictor.classes
    known = catalogue.Catalogue.read(workdir, classes, values.data_dir)
    backbone = None
    if classes.backbone is not None:
        backbone = load_backbone(predictor, values)

    config, source = workdir.read_config()

    def load():
        from gmn_tf.data import zero_shot_data

        return zero_shot_data.load(  # features as they are: predicting scales
            source["name"],
            absolute_data_dir(values.data_dir or source["data_dir"]),
            config.split,
            config.embedding_norm,
            values.memory_gb * 2**30,
        )

    def describe(names, sentences):
        from gmn_tf.inference import new_classes

        return new_classes.from_words(classes, names, sentences, values.encoder)

    by_words = all(part.encoder is not None for part in classes.scalings)
    demo = answering.Demo(
        predictor,
        known,
        backbone,
        load=None if known.missing else load,
        describe=describe if by_words and classes.scalings else None,
        calibrated=bool(mistakes.fitted_on(workdir.read_json("metrics.json"))),
    )
    return page.make_app(demo, config.dataset, local)


def _check_installed() -> None:
    """Raises InputError if what serves the page is not installed."""
    try:
        import flask  # noqa: F401
        import waitress  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(
            "bin/demo needs packages that are not installed.",
            "Flask and Waitress",
            str(error),
            "Run pip install 'gmn_tf[demo]', or pip install -e '.[demo]' in "
            "the folder of the sources.",
        ) from error
