"""Cut the power at every write of a workload and judge what is left.

The idea is SQLite's: fail at I/O number 1, 2, 3, ... until a run gets through.
"""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from syncpatterns.testing._powercut._disk import ImageKind
from syncpatterns.testing._powercut._vfs import PowerCutVFS

__all__ = ["PowerCutReport", "power_cut_sweep"]

Acknowledge: TypeAlias = Callable[[str], None]
Workload: TypeAlias = Callable[[PowerCutVFS, Acknowledge], object]
Judge: TypeAlias = Callable[[Path, Sequence[str]], str | None]

_DB = "app.db"


@dataclass(slots=True)
class PowerCutReport:
    """What a sweep found.

    Attributes:
        points: I/O operations at which the power was cut.
        images: Disks judged; several for each point.
        acknowledged: Acknowledgements of the run that was not cut.
        violations: What *judge* found, each with point and image.
    """

    points: int = 0
    images: int = 0
    acknowledged: int = 0
    violations: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        """Whether there was something to judge and nothing to complain about."""
        return not self.violations and self.images > 0 and self.acknowledged > 0

    def __str__(self) -> str:
        head = (
            f"{self.images} images of {self.points} power cuts, "
            f"{self.acknowledged} acknowledgements, "
            f"{len(self.violations)} violations"
        )
        return "\n".join([head, *self.violations[:10]])


def power_cut_sweep(
    run: Workload,
    judge: Judge,
    *,
    prepare: Callable[[PowerCutVFS], object] | None = None,
    images: Sequence[ImageKind] = ("drop", "keep", "random", "torn"),
    seed: int = 0,
    honours_fsync: bool = True,
    limit: int = 10_000,
) -> PowerCutReport:
    """Run a workload again and again, cutting the power at I/O 1, 2, 3, ...

    After each cut, and after the run that got through, what the disk may hold
    is written to a fresh folder, several times with different luck, and judged.
    A -shm file is left beside it: none, the last one, or rubbish.

    Args:
        run: The workload. ``vfs.connect()`` gives it apsw connections to the
            database ``app.db`` on the failing disk, ``vfs.connect_sqlite3()``
            the same for code written for sqlite3. It calls
            ``acknowledge(key)`` at the moment it would tell a caller "done". It
            must do the same in every run.
        judge: Opens the database at the path it is given (with any SQLite) and
            returns what is wrong, or None. It gets the acknowledged keys.
            `sqlite3.DatabaseError` counts as a damaged database.
        prepare: Runs before, on a disk that keeps everything.
        images: The kinds of luck, see ``Disk.image``.
        seed: Of the coins.
        honours_fsync: False simulates a disk that lies.
        limit: Cuts after which to give up.

    Raises:
        RuntimeError: If the workload still was not done after *limit* cuts.
    """
    report = PowerCutReport()
    for n in range(1, limit + 1):
        with tempfile.TemporaryDirectory(prefix="powercut-", dir=_fast()) as folder:
            case = _Case(Path(folder), n, honours_fsync=honours_fsync)
            was_cut = case.run(run, prepare)
            for path, what in case.disks(images, seed):
                report.images += 1
                verdict = _judged(judge, path, case.acknowledged)
                if verdict:
                    report.violations.append(f"{what}: {verdict}")
        if not was_cut:
            report.acknowledged = len(case.acknowledged)
            return report
        report.points += 1
    raise RuntimeError(f"the workload was not done after {limit} power cuts")


class _Case:
    """One run on one disk, cut at operation *cut_at* after the preparation."""

    def __init__(self, folder: Path, cut_at: int, *, honours_fsync: bool) -> None:
        self.acknowledged: list[str] = []
        self._folder = folder
        self._cut_at = cut_at
        self._honours_fsync = honours_fsync
        self._live = folder / "live"
        self._live.mkdir()

    def run(
        self,
        workload: Workload,
        prepare: Callable[[PowerCutVFS], object] | None,
    ) -> bool:
        """Do it, and say whether the power was cut."""
        if prepare is not None:
            with PowerCutVFS(self._live) as vfs:
                prepare(vfs)
        with PowerCutVFS(
            self._live, cut_at=self._cut_at, honours_fsync=self._honours_fsync
        ) as vfs:
            self._remember_files(vfs)
            try:
                workload(vfs, self.acknowledged.append)
            except Exception:
                if not vfs.disk.off:
                    raise
            self._disk = vfs.disk
            self._shm = self._read_shm()
            return vfs.disk.off

    def disks(
        self, kinds: Sequence[ImageKind], seed: int
    ) -> Iterator[tuple[Path, str]]:
        """Write out each disk and yield the database's path and a description."""
        when = f"I/O {self._cut_at}" if self._disk.off else "after the end"
        for i, kind in enumerate(kinds):
            rng = random.Random(f"{seed}/{self._cut_at}/{i}")  # noqa: S311 - a coin
            folder = self._folder / f"image-{i}"
            folder.mkdir()
            for name, content in self._disk.image(kind, rng).items():
                (folder / Path(name).name).write_bytes(content)
            shm = rng.choice((None, self._shm, rng.randbytes(len(self._shm))))
            if shm:
                (folder / f"{_DB}-shm").write_bytes(shm)
            yield folder / _DB, f"{when}, {kind}, seed {seed}"

    def _remember_files(self, vfs: PowerCutVFS) -> None:
        """Files left by the preparation are safe, also if never opened again."""
        for path in self._live.iterdir():
            if not path.name.endswith("-shm"):
                vfs.disk.open(str(path.resolve()), path.read_bytes())

    def _read_shm(self) -> bytes:
        shm = self._live / f"{_DB}-shm"
        return shm.read_bytes() if shm.exists() else b""


def _judged(judge: Judge, path: Path, acknowledged: Sequence[str]) -> str | None:
    try:
        return judge(path, tuple(acknowledged))
    except sqlite3.DatabaseError as error:
        return f"damaged: {error}"


def _fast() -> str | None:
    """A folder in memory, where there is one: these files need no disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - mkdtemp makes its own
