"""stat(2) as the facts that ``disk.Stat`` tells."""

from __future__ import annotations

import os
import stat

from momentum_trio.machine.disk import FileFacts, FileKind

KINDS = {
    stat.S_IFREG: FileKind.FILE,
    stat.S_IFDIR: FileKind.DIRECTORY,
    stat.S_IFSOCK: FileKind.SOCKET,
    stat.S_IFLNK: FileKind.LINK,
}


def facts_of(facts: os.stat_result) -> FileFacts:
    """What *facts* say of a file."""
    kind = KINDS.get(stat.S_IFMT(facts.st_mode), FileKind.OTHER)
    return FileFacts(kind, facts.st_size, stat.S_IMODE(facts.st_mode), facts.st_mtime, facts.st_uid)
