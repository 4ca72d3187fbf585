"""What a configuration has of a cluster: who the node is, what is replicated, what is refused and why."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from momentum_trio.cluster import plan
from momentum_trio.cluster.cluster_options import ClusterOptions
from momentum_trio.cluster.identity import Identity, NoIdentity, identity
from momentum_trio.cluster.plan import cluster_warnings, planned
from momentum_trio.cluster.series_journal import includes
from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.config.tree import ConfigTree
from momentum_trio.node.schema import DECLARED


def tree(inside: str) -> ConfigTree:
    return load_text(f"cluster {{\n{inside}\n}}\n", declared=DECLARED)


@pytest.mark.parametrize(
    ("inside", "environment", "hostname", "expected"),
    [
        ("", {}, "Labrat-1.example.com", Identity("labrat-1", "default")),
        ("", {"EC_NODE_NAME": "one", "EC_SUB_CLUSTER": "east"}, "labrat-1", Identity("one", "east")),
        ('Nodename = "two" Subcluster = "west"', {"EC_NODE_NAME": "one"}, "labrat-1", Identity("two", "west")),
        ("", {"EC_NODE_NAME": "", "EC_SUB_CLUSTER": ""}, "n1", Identity("n1", "default")),
    ],
)
def test_who_a_node_is(inside: str, environment: Mapping[str, str], hostname: str, expected: Identity) -> None:
    options = ClusterOptions.resolve(tree(inside).chain_scope("cluster"))
    assert identity(options, environment, hostname) == expected


@pytest.mark.parametrize(
    ("environment", "hostname", "why"),
    [
        ({"EC_NODE_NAME": "a#b"}, "x", "'a#b' by EC_NODE_NAME"),
        ({"EC_NODE_NAME": "Labrat"}, "x", "'Labrat' by EC_NODE_NAME"),
        ({}, "", "'' by the host's name"),
        ({}, "a" * 49, "by the host's name"),
        ({"EC_SUB_CLUSTER": "two words"}, "x", "'two words' by EC_SUB_CLUSTER"),
    ],
)
def test_who_it_cannot_be(environment: Mapping[str, str], hostname: str, why: str) -> None:
    found = identity(ClusterOptions.resolve(tree("").chain_scope("cluster")), environment, hostname)
    assert isinstance(found, NoIdentity)
    assert why in found.why


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('Nodename = "Labrat"', "in lower case"),
        ('Nodename = "-a"', "expected a word"),
        ("Nodeaddr = 127.0.0.1", "not one of loopback"),
        ('Nodeaddr = "::1"', "not one of loopback"),
        ("Nodeaddr = 0.0.0.0", "the other nodes reach"),
        ('Nodeaddr = "::"', "the other nodes reach"),
        ("Nodeaddr = 224.0.0.1", "the other nodes reach"),
        ('Cluster_Group = "a b"', "expected a word"),
        ('Cluster_Group = ""', "expected a word"),
        ('Control_Group = ""', "expected a word"),
        ("If_Check_Interval = 0", "seconds from 1 to"),
        ("Heartbeats_Per_Sec = 0", "from 1 to 100"),
        ('Replicate "x" { Type = "nothing" }', "expected one of inbound_cidr"),
        ('Replicate "x" { Max_Delay = 4000 }', "from 0 to 3600"),
        ('Replicate "x" { Max_Pending = 0 }', "1 to"),
    ],
)
def test_values_that_are_refused(line: str, why: str) -> None:
    with pytest.raises(ConfigErrors, match=why):
        tree(line)


def plans(inside: str) -> list[tuple[str, str]]:
    return [(plan.name, plan.kind) for plan in planned(tree(inside)) if not isinstance(plan, str)]


def test_the_objects_of_the_manuals_example() -> None:
    names = ("inbound_cidr", "outbound_cidr", "outbound_domains", "outbound_binding_domains")
    scopes = "".join(f'Replicate "{name}" {{}}\n' for name in (*names, "shared_named_throttles", "OBTM", "OBTC"))
    assert plans(scopes) == [(name, name) for name in names]


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ('Replicate "outbound_domain" {}', [("outbound_domains", "outbound_domains")]),
        ('Replicate "INBOUND_CIDR" {}', [("INBOUND_CIDR", "inbound_cidr")]),
        ('Replicate "foo" { Class = "outbound_cidr" Binding_Group = "g" }', [("foo", "outbound_cidr")]),
        ('Replicate "foo" { Class = "outbound_cidr" Type = "outbound_domains" }', [("foo", "outbound_domains")]),
        ('Replicate "metrics" {}', []),
        (
            'Replicate "metrics" { Parameters = "rejection;connect; audit_series" }',
            [("metrics.connect", "connect"), ("metrics.rejection", "rejection")],
        ),
    ],
)
def test_names_and_types(inside: str, expected: list[tuple[str, str]]) -> None:
    assert plans(inside) == expected


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ('Replicate "mycache" {}', 'Replicate "mycache" (momentum.conf:2:1) has no type: set Type to one of'),
        ('Replicate "inbound_cidr" { Binding_Group = "g" }', "takes no Binding_Group"),
        ('Replicate "metrics" { Parameters = "conect" }', "has no Parameters 'conect'; there are: connect"),
        (f'Replicate "{"a" * 27}" {{ Type = "inbound_cidr" }}', "of at most 26 characters"),
        (f'Replicate "{"a" * 20}" {{ Type = "metrics" }}', "of at most 16 characters"),
        ("".join(f'Replicate "a{n}" {{ Type = "inbound_cidr" }}\n' for n in range(65)), "is one too many"),
    ],
)
def test_scopes_that_are_refused(inside: str, why: str) -> None:
    said = [each for each in planned(tree(inside)) if isinstance(each, str)]
    assert len(said) == 1
    assert why in said[0].replace(said[0].partition("(")[2].partition(":")[0], "momentum.conf", 1)


@pytest.mark.parametrize(
    ("said", "journalled"),
    [
        ("", []),
        ("series_include_default = all", ["connect", "rejection"]),
        ('series_include_default = all series_exclude = ( "ion$" )', ["connect"]),
        ('series_include = ( "^conn" "x" )', ["connect"]),
        ('series_include = ( "Conn" )', []),
        ('series_exclude = ( "^conn" )', []),
        ("Enabled = false series_include_default = all", []),
    ],
)
def test_which_series_are_journalled(said: str, journalled: list[str]) -> None:
    options = plan.journalled(load_text(f"cluster {{}}\nas_logger {{ {said} }}", declared=DECLARED))
    names = ["connect", "rejection"]
    assert [each for each in names if options is not None and includes(options, each)] == journalled


def test_a_logger_of_nothing_is_warned_of() -> None:
    text = "cluster {{ {} }}\nas_logger {{ series_include_default = all }}"
    (said,) = cluster_warnings(load_text(text.format(""), declared=DECLARED))
    assert said == 'as_logger journals nothing: cluster has no Replicate "metrics" with Parameters'
    replicated = 'Replicate "metrics" { Parameters = "connect" }'
    assert list(cluster_warnings(load_text(text.format(replicated), declared=DECLARED))) == []


def test_a_cache_is_warned_of() -> None:
    (said,) = cluster_warnings(tree('Replicate "mycache" { Type = "cache" }'))
    assert said.endswith("is not shared: this host has no cache of ds_core")
