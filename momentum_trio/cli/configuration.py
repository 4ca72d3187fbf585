"""The configuration as one-shot tools read it: plain blocking reads, no trio."""

from __future__ import annotations

import os
import socket
import stat

from momentum_trio.config.error import ConfigError
from momentum_trio.config.include import DirectoryListing, ErrorOfReading, Loader, Supply
from momentum_trio.config.load import checked
from momentum_trio.config.schema import Schema
from momentum_trio.config.source import FILE_OCTETS_MAX
from momentum_trio.config.tree import ConfigTree
from momentum_trio.node.schema import DECLARED

CONFIGURATION = "/opt/msys/ecelerity/etc/ecelerity.conf"  # where the original has it
EXIT_BAD_CONFIGURATION = 2


def default_file() -> str:
    """The file read when none is named: CONFFILE of the environment, else where the original has it."""
    return os.environ.get("CONFFILE", "") or CONFIGURATION


def read(path: str) -> Supply:
    """What is at *path*. Only plain files and directories are opened, and no more is read than may be."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            with os.scandir(path) as entries:
                return DirectoryListing([entry.name for entry in entries if entry.is_file()])
        if not stat.S_ISREG(mode):
            return ErrorOfReading("not a plain file", is_missing=False)
        with open(path, "rb") as file:
            return file.read(FILE_OCTETS_MAX + 1)
    except (FileNotFoundError, NotADirectoryError):
        return ErrorOfReading()
    except OSError as error:
        return ErrorOfReading(error.strerror or str(error), is_missing=False)


def schema() -> Schema:
    """All names, with what code declares."""
    return Schema.load(DECLARED)


def load(path: str, known: Schema) -> tuple[ConfigTree, list[ConfigError]]:
    """The tree that begins with the file *path*, and what is wrong with its text; names and values are not checked yet.

    Raises NoConfiguration when there is no such file.
    """
    loader = Loader.on_host(path, known, os.environ, socket.gethostname())
    while wanted := loader.wanted():
        for wish in wanted:
            loader.supply(wish, read(wish))
    return loader.outcome()


def checked_tree(path: str) -> ConfigTree:
    """The configuration that begins with the file *path*. Raises ConfigErrors with everything that is wrong."""
    return checked(*load(path, schema()))
