"""Databases of benchmarks: made beside the configured one, and kept between runs where a benchmark asks for it."""

import os
from urllib.parse import urlsplit

import psycopg
from psycopg import sql


def use_database(name: str, *, keep: bool = False) -> bool:
    """Points this process and its children at a database of that name. Returns whether a kept one is there.

    Without ``keep`` it is made anew.
    """
    url = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(url.geturl(), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if not (keep and found):
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    os.environ["DATABASE_URL"] = url._replace(path=f"/{name}").geturl()
    return bool(keep and found)


def drop_database(name: str) -> None:
    """Drops what ``use_database`` made; this process must have no connection to it left."""
    url = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(url._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
