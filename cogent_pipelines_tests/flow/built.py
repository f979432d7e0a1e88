"""Tables and models, built by dbt once for a whole test session, whoever needs them first.

Belongs here: keeping what dbt has built, and giving it to the next retailer.
Does not belong here: what is built (``defs/transform``), or a retailer (``conftest``, ``test_losses``).
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cogent_pipelines import demo
from cogent_pipelines import estate as estates
from cogent_pipelines.defs import transform
from cogent_pipelines.estate import Place


def by_dbt(runner: demo.Runner) -> None:
    """Build in place."""
    assert demo.build(runner)


@dataclass(frozen=True, slots=True)
class Built:
    """What dbt built, kept in a folder that all processes of a session share."""

    folder: Path

    @classmethod
    def of(cls, session: pytest.TempPathFactory) -> Built:
        """The folder of this session: of all its workers, or of this process alone."""
        own = session.getbasetemp()
        folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
        return cls(folder / "built")

    def prepare(self, root: Path, estate_file: Path) -> demo.Runner:
        """A retailer's folder with everything built in it."""
        place = Place(root)
        with self._alone():
            if (self.folder / "dbt").is_dir():
                shutil.copytree(self.folder / "dbt", place.manifest.parent)
                runner = demo.prepare(root, estate_file)
                self.again(runner)
                return runner
            runner = demo.prepare(root, estate_file)
            by_dbt(runner)
            shutil.copyfile(place.warehouse, self.folder / place.warehouse.name)
            shutil.copytree(place.manifest.parent, self.folder / "dbt")
        return runner

    def again(self, runner: demo.Runner) -> None:
        """Put what was built, and nothing that was read, in the place of the tables."""
        place = runner.place
        shutil.copyfile(self.folder / place.warehouse.name, place.warehouse)
        transform.lay_out(place, estates.load(Path(runner.retailer.estate_file)))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
