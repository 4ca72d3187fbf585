"""Scenario files: what is written reads back equal; what is wrong is said with its place."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from scenario_strategies import SOURCE, TREE, reading, scenarios

from momentum_trio.config.include import Supply
from sim.scenario import Fault, FaultKind, HostPlan, LinkPlan, Mail, Program, Scenario
from sim.scenario_text import ScenarioErrors, check, check_command, read, write


def of_text(text: str, path: str = SOURCE) -> Scenario:
    """The scenario that *text* is, as the file *path*."""
    return read(path, lambda wish: text.encode() if wish == path else reading(wish))


@given(scenarios())
@settings(deadline=None, max_examples=25)
def test_what_is_written_reads_back_equal(scenario: Scenario) -> None:
    assert of_text(write(scenario)) == scenario


@given(scenarios())
@settings(deadline=None, max_examples=8)
def test_a_scenario_can_be_saved_elsewhere(scenario: Scenario) -> None:
    moved = of_text(write(scenario, "var/failures"), path := "var/failures/drawn.sim")
    assert write(moved, "work") == write(scenario)
    assert replace(moved, source=path, hosts=()) == replace(scenario, source=path, hosts=())


def test_a_scenario_with_everything() -> None:
    scenario = of_text("""
        Simulation {
          duration = 2m
          Host "mx" { addresses = ( "10.0.0.1" "FD00::0:1" ) config = "prod/ecelerity.conf" clock_skew = "-40ms" }
          Host client { addresses = 10.0.0.7 program = client }
          Link "client mx" { latency = "2ms" jitter = "250us" bandwidth = "10MB/s" loss = "0.5%" }
          Name "example.com" { mx = "10 mx" }
          Mail "m" { from = "client" to = "[fd00::1]" recipients = ( "a@example.com" ) at = "1.5s" octets = "2kB" }
          At "12.5s" { partition = ( "client" "mx" ) for = "4s" }
          At "12.5s" { kill = "mx" for = "1m" }
        }
    """)
    assert scenario.hosts[0].addresses == ("10.0.0.1", "fd00::1")
    assert scenario.hosts[0].clock_skew_seconds == -0.04
    names = dict(scenario.hosts[0].files)["/opt/msys/ecelerity/etc/conf.d/names.conf"]
    assert names.startswith(b"Hostname = mx.example.com\n")
    assert scenario.hosts[1] == HostPlan("client", ("10.0.0.7",), Program.CLIENT)
    assert scenario.links == (LinkPlan("client", "mx", 0.002, 0.00025, 10e6, 0.005),)
    assert scenario.mails == (Mail("m", 1.5, "client", "fd00::1", 25, ("a@example.com",), octets=2000),)
    assert scenario.faults == (
        Fault(FaultKind.PARTITION, 12.5, ("client", "mx"), 4.0),
        Fault(FaultKind.KILL, 12.5, ("mx",), 60.0),
    )
    assert scenario.concrete


def test_files_are_included_and_scopes_merged() -> None:
    files = {
        "a/main.sim": b'include "hosts/all.sim"\nSimulation { duration = 5s Host mx { clock_skew = 1s } }',
        "a/hosts/all.sim": b'Simulation { Host "mx" { addresses = 10.0.0.1 config = "mx.conf" } }',
        "a/hosts/mx.conf": b"Hostname = mx.example\n",
    }

    def found(path: str) -> Supply:
        return files.get(path, reading("nowhere"))

    (mx,) = read("a/main.sim", found).hosts
    assert (mx.clock_skew_seconds, mx.config_source) == (1.0, "hosts/mx.conf")
    assert mx.files == ((mx.config, files["a/hosts/mx.conf"]),)


HOSTS = (
    'Simulation { Host "mx" { addresses = "10.0.0.1" config = "small.conf" } '
    'Host "c" { addresses = "10.0.0.2" program = "client" } '
)
MAIL = 'from = "c" to = "mx:25" recipients = "a@b.example"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: Simulation: there is none (write Simulation { ... } around it all)"),
        ("Simulation { }", "Host: there is no host"),
        ('Simulation { Hots "mx" { } }', "Hots: no such scope in Simulation (did you mean Host?)"),
        ('Host "mx" { }', "Host: scope Host does not stand in Global (it stands in Simulation)"),
        (HOSTS + "duraton = 5s }", "duraton: no such option in Simulation (did you mean duration?)"),
        (HOSTS + "duration = 5 }", "duration: expected a duration such as 250ms, 4s, 2m or 1h; did you mean 5s?"),
        (HOSTS + "short = 150% }", "short: expected a share from 0 to 1 such as 0.05 or 5%"),
        (HOSTS + 'Host "x" { } }', 'addresses: Host "x" needs it (write addresses = ( "10.0.0.1" ))'),
        (HOSTS + 'Host "x" { addresses = ( ) } }', "addresses: expected one address at least"),
        (HOSTS + 'Host "x" { addresses = 10.0.0.9 } }', 'config: Host "x" needs it (write config = '),
        (HOSTS + 'Host mx { config = "" } }', 'config: Host "mx" needs it (write config = '),
        (HOSTS + 'Host "x_y" { addresses = 10.0.0.9 } }', "Host: expected a host name of letters, digits, '-' and '.'"),
        (HOSTS + 'Host "10.1" { addresses = 10.0.0.256 } }', "addresses: '10.0.0.256' is not an IPv4 or IPv6 address"),
        (HOSTS + "Host x { addresses = 10.0.0.1 } }", 'addresses: 10.0.0.1 is an address of Host "mx" already, at'),
        (HOSTS + "Host x { program = clinet } }", "client, sink, nameserver; did you mean client?"),
        (HOSTS + "Host c { config = small.conf } }", "config: a client reads no configuration"),
        (HOSTS + "Host mx { config = no.conf } }", "config: 'work/no.conf': no such file"),
        (HOSTS + "Host mx { users = [ a = 0 ] } }", "users: 0 is root's number already"),
        (HOSTS + "Host mx { File tmp { text = x } } }", "File: expected the path of a file, from / on"),
        (HOSTS + "Host mx { File /a { text = x from = y } } }", "File: expected one of from, text and base64"),
        (HOSTS + "Host mx { File /a { from = y } } }", "from: 'work/y': no such file"),
        (HOSTS + "Host mx { File /a { base64 = '?' } } }", "base64: expected base64"),
        (HOSTS.replace("small", "by_mx") + f"Mail m {{ {MAIL} }} }}", "no name of this world is 'b.example', and"),
        (HOSTS + "Name a.example { mx = mx } }", "mx: 'mx': "),
        (HOSTS + "Name a.example { records = 'A 10.0.0' } }", "records: 'A 10.0.0': "),
        (HOSTS + "Host c { offers = DSN } }", "offers: a client is no sink"),
        (HOSTS + "Host c { Behaviour b { } } }", "Behaviour: a client is no sink"),
        (HOSTS + "Host s { addresses = 10.0.0.3 program = sink offers = DNS } }", "there is no extension 'DNS'"),
        (HOSTS + "Host s { addresses = 10.0.0.3 program = sink Behaviour b { reply = n } } }", "expected a code and a"),
        (HOSTS + "At 5s { dns_servfail = mx for = 1s } }", "dns_servfail: 'mx' is no nameserver"),
        (HOSTS + "Name mx { is = c } }", "Name: 'mx' is a host's name already"),
        (HOSTS + "Name a.example { is = mc } }", "is: there is no host 'mc' (did you mean c?)"),
        (HOSTS + 'Link "mx" { } }', 'Link: a link lies between two hosts (write Link "ONE OTHER" { ... })'),
        (HOSTS + 'Link "mx cc" { } }', "Link: there is no host 'cc' (did you mean c?)"),
        (HOSTS + 'Link "mx c" { } Link "c mx" { } }', "Link: that link is described at work/drawn.sim:1:128 already"),
        (HOSTS + 'Link "mx c" { bandwidth = "10MB/h" } }', "bandwidth: expected octets a second such as 10MB/s"),
        (HOSTS + f'Mail "m" {{ {MAIL} }} Mail "m" {{ {MAIL} }} }}', 'Mail: there is a Mail "m" already, at work/drawn'),
        (HOSTS + f"Mail m {{ {MAIL} at = 61s }} }}", "at: 61s is after the end: duration is 60s"),
        (HOSTS + "Mail m { from = c to = mx:25 } }", 'recipients: Mail "m" needs it'),
        (HOSTS + f"Mail m {{ {MAIL} from = mx }} }}", "from: there is no client 'mx' (there is c)"),
        (HOSTS + f"Mail m {{ {MAIL} to = fd00::1 }} }}", "to: an IPv6 address stands in brackets here: [fd00::1]:25"),
        (HOSTS + f"Mail m {{ {MAIL} to = mx:0 }} }}", "to: expected a host or an address, and a port"),
        (HOSTS + f"Mail m {{ {MAIL} to = 192.0.2.1:25 }} }}", "to: there is no host '192.0.2.1'"),
        (HOSTS + f"Name n.example {{ is = mx }} Mail m {{ {MAIL} to = n.example }} }}", "to: there is no host 'n.exam"),
        (HOSTS + f"Mail m {{ {MAIL} octets = 10m }} }}", "octets: expected a size such as 400, 20kB, 10MB or 4KiB"),
        (HOSTS + f"Load l {{ {MAIL} octets = ( 5 4 ) }} }}", "octets: 5 is more than 4: expected ( LOW HIGH )"),
        (HOSTS + f"Load l {{ {MAIL} count = 100001 }} }}", "count: expected at most 100000 messages"),
        (HOSTS + f"Load l {{ {MAIL} recipient_count = 0 }} }}", "recipient_count: expected one recipient at least"),
        (HOSTS + "At 5s { kil = mx for = 1s } }", "kil: no such option in At (did you mean kill?)"),
        (HOSTS + "At 5 { kill = mx for = 1s } }", "At: expected a duration such as 250ms"),
        (HOSTS + "At 90s { kill = mx for = 1s } }", "At: 90s is after the end: duration is 60s"),
        (HOSTS + "At 5s { } }", 'At: nothing breaks here (write a fault, such as pause = "HOST")'),
        (HOSTS + "At 5s { kill = mx pause = mx for = 1s } }", 'At "5s" has kill already (write another At)'),
        (HOSTS + "At 5s { kill = mx for = 1s kill = mx } }", "kill: said twice: at work/drawn.sim:1:136 too"),
        (HOSTS + "At 5s { kill = mx } }", 'for: At "5s" needs it (write for = "4s")'),
        (HOSTS + "At 5s { kill = m for = 1s } }", "kill: there is no host 'm' (did you mean mx?)"),
        (HOSTS + "At 5s { kill = mx for = 1s amount = 2 } }", "amount: kill has no amount"),
        (HOSTS + "At 5s { kill = mx for = 1s text = x } }", "text: kill has no text"),
        (HOSTS + "At 5s { reset = ( mx c ) for = 1s } }", "for: reset happens at once: it has no duration"),
        (HOSTS + "At 5s { console = mx text = x for = 1s } }", "for: console happens at once: it has no duration"),
        (HOSTS + f"Mail m {{ {MAIL} address = 10.0.0.1 }} }}", "address: Host \"c\" has no address 10.0.0.1"),
        (HOSTS + f"Load l {{ {MAIL} at = 31s for = 30s }} }}", "for: 61s is after the end: duration is 60s"),
        (HOSTS + "At 5s { reset = mx } }", 'reset: expected two hosts, ( "ONE" "OTHER" )'),
        (HOSTS + "At 5s { disk_full = mx for = 1s } }", 'amount: At "5s" needs it (of disk_full: octets'),
        (HOSTS + "At 5s { disk_error = mx for = 1s amount = 1s } }", "amount: expected a share from 0 to 1"),
        (HOSTS + "At 5s { console = c text = x } }", "console: 'c' does not run the product"),
        (HOSTS + "At 5s { console = mx } }", 'text: At "5s" needs it'),
        (HOSTS + "Swarm { faults = ( kill boom ) } }", "faults: there is no fault to draw 'boom'"),
        (HOSTS + "Swarm { faults = kill hosts = d } }", "hosts: there is no host 'd'"),
        (HOSTS + "Swarm { faults = kill for = ( 2s 1s ) } }", "for: 2s is more than 1s: expected ( LOW HIGH )"),
        (HOSTS + "Expect { marks = relay_deny } }", "no mark 'relay_deny' (did you mean relay_denied?)"),
        (HOSTS + "Expect { without = no_lost } }", "without: there is no invariant 'no_lost'"),
        (HOSTS + "Expect { heal = sufficient } }", 'heal: which hosts suffice? (write sufficient = ( "HOST" ))'),
        (HOSTS + 'Mail "m" { from = "c', "the string is never closed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ScenarioErrors) as wrong:
        of_text(text)
    assert any(said in str(error) and str(error).startswith(SOURCE) for error in wrong.value.errors), wrong.value


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ScenarioErrors) as wrong:
        of_text('Simulation {\n  duration = 5\n  Link "a b" { }\n  At "1s" { kill = "a" }\n}')
    assert [(error.at.line, error.option) for error in wrong.value.errors] == [
        (1, "Host"), (2, "duration"), (3, "Link"), (3, "Link"), (4, "for"), (4, "kill"),
    ]  # fmt: skip
    assert wrong.value.render().startswith(
        "work/drawn.sim:1:1: Host: there is no host\n"
        "    Simulation {\n"
        "    ^\n"
        '  write Host "mx" { addresses = ( "10.0.0.1" ) ... }\n'
        "work/drawn.sim:2:14: duration: expected a duration such as 250ms, 4s, 2m or 1h; did you mean 5s?\n"
        "      duration = 5\n"
        "                 ^\n"
    )


def test_the_caret_stands_below_the_wrong_word_of_a_list() -> None:
    found = check("a.sim", lambda path: (HOSTS + 'At "1s" { partition = ( "c" "mxx" ) for = 1s } }').encode())
    (error,) = (error for error in found.problems if error.option == "partition")
    assert found.texts["a.sim"][error.at.column - 1 :].startswith('mxx"')


def test_what_is_wrong_with_a_configuration_is_said_with_its_own_place() -> None:
    broken = {**TREE, "work/small.conf": b"Hostname = a\nEnabled_Listner = 1\n"}
    with pytest.raises(ScenarioErrors) as wrong:
        read(SOURCE, lambda path: (HOSTS + "}").encode() if path == SOURCE else broken.get(path, reading(path)))
    assert str(wrong.value.errors[0]).startswith("work/small.conf:2:1: Enabled_Listner: no such option in Global")


def test_a_configuration_may_stand_in_the_scenario() -> None:
    host = """
      Host "mx" {
        addresses = 10.0.0.1 config_at = "/etc/mx/mx.conf"
        File "/etc/mx/mx.conf"   { text = 'Hostname = a.example include "../more" include "beside.conf"' }
        File "/etc/more/b.conf"  { text = "Relay_Domains = ( b.example )" }
        File "/etc/mx/beside.conf" { text = "%s" }
      }"""
    scenario = of_text("Simulation {" + host % "Max_Retry_Interval = 5" + "}")
    assert [path for path, _ in scenario.hosts[0].files] == [
        "/etc/mx/mx.conf",
        "/etc/more/b.conf",
        "/etc/mx/beside.conf",
    ]
    with pytest.raises(ScenarioErrors) as wrong:
        of_text("Simulation {" + host % "\nHostnam = b" + "}")
    assert str(wrong.value.errors[0]).startswith("mx:/etc/mx/beside.conf:2:1: Hostnam: no such option in Global")
    assert "    Hostnam = b\n    ^" in wrong.value.render()


def test_the_command_says_how_many_there_are() -> None:
    out = io.StringIO()
    assert check_command("sim/scenarios/nowhere.sim", out) == 2
    assert out.getvalue() == "sim/scenarios/nowhere.sim: no such file\nsim/scenarios/nowhere.sim: 1 to put right\n"
