"""A schema made once: to migrate a new catalogue takes half a second, and the suite wants a thousand of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from uuid import uuid4

from repository.catalogue import Catalogue, schema

in_earnest = schema.migrate
"""For the tests of the migrations themselves; a command that is started as a process of its own takes it too."""


def template(file: Path) -> Path:
    """An SQLite catalogue with its schema and nothing in it, to be copied."""
    catalogue = Catalogue(f"sqlite:///{file}")
    in_earnest(catalogue)
    catalogue.close()
    return file


def by_copying(made: Path) -> None:
    """From now on, in this process, an SQLite catalogue of which there is no file yet begins as a copy of ``made``."""

    def migrate(catalogue: Catalogue) -> None:
        file = catalogue.url.database
        if catalogue.url.get_backend_name() == "sqlite" and file and not os.path.exists(file):  # noqa: PTH110
            new = f"{file}.{uuid4().hex}"
            shutil.copyfile(made, new)
            os.rename(new, file)  # noqa: PTH104
        in_earnest(catalogue)

    schema.migrate = migrate
