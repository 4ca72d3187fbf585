"""A production configuration on a simulated host: what it brings along, and what it lacks there."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from momentum_trio.config.include import DirectoryListing, ErrorOfReading, Supply
from sim.missing import host_of
from sim.scenario import Scenario
from sim.scenario_text import Checked, ScenarioErrors, check, read, write

# As a site has it: one main file, a folder of includes, certificates and users of its own.
PRODUCTION = {
    "prod/ecelerity.conf": b"""\
# mx1.example.com
Hostname  = "mx1.example.com"
SpoolBase = "/var/spool/ecelerity"
include "conf.d"
readonly_include "/opt/msys/shared/relay.conf"

Security {
  User  = "ecuser"
  Group = "ecuser"
  Supplemental_Groups = ( "mail" "ssl-cert" )
}

TLS_Certificate  = "/etc/pki/tls/certs/mx1.example.com.crt"
TLS_Key          = "tls/mx1.example.com.key"

ESMTP_Listener {
  SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "STARTTLS" )
  Listen "192.0.2.10:25" {}
  Listen "[2001:db8::10]:25" {}
  Listen "192.0.2.10:587" {
    AuthDigestMD5Parameters = [ uri = "digest:///opt/msys/ecelerity/etc/smtp_users.digest" ]
  }
  Listen "192.0.2.11:25" { Enable = false }
  Listen "127.0.0.1:2525" { Peer "127.0.0.1" { Open_Relay = true } }
  Peer "10.0.0.0/8"  { Relay_Hosts = ( "10.0.0.0/8" ) }
  Peer "10.9.0.0/16" { Relay_Hosts = ( ) }
}

Control_Listener {
  Listen "/var/run/ecelerity/2025" { File_Mode = 0600 }
}

msgc_server { Peers = [ mx1 = "192.0.2.10" mx2 = "192.0.2.20" ] }
""",
    "prod/conf.d/10-domains.conf": b"""\
Domain "partner.example" { Gateway = "smtp.partner.example" }
Domain "backup.example"  { Routes = ( "198.51.100.25:2525" "[2001:db8:1::25]" "__mx__" "smtp.partner.example" ) }
Domain "inside.example"  { Gateway = "sink" }
Binding "marketing" { Bind_Address = "192.0.2.12" }
""",
    "prod/conf.d/.swp": b"}",
    "/opt/msys/shared/relay.conf": b'Relay_Domains = ( "example.com" )\n',
    "prod/tls/mx1.example.com.key": b"-----BEGIN PRIVATE KEY-----\n",
}
HOSTS = """
Simulation {{
  Host "mx1"  {{ addresses = ( "10.0.0.1" ) config = "prod/ecelerity.conf" {0} }}
  Host "sink" {{ addresses = ( "10.0.0.2" ) program = "sink" }} {1}
}}
"""
ADDED = """
  addresses = ( "192.0.2.10" "2001:db8::10" "192.0.2.12" )
  users = [ ecuser = 1000 mail = 1001 ssl-cert = 1002 ]
  File "/etc/pki/tls/certs/mx1.example.com.crt" { from = "prod/tls/mx1.example.com.key" }
  File "/opt/msys/ecelerity/etc/smtp_users.digest" { text = "alice:example.com:0123" }
"""
WORLD = 'Name "smtp.partner.example" { is = "sink" } unreachable = ( "198.51.100.0/24" "2001:db8:1::25" "192.0.2.20" )'


def tree(files: Mapping[str, bytes], scenario: str) -> Checked:
    """What is said of *scenario* over the real *files*."""

    def reading(path: str) -> Supply:
        if path == "site.sim":
            return scenario.encode()
        if path in files:
            return files[path]
        names = [name[len(path) + 1 :] for name in files if name.startswith(f"{path}/")]
        return DirectoryListing(names) if names else ErrorOfReading()

    return check("site.sim", reading)


def test_what_it_lacks_is_a_list_with_places_and_what_to_add() -> None:
    found = tree(PRODUCTION, HOSTS.format("", ""))
    assert found.scenario is None
    assert [(str(error.at), error.option, error.problem) for error in found.problems] == [
        ("prod/conf.d/10-domains.conf:1:39", "Gateway", "nobody in this world is called 'smtp.partner.example'"),
        ("prod/conf.d/10-domains.conf:2:40", "Routes", "nobody in this world has the address 198.51.100.25"),
        ("prod/conf.d/10-domains.conf:2:61", "Routes", "nobody in this world has the address 2001:db8:1::25"),
        ("prod/conf.d/10-domains.conf:4:39", "Bind_Address", "the host has no address 192.0.2.12"),
        ("prod/ecelerity.conf:8:12", "User", "the host has no user 'ecuser'"),
        ("prod/ecelerity.conf:10:28", "Supplemental_Groups", "the host has no group 'mail'"),
        ("prod/ecelerity.conf:10:35", "Supplemental_Groups", "the host has no group 'ssl-cert'"),
        ("prod/ecelerity.conf:13:21", "TLS_Certificate", "there is no file '/etc/pki/tls/certs/mx1.example.com.crt'"),
        ("prod/ecelerity.conf:18:10", "Listen", "the host has no address 192.0.2.10"),
        ("prod/ecelerity.conf:19:10", "Listen", "the host has no address 2001:db8::10"),
        (
            "prod/ecelerity.conf:21:40",
            "AuthDigestMD5Parameters",
            "there is no file '/opt/msys/ecelerity/etc/smtp_users.digest'",
        ),
        ("prod/ecelerity.conf:33:51", "Peers", "nobody in this world has the address 192.0.2.20"),
    ]
    hints = {error.problem.rpartition(" ")[2].strip("'"): error.hint for error in found.problems}
    assert hints["smtp.partner.example"] == 'add to Simulation: Name "smtp.partner.example" { is = "sink" }'
    assert hints["ssl-cert"] == 'add to Host "mx1": users = [ ecuser = 1000 mail = 1001 ssl-cert = 1002 ]'
    assert hints["2001:db8::10"] == 'add to Host "mx1": addresses = ( "10.0.0.1" "192.0.2.10" "2001:db8::10" )'
    assert hints["192.0.2.20"].endswith('or to Simulation: unreachable = "192.0.2.20"')


def test_with_that_added_it_is_a_scenario() -> None:
    found = tree(PRODUCTION, HOSTS.format(ADDED, WORLD))
    assert found.problems == []
    assert found.scenario is not None
    mx1 = found.scenario.host("mx1")
    assert mx1.folders == ("/var/run/ecelerity",)
    assert dict(mx1.files) == {
        "/etc/pki/tls/certs/mx1.example.com.crt": PRODUCTION["prod/tls/mx1.example.com.key"],
        "/opt/msys/ecelerity/etc/conf.d/10-domains.conf": PRODUCTION["prod/conf.d/10-domains.conf"],
        "/opt/msys/ecelerity/etc/ecelerity.conf": PRODUCTION["prod/ecelerity.conf"],
        "/opt/msys/ecelerity/etc/smtp_users.digest": b"alice:example.com:0123",
        "/opt/msys/ecelerity/etc/tls/mx1.example.com.key": PRODUCTION["prod/tls/mx1.example.com.key"],
        "/opt/msys/shared/relay.conf": PRODUCTION["/opt/msys/shared/relay.conf"],
    }
    assert tree(PRODUCTION, write(found.scenario)).scenario == found.scenario


def test_names_and_addresses_are_the_same_however_they_are_spelt() -> None:
    domains = b'Domain "a" { Gateway = "SMTP.Partner.example." } Domain "b" { Gateway = "[FD00:0::1]:25" }'
    world = 'Name "smtp.partner.Example" { is = "sink" } Host "sink" { addresses = ( "10.0.0.2" "fd00::1" ) }'
    hosts = 'Simulation { Host "mx" { addresses = 10.0.0.1 config = "a.conf" } Host "sink" { program = sink } ' + world
    assert tree({"a.conf": domains}, hosts + "}").problems == []


def test_a_folder_may_stand_for_the_root_of_the_host() -> None:
    files = {
        "copy/opt/msys/shared/relay.conf": b'Relay_Domains = ( "copied.example" )\n',
        "copy/etc/pki/tls/certs/mx1.example.com.crt": b"certificate",
        **{path: octets for path, octets in PRODUCTION.items() if not path.startswith("/")},
    }
    added = ADDED.replace('File "/etc/pki/tls/certs/mx1.example.com.crt" { from = "prod/tls/mx1.example.com.key" }', "")
    found = tree(files, HOSTS.format(added + 'root = "copy"', WORLD))
    assert found.scenario is not None, found.problems
    held = dict(found.scenario.host("mx1").files)
    assert held["/opt/msys/shared/relay.conf"] == files["copy/opt/msys/shared/relay.conf"]
    assert held["/etc/pki/tls/certs/mx1.example.com.crt"] == b"certificate"


def test_an_include_over_the_network_is_lacking() -> None:
    files = {**PRODUCTION, "prod/conf.d/20-site.conf": b'Hostname = a\ninclude "http://config.example.com/all.conf"\n'}
    found = tree(files, HOSTS.format(ADDED, WORLD))
    assert [(str(error.at), error.problem) for error in found.problems] == [
        (
            "prod/conf.d/20-site.conf:2:1",
            "'http://config.example.com/all.conf' is on the network: nothing is fetched from there",
        )
    ]


def test_two_hosts_of_one_configuration_lack_it_each_and_its_errors_are_said_once() -> None:
    hosts = HOSTS.format("", 'Host "mx2" { addresses = "10.0.0.3" config = "prod/ecelerity.conf" }')
    hints = [error.hint for error in tree(PRODUCTION, hosts).problems if error.option == "User"]
    assert hints == [f'add to Host "{host}": users = [ ecuser = 1000 ]' for host in ("mx1", "mx2")]
    broken = {**PRODUCTION, "prod/conf.d/20-site.conf": b"Hostnam = a\n"}
    assert [str(error) for error in tree(broken, hosts).problems] == [
        "prod/conf.d/20-site.conf:1:1: Hostnam: no such option in Global (did you mean Hostname?)"
    ]


def test_reading_raises_all_of_it() -> None:
    with pytest.raises(ScenarioErrors) as wrong:
        read("site.sim", lambda path: HOSTS.format("", "").encode() if path == "site.sim" else ErrorOfReading())
    assert "'prod/ecelerity.conf': no such file" in wrong.value.render()


@pytest.mark.parametrize(
    ("hop", "host"),
    [
        ("smtp.example", "smtp.example"),
        ("smtp.example:2525", "smtp.example"),
        ("192.0.2.1:25", "192.0.2.1"),
        ("[fd82::1]", "fd82::1"),
        ("[fd82::1]:25", "fd82::1"),
        ("fd82::1", "fd82::1"),
        ("smtp://[fd82::1]:25?pref=10", "fd82::1"),
        ("smtp://relay.example?pref=10&ttl=60", "relay.example"),
        ("smtp://[", ""),
        ("", ""),
    ],
)
def test_the_host_of_a_next_hop(hop: str, host: str) -> None:
    assert host_of(hop) == host


def test_a_host_without_configuration_takes_nothing_from_the_real_tree() -> None:
    text = 'Simulation { Host "c" { addresses = "10.0.0.7" program = client root = "/" } }'
    scenario = read("site.sim", lambda path: text.encode() if path == "site.sim" else ErrorOfReading())
    assert isinstance(scenario, Scenario)
    assert scenario.hosts[0].files == ()
