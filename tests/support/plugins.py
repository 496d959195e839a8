"""The plugin of docs/plugins.md, and others, as modules and as packages."""

import importlib
import pathlib
import re
import subprocess
import sys

from gmn_tf.method.classifiers.table import CLASSIFIERS
from gmn_tf.method.variants import GUIDANCES, VARIANTS
from gmn_tf.runs.entries import ENTRIES
from gmn_tf.utils import registry

ROOT = pathlib.Path(__file__).parents[2]
TABLES = (VARIANTS, GUIDANCES, CLASSIFIERS, ENTRIES)
METADATA = "Metadata-Version: 2.1\nName: {0}\nVersion: 1.0\n"
FILE = re.compile(r"```(?:python|toml)\n# (\S+\.\w+)\n(.*?)```", re.DOTALL)
# Nothing is fetched: what pip needs to build is installed, and so is gmn_tf.
OFFLINE = ("--no-index", "--no-build-isolation", "--no-deps", "--quiet")


def write_files(folder: pathlib.Path, files: dict[str, str]) -> None:
    """Writes modules, which Python then finds."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    importlib.invalidate_caches()


def documented() -> dict[str, str]:
    """The files of the package that docs/plugins.md shows, by name."""
    text = (ROOT / "docs" / "plugins.md").read_text("utf-8")
    return dict(FILE.findall(text))


def install(sources: pathlib.Path, folder: pathlib.Path) -> None:
    """Installs a package as a user does, but into the folder."""
    pip = (sys.executable, "-m", "pip", "install", *OFFLINE)
    subprocess.run([*pip, f"--target={folder}", sources], check=True)
    importlib.invalidate_caches()


def write_entry_point(folder: pathlib.Path, package: str, module: str) -> None:
    """What an installed package leaves, be its module there or not."""
    place = folder / f"{package}-1.0.dist-info"
    points = f"[{registry.GROUP}]\nit = {module}\n"
    files = {"METADATA": METADATA.format(package), "entry_points.txt": points}
    write_files(place, files)


class Scene:
    """Tables and modules as they were, to go back to."""

    def __init__(self):
        self.kept = [(dict(t._rows), dict(t._owners)) for t in TABLES]
        self.settings = dict(registry.SETTINGS)
        self.modules = set(sys.modules)

    def forget(self) -> None:
        """As if this process had just begun."""
        for table, (rows, owners) in zip(TABLES, self.kept):
            table._rows, table._owners = dict(rows), dict(owners)
        registry.SETTINGS.clear()
        registry.SETTINGS.update(self.settings)
        for name in set(sys.modules) - self.modules:
            if name.startswith("gmn_sparse") or name.startswith("plugin_"):
                del sys.modules[name]
        registry._load_installed.cache_clear()


def scene(folder: pathlib.Path, monkeypatch):
    """A fixture: what plugins in the folder register is forgotten later."""
    monkeypatch.syspath_prepend(folder)
    kept = Scene()
    kept.forget()
    yield kept
    kept.forget()
