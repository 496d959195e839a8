"""A search that several processes share: KerasTuner's chief and workers.

KerasTuner reads from the environment who a process is, which is the chief if
it has that in its name, and where the chief listens. Its own chief and workers
wait silently and for ever; here they say for whom, and give up.
"""

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures

from etils import epy

from gmn_tf.utils import addresses, waiting
from gmn_tf.utils.addresses import Address
from gmn_tf.utils.errors import InputError

with epy.lazy_imports():  # they take seconds
    import grpc
    from keras_tuner.src import protos
    from keras_tuner.src.distribute import oracle_chief, oracle_client

TUNER_ID = "KERASTUNER_TUNER_ID"
HOST, PORT = "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"
VARIABLES = (TUNER_ID, HOST, PORT)
WHERE = f"{HOST} and {PORT}"
BEAT_SECONDS = 5.0  # between two signs of life of a worker
SILENT_SECONDS = 4.0 * BEAT_SECONDS  # after which it counts as missing


def is_chief() -> bool:
    """Whether this process has others run the trials."""
    return "chief" in os.environ.get(TUNER_ID, "")


def is_worker() -> bool:
    """Whether this process runs trials for a chief."""
    return TUNER_ID in os.environ and not is_chief()


def chief_address() -> Address:
    """Where the chief listens.

    Raises:
        InputError: for variables that name no address.
    """
    host, port = os.environ[HOST], os.environ[PORT]
    return addresses.parse(f"{host}:{port}", WHERE)


def check() -> None:
    """Checks KerasTuner's variables before anything starts.

    Raises:
        InputError: unless all of them are set, or none; for a name that no
            file can have, for an address that cannot be, and, in the chief,
            for one at which it cannot listen.
    """
    given = [name for name in VARIABLES if os.environ.get(name)]
    if given and len(given) < len(VARIABLES):
        raise InputError(
            "KerasTuner's distributed mode is only partly configured.",
            ", ".join(VARIABLES),
            f"{', '.join(given)} alone",
            "Set all three variables for each process, or none.",
        )
    if not given:
        for name in VARIABLES:  # Empty ones are none for KerasTuner, too.
            os.environ.pop(name, None)
        return
    name = os.environ[TUNER_ID]
    if not re.fullmatch(r"\w[\w.-]{0,99}", name) or name == "oracle":
        raise InputError(
            f"{TUNER_ID} is not a usable name.",
            "chief, or a worker's name of up to 100 letters, digits, dots "
            "and dashes, such as worker0",
            repr(name),
            "Correct it. docs/search.md explains it.",
        )
    address = chief_address()
    if is_chief():
        with addresses.listening(address, WHERE, everywhere=False):
            pass
    else:
        addresses.numbers(address, WHERE)


def not_by_workers(strategy: str) -> InputError:
    """The error for a search that several workers should train."""
    return InputError(
        "A search distributes trials, not steps.",
        "--strategy=auto, one or mirrored",
        f"--strategy={strategy}",
        "Distribute it by KerasTuner's variables, as docs/search.md explains, "
        "or choose settings on one machine and train on several with "
        "--config=best.json.",
    )


def not_automatic() -> InputError:
    """The error for an automatic search that several processes should share."""
    return InputError(
        "Several processes cannot share an automatic search.",
        f"an environment without {TUNER_ID}",
        f"{TUNER_ID} is set",
        "Unset it, or choose another --tuner.",
    )


def serve(oracle, minutes: float, log: Callable[[str], object]) -> None:
    """The chief: answers workers until all trials have ended.

    Args:
        oracle: KerasTuner's, which chooses the settings of trials.
        minutes: how long it waits while no worker gives a sign of life.
        log: gets lines on missing workers.

    Raises:
        InputError: if it cannot listen, or once it has waited for too long.
    """
    address = chief_address()
    with addresses.listening(address, WHERE, everywhere=False):
        pass  # gRPC would share the port with a second chief
    servicer = _servicer(oracle)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    server.add_insecure_port(str(address))
    server.start()
    away = waiting.Waiting(
        minutes,
        log,
        "Start workers, a lost one under its own name. The same command "
        "continues.",
    )
    try:
        while not (servicer.stop_triggered and oracle_chief.exit_chief(oracle)):
            time.sleep(waiting.POLL_SECONDS)
            missing = servicer.missing()
            if missing:
                away.note(missing)
            else:
                away.over()
    finally:
        server.stop(grace=1.0).wait()


def _servicer(oracle):
    """KerasTuner's half of the chief, which also knows who is alive."""

    class Servicer(oracle_chief.OracleServicer):
        def __init__(self):
            super().__init__(oracle)
            self.heard = {}

        def GetSpace(self, request, context):  # noqa: N802
            for name, value in context.invocation_metadata():
                if name == "worker":
                    self.heard[value] = time.monotonic()
            return super().GetSpace(request, context)

        def CreateTrial(self, request, context):  # noqa: N802
            self.heard[request.tuner_id] = time.monotonic()
            return super().CreateTrial(request, context)

        def missing(self) -> dict[str, str]:
            """Whom the chief waits for; nobody while a worker is alive."""
            now = time.monotonic()
            if any(
                now - last < SILENT_SECONDS for last in [*self.heard.values()]
            ):
                return {}
            lost = sorted(oracle.tuner_ids)
            if not lost:
                return {"workers": "none has asked for a trial"}
            return dict.fromkeys(lost, "no sign of life")

    return Servicer()


@contextlib.contextmanager
def with_chief(minutes: float, log: Callable[[str], object]) -> Iterator[None]:
    """A worker: waits for its chief, and shows it signs of life.

    Args:
        minutes: how long it waits for a chief that is missing.
        log: gets lines on that.

    Raises:
        InputError: if there is none after that time.
    """
    address = chief_address()
    name = f"the chief at {address}"

    def missing() -> dict[str, str]:
        _, reason = addresses.ask(address)
        return {name: reason} if reason else {}

    action = f"Start the chief, and check {WHERE}."
    waiting.wait(missing, minutes, log, action)
    ended = threading.Event()
    beating = threading.Thread(
        target=_beat, args=(address, ended, log), daemon=True
    )
    original = oracle_client.TIMEOUT
    oracle_client.TIMEOUT = max(60.0 * minutes, SILENT_SECONDS)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        oracle_client.TIMEOUT = original


def _beat(address: Address, ended: threading.Event, log) -> None:
    """Tells the chief every few seconds that this worker is alive."""
    beat = (("worker", os.environ[TUNER_ID]),)
    away = waiting.Waiting(float("inf"), log, "")
    with grpc.insecure_channel(str(address)) as channel:
        chief = protos.get_service_grpc().OracleStub(channel)
        while not ended.wait(BEAT_SECONDS):
            try:
                chief.GetSpace(
                    protos.get_service().GetSpaceRequest(),
                    timeout=BEAT_SECONDS,
                    metadata=beat,
                )
            except grpc.RpcError:
                away.note({f"the chief at {address}": "no answer"})
            else:
                away.over()
