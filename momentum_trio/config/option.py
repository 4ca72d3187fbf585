"""An option is declared once: the declaration checks, types, shows, documents and generates (DESIGN.md, Options).

class SessionOptions(Options):
    idle_time = Option("Idle_Time", SECONDS, 300.0, INBOUND_SMTP, "Silence tolerated before 421 and close.")

options = SessionOptions.resolve(chain)
options.idle_time                               # a float, and mypy knows
SessionOptions.idle_time                        # the declaration itself
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Never, Self, TypeVar, overload

from momentum_trio.config.chain import Chain
from momentum_trio.config.value import Value

T = TypeVar("T")


class Kind(Generic[T]):
    """A type of value: how text becomes a T and how a T is shown.

    name: the word of options.json for it (``time-seconds``).
    parse: raises ValueError whose text says what was expected.
    show: the value in file syntax, as ``config eval`` prints it.
    """

    def __init__(self, name: str, parse: Callable[[Value], T], show: Callable[[T], str]) -> None:
        self.name, self.parse, self.show = name, parse, show


class Option(Generic[T]):
    """The declaration of one option: on an Options class itself, on a resolved instance its value.

    name: canonical spelling. scopes: lower-case names of the scopes it may stand in, ``global`` for the file level.
    default: what holds when no scope of the chain sets it. dynamic: whether a change acts without a restart.
    secret: printed as ``***`` everywhere but in the file. ours: not of the original product (docs/differences.md).
    file_only: the console cannot set it, for it names code, or whom data is sent to.
    """

    attribute: str

    def __init__(
        self,
        name: str,
        kind: Kind[T],
        default: T,
        scopes: frozenset[str],
        meaning: str,
        *,
        dynamic: bool = True,
        secret: bool = False,
        ours: bool = False,
        file_only: bool = False,
    ) -> None:
        self.name, self.kind, self.default, self.scopes, self.meaning = name, kind, default, scopes, meaning
        self.dynamic, self.secret, self.ours, self.file_only = dynamic, secret, ours, file_only
        self.key = name.lower()

    def __set_name__(self, owner: type, attribute: str) -> None:
        self.attribute = attribute

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Options, owner: type) -> T: ...
    def __get__(self, instance: Options | None, owner: type) -> Self | T:
        return self if instance is None else self.default  # a resolved value in the instance's __dict__ wins

    if TYPE_CHECKING:  # a real __set__ would make this a data descriptor and every read four times slower

        def __set__(self, instance: Options, value: Never) -> None: ...

    def resolve(self, chain: Chain) -> T:
        """The value that holds along *chain*: of the most specific scope that sets it, else the default."""
        found = chain.find(self.key, self.scopes)
        return self.default if found is None else self.kind.parse(found.value)

    def __repr__(self) -> str:
        return f"Option({self.name!r})"


class Options:
    """A group of options that one reader reads together; an instance is read-only and belongs to one generation."""

    declared: ClassVar[tuple[Option[Any], ...]] = ()

    def __init_subclass__(cls) -> None:
        cls.declared = tuple(_declared(cls))

    @classmethod
    def resolve(cls, chain: Chain) -> Self:
        """The group's values along *chain*, memoised there: the same instance for every asker."""
        known = chain.resolved.get(cls)
        if known is None:
            known = cls()
            known.__dict__.update({option.attribute: option.resolve(chain) for option in cls.declared})
            chain.resolved[cls] = known
        assert isinstance(known, cls)
        return known

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} belongs to a generation and does not change")


def _declared(cls: type) -> Iterator[Option[Any]]:
    for base in reversed(cls.__mro__):
        yield from (member for member in vars(base).values() if isinstance(member, Option))
