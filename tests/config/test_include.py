"""Configurations of many files (spec: config-language, sections 5 and 11)."""

from __future__ import annotations

import pytest

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.include import (
    FILES_MAX,
    DirectoryListing,
    ErrorOfReading,
    Loader,
    NoConfiguration,
    directory_of,
    normal,
)
from momentum_trio.config.load import load_text
from momentum_trio.config.merge import INCLUDES_DEEP_MAX
from momentum_trio.config.schema import Schema
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Word

SCHEMA = Schema.load()


def load(files: dict[str, str], **given: object) -> ConfigTree:
    return load_text(files, "etc/main", schema=SCHEMA, **given)  # type: ignore[arg-type]


def hostname(tree: ConfigTree) -> str:
    held = tree.root.settings["hostname"].value
    assert isinstance(held, Word)
    return held.text


def test_an_include_stands_where_it_stands() -> None:
    files = {"etc/main": 'Hostname = a\ninclude "b"\n', "etc/b": "Hostname = b"}
    assert hostname(load(files)) == "b"
    files["etc/main"] = 'include "b"\nHostname = a\n'
    assert hostname(load(files)) == "a"


def test_in_every_scope() -> None:
    files = {
        "etc/main": "ESMTP_Listener { Listen :25 { include more readonly_include other } }",
        "etc/more": "Idle_Time = 5 Peer 10.0.0.1 { }",
        "etc/other": "Idle_Time = 6",
    }
    tree = load(files)
    listen = tree.listens("esmtp_listener")[0]
    assert listen.settings["idle_time"].value == Word("6")
    assert str(listen.settings["idle_time"].at) == "etc/other:1:1"
    assert listen.child("peer", "10.0.0.1")
    assert [(file.path, file.is_writable) for file in tree.files.values()] == [
        ("etc/main", True),
        ("etc/more", True),
        ("etc/other", False),
    ]


def test_beside_the_including_file_first_then_along_the_search_path() -> None:
    files = {
        "etc/main": "include sub/a",
        "etc/sub/a": "include b",
        "etc/sub/b": "Hostname = beside",
        "p/b": "Hostname = path",
    }
    assert hostname(load(files, search_path=["p"])) == "beside"
    del files["etc/sub/b"]
    assert hostname(load(files, search_path=["q", "p"])) == "path"


def test_the_nodename_of_the_main_file_comes_before_the_one_handed_over() -> None:
    files = {"etc/main": 'cluster { Nodename = n2 } include "{NODENAME}"', "etc/n2": "Hostname = two"}
    assert hostname(load(files, nodename="n1")) == "two"


def test_nodename() -> None:
    files = {"etc/main": 'include "{NODENAME}.conf"', "conf/n1/n1.conf": "Hostname = n1"}
    assert hostname(load(files, search_path=["conf/{NODENAME}"], nodename="n1")) == "n1"
    files["etc/main"] = 'include "{NODENAME}.conf" cluster { Nodename = n1 }'
    assert hostname(load(files, search_path=["conf/n1"])) == "n1"


def test_a_directory_is_its_plain_files_in_order() -> None:
    files = {
        "etc/main": "include d",
        "etc/d/b": "Hostname = b",
        "etc/d/a": "Hostname = a",
        "etc/d/.hidden": "Hostname = hidden",
        "etc/d/deeper/c": "Hostname = deeper",
    }
    tree = load(files)
    assert hostname(tree) == "b"
    assert list(tree.files) == ["etc/main", "etc/d/a", "etc/d/b"]


def test_included_twice_is_readonly() -> None:
    files = {"etc/main": "Domain a { include x } Domain b { include x }", "etc/x": "Message_Expiration = 5"}
    tree = load(files)
    assert [file.is_writable for file in tree.files.values()] == [True, False]
    assert [len(scope.settings) for scope in tree.root.all("domain")] == [1, 1]


def test_only_the_file_that_was_read_is_readonly() -> None:
    files = {"etc/main": "readonly_include a include p/a", "etc/a": "", "etc/p/a": ""}
    writable = {path: file.is_writable for path, file in load(files, search_path=["etc/p"]).files.items()}
    assert writable == {"etc/main": True, "etc/a": False, "etc/p/a": True}


def test_write_back_example_of_section_11() -> None:
    files = {
        "etc/main": 'readonly_include "foo.conf"\ninclude "baz.conf"',
        "etc/foo.conf": 'Domain yahoo.com { Gateway = a  include "bar.conf" }',
        "etc/bar.conf": "",
        "etc/baz.conf": "",
    }
    writable = {path: file.is_writable for path, file in load(files).files.items()}
    assert writable == {"etc/main": True, "etc/foo.conf": False, "etc/bar.conf": True, "etc/baz.conf": True}


def test_local_changes_come_last() -> None:
    files = {
        "etc/main": "Local_Changes_File = local\nHostname = a\ninclude b",
        "etc/b": "Hostname = b",
        "etc/local": "Hostname = local",
    }
    assert hostname(load(files)) == "local"
    del files["etc/local"]  # not written yet
    assert hostname(load(files)) == "b"
    files["etc/main"] = "Local_Changes_File = b\ninclude b"
    with pytest.raises(ConfigErrors, match="the main file or an included one"):
        load(files)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"etc/main": "include b", "etc/b": "# x\n  include main"}, "etc/b:2:3: include: the file includes itself"),
        ({"etc/main": "include main"}, "etc/main -> etc/main"),
        ({"etc/main": "\ninclude nowhere"}, "etc/main:2:1: include: 'nowhere' is not found"),
        ({"etc/main": "include http://x/y"}, "is no file"),
        ({"etc/main": 'include ""'}, "expected the name of a file"),
    ],
)
def test_refused_with_a_place(files: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigErrors) as raised:
        load(files)
    assert said in str(raised.value)


def test_file_uri() -> None:
    assert hostname(load({"etc/main": "include file:///abs/x", "/abs/x": "Hostname = x"})) == "x"


def test_errors_of_all_files_together() -> None:
    files = {"etc/main": "Hostname = {\n}\ninclude b\ninclude c\nIdle_Tme = 1", "etc/b": "x (", "etc/c": 'y = "'}
    with pytest.raises(ConfigErrors) as raised:
        load(files, declared=())
    assert [str(error.at) for error in raised.value.errors] == [
        "etc/main:1:1",
        "etc/main:5:1",
        "etc/b:1:3",
        "etc/c:1:5",
    ]
    assert {error.at.file for error in raised.value.errors} == {"etc/main", "etc/b", "etc/c"}


def test_cycles_across_depth_are_bounded() -> None:
    doubling = {f"etc/f{n}": f"include f{n + 1} include f{n + 1}" for n in range(20)}
    with pytest.raises(ConfigErrors, match="more than 10000 files are included"):
        load({"etc/main": "include f0", **doubling, "etc/f20": ""})


def test_depth_counts_across_files() -> None:
    nested = {f"etc/f{n}": "Domain a { " * 30 + f" include f{n + 1} " + "}" * 30 for n in range(3)}
    with pytest.raises(ConfigErrors, match="nested more than 64 deep"):
        load({"etc/main": "include f0", **nested, "etc/f3": ""})


def test_number_of_files_is_bounded() -> None:
    files = {f"etc/d/{n:05}": "" for n in range(FILES_MAX + 5)}
    with pytest.raises(ConfigErrors, match="more than 1000 files"):
        load({"etc/main": "include d", **files})


def test_a_file_that_includes_itself_under_another_name() -> None:
    """``..`` stays as it is written: the loader cannot know that these are the same two files for ever."""

    def supplied(loader: Loader) -> int:
        count = 0
        while wanted := loader.wanted():
            for path in wanted:
                count += 1
                loader.supply(path, b'include "sub/a"' if path.endswith("main") else b'include "../main"')
        return count

    loader = Loader("etc/main", SCHEMA)
    assert supplied(loader) <= INCLUDES_DEEP_MAX + 1
    _, (error,) = loader.outcome()
    assert error.problem == "more than 32 files deep"
    assert error.hint == "does a file include itself under another name?"


def test_a_long_way_round_is_as_deep() -> None:
    """Every file is two steps from the main one, and all are one chain as well."""
    files = {f"etc/{number}": f"include {number + 1}" for number in range(600)} | {"etc/600": ""}
    files["etc/main"] = "\n".join(f"include {number}" for number in range(601))
    with pytest.raises(ConfigErrors) as raised:
        load(files)
    assert [error.problem for error in raised.value.errors] == ["more than 32 files deep"]


def test_what_is_wrong_with_a_file_is_said_once_however_often_it_is_included() -> None:
    files = {"etc/main": "include b\ninclude b\nESMTP_Listener { include b }", "etc/b": 'Peer "10.0.0.0/33" { }'}
    with pytest.raises(ConfigErrors) as raised:
        load(files)
    assert [str(error.at) for error in raised.value.errors] == ["etc/b:1:6"]


def test_the_loader_itself() -> None:
    loader = Loader("main", SCHEMA, search_path=["/s"])
    assert loader.wanted() == ("main",)
    loader.supply("main", b"include a include b")
    assert set(loader.wanted()) == {"/s/a", "/s/b"} or set(loader.wanted()) == {"a", "b"}
    while wanted := loader.wanted():
        for path in wanted:
            loader.supply(
                path,
                ErrorOfReading("permission denied", is_missing=False) if path.endswith("a") else DirectoryListing([]),
            )
    with pytest.raises(ConfigErrors, match="permission denied") as raised:
        loader.finish()
    assert len(raised.value.errors) == 1


def test_no_configuration() -> None:
    loader = Loader("main", SCHEMA)
    loader.supply("main", ErrorOfReading())
    assert loader.wanted() == ()
    with pytest.raises(NoConfiguration, match="no such file"):
        loader.finish()


@pytest.mark.parametrize(("path", "directory"), [("/etc/a", "/etc"), ("a", ""), ("/a", "/"), ("x/y/z", "x/y")])
def test_directories(path: str, directory: str) -> None:
    assert directory_of(path) == directory


@pytest.mark.parametrize(("path", "same"), [("a//b/./c", "a/b/c"), ("/a/../b", "/a/../b"), ("./x", "x")])
def test_normal(path: str, same: str) -> None:
    assert normal(path) == same


def test_a_host_and_its_tools_look_in_the_same_places() -> None:
    def hostname_with(environment: dict[str, str], place: str) -> str:
        files = {"/c/main": 'include "{NODENAME}.conf"', place: "Hostname = found"}
        loader = Loader.on_host("/c/main", SCHEMA, environment, "n1.example.com")
        while wanted := loader.wanted():
            for path in wanted:
                loader.supply(path, files[path].encode() if path in files else ErrorOfReading())
        return hostname(loader.finish())

    assert hostname_with({}, "etc/conf/n1/n1.conf") == "found"
    assert hostname_with({"EC_NODE_NAME": "n2"}, "etc/conf/n2/n2.conf") == "found"
    assert hostname_with({"EC_CONF_SEARCH_PATH": ":/a:/b"}, "/b/n1.conf") == "found"
