"""Secrets behind a query: what a Scheme of auth_ds and its Datasource come to, for the mechanisms of AUTH."""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.config.chain import Chain
from momentum_trio.config.merged import Scope
from momentum_trio.config.scheme_options import (
    CLEAR,
    DIGEST,
    PASSWORD,
    AuthDsOptions,
    AuthenticateOptions,
    DatasourceOptions,
)

_DRIVER = "sqlite"


@dataclass(frozen=True, slots=True)
class SecretQuery:
    """One Authenticate scope. path: of the SQLite database. The rest is as its options, and its Datasource's, are.

    kept_seconds: 0 where nothing is to be known of an answer.
    """

    path: str
    query: str
    parameters: tuple[tuple[str, str], ...]
    returns_password: bool
    password_column: str
    form: str
    form_column: str
    forms: tuple[tuple[str, str], ...]
    kept_seconds: float
    kept_max: int

    @property
    def wants_password(self) -> bool:
        """Whether it can be asked only with the password in clear."""
        return not self.returns_password or any(f"%{{{PASSWORD}}}" in template for _, template in self.parameters)

    def may_hold(self, *forms: str) -> bool:
        """Whether passwords may be kept in one of *forms*."""
        return not {self.form, *dict(self.forms).values()}.isdisjoint(forms)

    def serves(self, mechanism: str) -> bool:
        """Whether *mechanism* can be offered."""
        wanted = {"CRAM-MD5": (CLEAR,), "DIGEST-MD5": (CLEAR, DIGEST)}.get(mechanism)
        return wanted is None or (not self.wants_password and self.may_hold(*wanted))


def query_of(chain: Chain, scheme: str) -> SecretQuery | str:
    """The query of the Scheme of that name (lower case), or why there is none. chain: it ends at the file level."""
    root = chain.scopes[-1]
    assert isinstance(root, Scope)
    modules = [module for module in root.all("auth_ds") if AuthDsOptions.resolve(Chain((module,))).enabled]
    named = (found for module in modules for found in module.all("scheme") if found.key.lower() == scheme)
    inner = next(named, None)
    if inner is None:
        return f"there is no Scheme '{scheme}' in auth_ds"
    authenticate = inner.child("authenticate")
    if authenticate is None:
        return f"Scheme '{inner.key}' has no Authenticate"
    options = AuthenticateOptions.resolve(Chain((authenticate,)))
    datasource = root.child("datasource", options.datasource)
    if datasource is None:
        return f"there is no Datasource '{options.datasource}'"
    if not options.query:
        return f"Authenticate of Scheme '{inner.key}' has no query"
    return _joined(options, DatasourceOptions.resolve(Chain((datasource,))))


def _joined(options: AuthenticateOptions, source: DatasourceOptions) -> SecretQuery | str:
    drivers = [uri.partition(":") for uri in source.uris]
    if len(drivers) != 1 or drivers[0][0].lower() != _DRIVER or not drivers[0][2].startswith("/"):
        return f"Datasource '{options.datasource}' has to have one uri, {_DRIVER}:/PATH: there are no other drivers"
    return SecretQuery(
        path=drivers[0][2],
        query=options.query,
        parameters=options.parameters,
        returns_password=options.returns_password,
        password_column=options.password_column,
        form=options.form,
        form_column=options.form_column,
        forms=options.forms,
        kept_seconds=0.0 if source.forgets else source.kept_seconds,
        kept_max=source.kept_max,
    )
