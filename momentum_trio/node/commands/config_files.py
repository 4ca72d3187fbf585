"""``config reload``, ``config writeback``, ``write config``: between the configuration that holds and its files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from momentum_trio.config.dump import as_conf
from momentum_trio.config.error import ConfigErrors, render
from momentum_trio.console.command import Answer, Command, Data, Request, failure
from momentum_trio.console.facade import ApplyError
from momentum_trio.console.word import split

RECONFIGURE_FAILED = "Reconfigure failed"
_UNWRITTEN = "Nothing was written"
_UNDER_WAY = "a transaction is under way: commit it or roll it back first"
_PLACES = (
    "It has to lie in the folder of the main configuration file, which a relative path is relative to, or in those\n"
    "that Config_Directories named when the host was started, and not behind symbolic links."
)


async def _reload(request: Request) -> Answer:
    return await _attempted(request, _read, RECONFIGURE_FAILED)


async def _read(request: Request, path: str) -> Answer:
    await request.administration.reload(path)
    tree = request.administration.tree
    said = f"\n{render(tree.warnings, tree.sources())}" if tree.warnings else ""
    data: Data = {
        "generation": request.administration.generation,
        "warnings": [str(warning) for warning in tree.warnings],
    }
    return Answer(f"Reconfigured.{said}", data)


async def _writeback(request: Request) -> Answer:
    return await _attempted(request, _written, _UNWRITTEN)


async def _written(request: Request, path: str) -> Answer:
    files = tuple(await request.administration.write_back(path))
    text = "\n".join(f"Written: {file}" for file in files) or "Nothing to write: the files say what holds."
    return Answer(text, {"written": files})


async def _write_config(request: Request) -> Answer:
    if not request.rest:
        text = as_conf(request.administration.tree)
        return Answer(text, {"configuration": text})
    return await _attempted(request, _all_written, _UNWRITTEN, in_transaction=True)


async def _all_written(request: Request, path: str) -> Answer:
    written = await request.administration.write_configuration(path)
    return Answer(f"Written: {written}", {"written": [written]})


async def _attempted(
    request: Request, act: Callable[[Request, str], Awaitable[Answer]], failed: str, *, in_transaction: bool = False
) -> Answer:
    """What *act* answers when it is given the path that was asked for; else what is wrong, and *failed* behind it."""
    try:
        words = split(request.rest)
        if len(words) > 1:
            return failure(f"one path at most is asked for, in quotes where it holds blanks\n{failed}")
        if request.workspace.transaction is not None and not in_transaction:
            return failure(f"{_UNDER_WAY}\n{failed}")
        return await act(request, words[0] if words else "")
    except ConfigErrors as errors:
        return failure(f"{errors.render()}\n{failed}")
    except ApplyError as error:
        return failure("\n".join((*error.problems, failed)))
    except (OSError, ValueError) as error:
        return failure(f"{error}\n{failed}")


RELOAD = Command(
    ("config", "reload"),
    "Read the configuration files again, and let them hold.",
    _reload,
    arguments="[PATH]",
    help="All or nothing: what is wrong is said, and the running configuration stays. Changes made here are dropped.\n"
    f"With PATH another main file holds, until the next reload or restart.\n{_PLACES}",
)
WRITEBACK = Command(
    ("config", "writeback"),
    "Write what was changed here to the configuration files.",
    _writeback,
    arguments="[PATH]",
    help="A value is replaced where it was set; what is new goes to the first file that says something of its scope,\n"
    "else to Local_Changes_File, or the main file. All else stays as it is, to the octet. What cannot be written\n"
    "(unset here, set in a file that is included twice or by readonly_include) is said, and nothing is written.\n"
    f"With PATH the main file is left alone: PATH, which must be new, is what it would become.\n{_PLACES}",
)
WRITE_CONFIG = Command(
    ("write", "config"),
    "Show the whole configuration that holds as text, or write it to a file.",
    _write_config,
    arguments="[FILE]",
    help="Scopes are merged and includes resolved; what a transaction has not committed yet is not shown. Values of\n"
    "secret options are in FILE alone, which must be new.\n"
    f"{_PLACES}",
)
