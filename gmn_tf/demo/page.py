"""The page: its addresses, its limits, and its errors.

Nothing comes from another site, and nothing goes there: every file of the page
is served from here, and its policy forbids the browser any other source.
"""

import base64
import os
import re
import threading

import flask
import numpy as np
import waitress
import werkzeug.exceptions
from waitress.server import BaseWSGIServer

from gmn_tf.demo.answering import MOST_ADDED, Demo
from gmn_tf.demo.catalogue import shown
from gmn_tf.demo.uploads import ROWS
from gmn_tf.utils import addresses
from gmn_tf.utils.errors import InputError
from gmn_tf_datasets.zero_shot.custom.features import IMAGES

LOCAL = "127.0.0.1", "localhost", "[::1]"  # as browsers name this machine
MEGABYTE = 2**20
LARGEST_FILE = 20  # megabytes
LARGEST_REQUEST = 32  # megabytes, of features that come back
TOP_K = 5
POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def make_app(demo: Demo, title: str, local: bool = True) -> flask.Flask:
    """The application.

    Args:
        demo: what answers.
        title: of the page, such as the name of the run's data set.
        local: whether only this machine reaches it; then requests that were
            sent to another name, as pages of other sites can make a browser
            do, are refused.
    """
    app = flask.Flask(__name__)
    app.json.sort_keys = False
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST * MEGABYTE
    turn = threading.Lock()  # two cores compute nothing faster at once

    @app.before_request
    def check_origin():
        name = re.sub(r":\d+$", "", flask.request.host)
        if local and name not in LOCAL:
            flask.abort(400, "This page is for this machine alone.")
        site = flask.request.headers.get("Sec-Fetch-Site", "same-origin")
        if flask.request.method == "POST" and site != "same-origin":
            flask.abort(403)

    @app.after_request
    def forbid_other_sites(response):
        response.headers.update(POLICY)
        return response

    @app.errorhandler(InputError)
    def refuse(error):
        return {
            "problem": str(error.problem),
            "expected": str(error.expected),
            "received": str(error.received),
            "action": str(error.action),
        }, 400

    @app.errorhandler(werkzeug.exceptions.HTTPException)
    def refuse_request(error):
        problem = error.description or error.name
        action = "Load the page again."
        if error.code == 413:
            problem = f"The file is larger than {LARGEST_FILE} MB."
            action = "Make the photograph smaller, or send fewer rows."
        elif error.code >= 500:
            problem, action = "The server failed.", "See what bin/demo printed."
        return {"problem": problem, "action": action}, error.code

    @app.get("/")
    def show():
        classes = demo.predictor.classes
        return flask.render_template(
            "demo.html",
            title=title,
            counts={k: classes.kinds.count(k) for k in ("seen", "unseen")},
            photographs=demo.backbone is not None,
            backbone=(classes.backbone or {}).get("name"),
            dim=classes.feature_dim,
            largest=LARGEST_FILE,
            accept=",".join((IMAGES if demo.backbone else ()) + ROWS),
            has_data=demo.load is not None,
            takes_classes=demo.takes_new_classes,
            by_words=demo.describe is not None,
            missing=demo.catalogue.missing,
            notes=demo.catalogue.notes,
            calibrated=demo.calibrated,
            known=[
                {
                    "name": name,
                    "shown": shown(name),
                    "kind": kind,
                    "accuracy": demo.catalogue.accuracies.get(name),
                }
                for name, kind in zip(classes.names, classes.kinds)
            ],
            most_added=MOST_ADDED,
        )

    @app.post("/features")
    def features():
        file = flask.request.files.get("file")
        if file is None:
            flask.abort(400, "No file came with the request.")
        content = file.stream.read(LARGEST_FILE * MEGABYTE + 1)
        if len(content) > LARGEST_FILE * MEGABYTE:
            flask.abort(413)
        with turn:
            return _samples(demo.read(file.filename or "", content))

    @app.post("/held_back")
    def held_back():
        seed = int.from_bytes(os.urandom(4), "big")
        with turn:
            return _samples(demo.held_back(seed))

    @app.post("/answers")
    def answers():
        sent = _json("features", "added")
        try:
            rows = [_decoded(one) for one in sent["features"]]
            names = [str(one["name"]) for one in sent["added"]]
            values = [
                [float(v) for v in one["values"]] for one in sent["added"]
            ]
            for one in rows, values:  # each is a matrix, or there is none
                if len({*map(len, one)}) > 1:
                    raise ValueError
        except (KeyError, TypeError, ValueError):
            flask.abort(400, "The request holds no samples, or no classes.")
        with turn:
            return {"answers": demo.answers(rows, names, values, TOP_K)}

    @app.post("/describe")
    def describe():
        sent = _json("name", "sentence")
        name, sentence = (
            str(sent["name"]).strip(),
            str(sent["sentence"]).strip(),
        )
        demo.predictor.classes.with_added([name])  # raises for a bad name
        with turn:
            values = demo.describes(name, sentence)
        return {"values": [float(value) for value in values]}

    @app.post("/sliders")
    def sliders():
        values = demo.catalogue.description(str(_json("like")["like"]))
        return {
            "values": [float(value) for value in values],
            "strongest": demo.catalogue.strongest(values),
        }

    @app.post("/class")
    def look_at():
        return demo.catalogue.look_at(str(_json("name")["name"]))

    return app


def _json(*names: str) -> dict:
    """The JSON of the request, an object with these entries."""
    sent = flask.request.get_json()
    if not isinstance(sent, dict) or not set(names) <= set(sent):
        flask.abort(400, f"The request lacks {' or '.join(names)}.")
    return sent


def _samples(samples) -> dict:
    return {
        "samples": [
            {**sample, "features": _encoded(sample["features"])}
            for sample in samples
        ]
    }


def _encoded(row) -> str:
    return base64.b64encode(np.asarray(row, "<f4").tobytes()).decode()


def _decoded(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text, validate=True), "<f4")


def make_server(app: flask.Flask, host: str, port: int) -> BaseWSGIServer:
    """A server that listens; `run()` serves until it is closed.

    Args:
        app: the application.
        host: the address to listen on.
        port: 0 takes any that is free (`server.effective_port`).

    Raises:
        InputError: if it cannot listen there.
    """
    address = addresses.Address(host, port)
    return waitress.create_server(
        app,
        # A name may have several addresses; one is enough.
        sockets=[addresses.listening(address, "--host, --port", False)],
        threads=4,
        # A little more, so that the application can say what is too large.
        max_request_body_size=2 * LARGEST_REQUEST * MEGABYTE,
        ident=None,
        clear_untrusted_proxy_headers=True,
    )
