"""A throw-away Postgres for tests: a cluster on a unix socket, or the server in COGENT_TEST_POSTGRES.

Belongs here: finding, starting and stopping one, and making empty databases in it.
Does not belong here: any test.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

VARIABLE = "COGENT_TEST_POSTGRES"
WHY_NOT = f"no Postgres: neither its programs (initdb, postgres) nor {VARIABLE} (a URL) were found"


def programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``, wherever the system's package puts it."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


@contextmanager
def server() -> Iterator[str | None]:
    """The URL of a server whose databases may be made and dropped; None when there is none to be had."""
    given = os.environ.get(VARIABLE)
    folder = programs()
    if given or folder is None:
        yield given
        return
    home = Path(tempfile.mkdtemp(prefix="cogent-pg-", dir="/tmp"))
    user = _other_user() if os.geteuid() == 0 else None  # initdb refuses to run as root
    if user:
        shutil.chown(home, user)
    data = home / "data"
    try:
        _run(
            [folder / "initdb", "-D", data, "-U", "cogent", "-A", "trust", "-E", "UTF8", "--no-sync"],
            user,
            home,
        )
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(
                f"listen_addresses = ''\nunix_socket_directories = '{home}'\n"
                "fsync = off\nmax_connections = 50\n"
            )
        _run([folder / "pg_ctl", "-D", data, "-w", "-l", home / "log", "start"], user, home)
        try:
            yield f"postgresql+psycopg://cogent@/postgres?host={home}"
        finally:
            _run([folder / "pg_ctl", "-D", data, "-m", "immediate", "stop"], user, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _other_user() -> str:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("no user but root to run Postgres as")


def _run(command: list[object], user: str | None, home: Path) -> None:
    subprocess.run(
        [str(part) for part in command],
        check=True,
        user=user,
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(home), "LC_ALL": "C"},
    )


@contextmanager
def database(server_url: str, template: str | None = None) -> Iterator[str]:
    """The URL of a new database (a copy of ``template``), dropped afterwards."""
    name = f"cogent_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(
            sa.text(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        )
    try:
        yield sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        engine.dispose()
