"""Every command as an operator sees it: what is typed, and the exact text of the answer (spec/console.md).

The conversations run over a real Unix socket against a real configuration tree. A line that begins with ``> `` is
typed, ``! `` as well where the command fails; the lines up to the next one are the answer.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from console_host import console_host
from transcript import exchanges

CONVERSATIONS = {
    "general": """
> version
ecelerity version: 0.1.0
> pid
4711
> shutdown
Shutting down.
> quit
""",
    "authz": """
> authz id
<AuthzInformation username="ann">
  <Roles>
  </Roles>
</AuthzInformation>
> authz roles list
<Roles>
</Roles>
> json authz id
{
  "user": "ann",
  "roles": []
}
""",
    "logs": """
> reopen logs
Logs reopened.
> ec_logger:ec_logger1 reopen logs
Logs reopened.
> EC_Logger:ec_logger1 Reopen Logs
Logs reopened.
! ec_logger:other reopen logs
Unknown command 'ec_logger:other reopen logs'. Try 'help'.
! ec_logger:ec_logger1 shutdown
Unknown command 'ec_logger:ec_logger1 shutdown'. Try 'ec_logger:ec_logger1 help'.
! ec_logger:ec_logger1
Unknown command 'ec_logger:ec_logger1'. Try 'ec_logger:ec_logger1 help'.
> ec_logger:ec_logger1 help
help [COMMAND]
	List the commands, or tell more of one.
reopen logs
	Open the log files anew, after they were renamed.
> config set ec_logger Main enabled false
        enabled = false
> config set bounce_logger B enabled false
        enabled = false
> ec_logger:Main	reopen logs
Logs reopened.
> ec_logger:Main	 help
help [COMMAND]
	List the commands, or tell more of one.
reopen logs
	Open the log files anew, after they were renamed.
! ec_logger:main reopen logs
Unknown command 'ec_logger:main reopen logs'. Try 'help'.
> bounce_logger:B help
help [COMMAND]
	List the commands, or tell more of one.
! domain:example.net help
'domain:example.net' is no module: 'module list' lists those there are
""",
    "nearest": """
! sumary
Unknown command 'sumary'. Did you mean 'summary'?
! config sett blackhole on
Unknown command 'config sett blackhole on'. Did you mean 'config set'?
! config
'config' begins several commands: config begin, config commit, config confirm, config eval, config explain, \
config get, config locate, config reload, config replay, config rollback, config set, config show, \
config showrecurse, config unset, config writeback
! reopen
'reopen' begins a command: reopen logs
! frobnicate
Unknown command 'frobnicate'. Try 'help'.
! pid 1
pid takes no arguments
! VERSIO
Unknown command 'VERSIO'. Did you mean 'version'?
> VERSION
ecelerity version: 0.1.0
""",
    "summary": """
> summary
Summary Statistics
        Outbound Concurrency:       4
        Inbound Concurrency:      90
        Active Domains:       3
        Active Queue Size:     12
        Delayed Queue Size:      3
        Destaged Queue Size:      0
        Total Queue Size:     15
        DNS A Queries:      0
        DNS MX Queries:      0
        Pending DNS Queries: 0
        Query Rate:   0.00 queries/second
        Successfully Delivered Messages:    120
        Failed Messages:     12
        Rejected Messages:      1
        Received Messages:    137
        Delivery Rate:   1.76 messages/second
        Reception Rate:   1.82 messages/second
        Statistics Last Reset:     75 seconds
        Uptime:   7500 seconds
> summary reset
statistics cleared.
> summary with-mobile
Summary Statistics
        Outbound Concurrency:       4
        Inbound Concurrency:      90
        Active Domains:       3
        Active Queue Size:     12
        Delayed Queue Size:      3
        Destaged Queue Size:      0
        Total Queue Size:     15
        DNS A Queries:      0
        DNS MX Queries:      0
        Pending DNS Queries: 0
        Query Rate:   0.00 queries/second
        Successfully Delivered Messages:      0
        Failed Messages:      0
        Rejected Messages:      0
        Received Messages:      0
        Delivery Rate:   0.00 messages/second
        Reception Rate:   0.00 messages/second
        Statistics Last Reset:      0 seconds
        Uptime:   7500 seconds
! summary everything
usage: summary [reset|with-mobile]
""",
    "listeners": """
> listeners
Listener        Listen                         State     Sessions  Total  Received  Sent
ESMTP_Listener  *:2525                         open            12   4711   1234567    89
ESMTP_Listener  127.0.0.1:0 = 127.0.0.1:40001  open             0      0         0     0
ESMTP_Listener  127.0.0.1:2526                 disabled         1      1        10    20
HTTP_Listener   [::1]:8080                     failed           0      0         0     0
> json listeners
[
  {
    "listener": "ESMTP_Listener",
    "listen": "*:2525",
    "bound": "*:2525",
    "state": "open",
    "sessions": 12,
    "sessions_total": 4711,
    "octets_received": 1234567,
    "octets_sent": 89
  },
  {
    "listener": "ESMTP_Listener",
    "listen": "127.0.0.1:0",
    "bound": "127.0.0.1:40001",
    "state": "open",
    "sessions": 0,
    "sessions_total": 0,
    "octets_received": 0,
    "octets_sent": 0
  },
  {
    "listener": "ESMTP_Listener",
    "listen": "127.0.0.1:2526",
    "bound": "",
    "state": "disabled",
    "sessions": 1,
    "sessions_total": 1,
    "octets_received": 10,
    "octets_sent": 20
  },
  {
    "listener": "HTTP_Listener",
    "listen": "[::1]:8080",
    "bound": "",
    "state": "failed",
    "sessions": 0,
    "sessions_total": 0,
    "octets_received": 0,
    "octets_sent": 0
  }
]
""",
    # the examples of section 6, in their order
    "config of the manual": """
! config get blackhole
Option 'Blackhole' is not set in scope ''.
> config eval blackhole
Blackhole = 0
> config set suspend_delivery on
Suspend_Delivery = on
> config get message_expiration
Message_Expiration = 86400
> config get domain example.net message_expiration
        Message_Expiration = 900
> config unset domain example.net message_expiration
"Message_Expiration" has been unset. Effective value is now:
        Message_Expiration = 86400
> config set Relay_Hosts ( 10.0.0.1 10.0.0.2 )
Relay_Hosts = (
  10.0.0.1
  10.0.0.2
  )
> config get relay_hosts
Relay_Hosts = (
  10.0.0.1
  10.0.0.2
)
""",
    "a socket is switched off and on": """
> config set esmtp_listener listen :2525 enable false
        Enable = false
> config get ESMTP_Listener Listen *:2525 Enable
        Enable = false
> config set esmtp_listener listen :2525 enable = true
        Enable = true
> config set esmtp_listener listen :2525 enable=false
        Enable = false
> config unset esmtp_listener listen :2525 enable
"Enable" has been unset. Effective value is now:
        Enable = 1
""",
    "fallback": """
> config eval esmtp_listener listen :2525 banner_hostname
        Banner_Hostname = "mx1"
! config get esmtp_listener listen :2525 banner_hostname
Option 'Banner_Hostname' is not set in scope 'ESMTP_Listener Listen :2525'.
> config eval esmtp_listener listen :2525 peer 10.1.2.3 smtp_extensions
        SMTP_Extensions = (
          "ENHANCEDSTATUSCODES"
        )
> config eval domain nowhere.example message_expiration
        Message_Expiration = 86400
""",
    "scopes": """
> config show esmtp_listener
Banner_Hostname = "mx1"
Listen "*:2525" { ... }
Listen "127.0.0.1:2526" { ... }
> config showrecurse esmtp_listener
ESMTP_Listener {
  Banner_Hostname = "mx1"
  Listen "*:2525" {
    Peer "10.0.0.0/8" {
      SMTP_Extensions = (
        "ENHANCEDSTATUSCODES"
      )
    }
  }
  Listen "127.0.0.1:2526" {
    Enable = false
  }
}
> config unset esmtp_listener listen 127.0.0.1:2526
Scope "ESMTP_Listener Listen 127.0.0.1:2526" has been unset.
! config show esmtp_listener listen 127.0.0.1:2526
ESMTP_Listener Listen 127.0.0.1:2526: there is no such scope
! config unset
usage: config unset [SCOPE [INSTANCE]] ... [OPTION]
! config show nonsense
there is no scope 'nonsense' in the file level
! config show esmtp_listner
there is no scope 'esmtp_listner' in the file level (did you mean ESMTP_Listener?)
! config showrecurse esmtp_listener lsten
there is no scope 'lsten' in ESMTP_Listener (did you mean Listen?)
! config get esmtp_listner idle_time
esmtp_listner: no such option in Global (did you mean ESMTP_Listener?)
! config eval esmtp_listener lsten :25 enable
lsten: no such option in ESMTP_Listener (did you mean Listen?)
> config set esmtp_listener listen :2527 peer 192.0.2.0/24 idle_time 5
        Idle_Time = 5
> config show esmtp_listener listen :2527
Peer "192.0.2.0/24" { ... }
""",
    # the examples of section 6
    "locate": """
> config locate listen
Listen "*:2525"
  is at ESMTP_Listener::Listen:*\\:2525:
Listen "127.0.0.1:2526"
  is at ESMTP_Listener::Listen:127.0.0.1\\:2526:
Listen "%(endpoint)s"
  is at Control_Listener::Listen:%(located)s:
> config locate Listen ^127.*:2526$
Listen "127.0.0.1:2526"
  is at ESMTP_Listener::Listen:127.0.0.1\\:2526:
> config locate listen *:2525
Listen "*:2525"
  is at ESMTP_Listener::Listen:*\\:2525:
> config locate esmtp_listener
ESMTP_Listener
  is at ESMTP_Listener::
> config locate peer 10.0.0.0/8
Peer "10.0.0.0/8"
  is at ESMTP_Listener::Listen:*\\:2525:Peer:10.0.0.0/8:
> config set domain "/(?:^|[.])example[.](?:com|co[.]uk)$/" max_retries 5
        Max_Retries = 5
> config locate Domain exa.+m
Domain "/(?:^|[.])example[.](?:com|co[.]uk)$/"
  is at Domain:/(?\\:^|[.])example[.](?\\:com|co[.]uk)$/:
! config locate domain EX.+
no Domain is configured that 'EX.+' fits
! config locate domain (?=x)
RE2 has no lookahead (?=...)
! config locate binding
no Binding is configured
! config locate liten
there is no scope 'liten' (did you mean Listen?)
! config locate
usage: config locate SCOPE [REGEX]
> json config locate domain example.net
[
  {
    "location": "Domain:example.net:",
    "path": [
      {
        "scope": "Domain",
        "instance": "example.net"
      }
    ],
    "at": [
      "ecelerity.conf:6:1"
    ]
  }
]
""",
    "values follow the rules of files": """
> config set Relay_Domains = ( "a", "b" )
Relay_Domains = (
  "a"
  "b"
  )
> config set esmtp_listener listen :2525 file_mode 666
        File_Mode = 666
(taken as octal: 0666: write the leading 0)
! config set Relay_Domains ( "a", "b
console:1:24: the string is never closed
    Relay_Domains = ( "a", "b
                           ^
  expected another "
! config unset esmtp_listener listen :9999
ESMTP_Listener Listen :9999: there is no such scope
""",
    "what is wrong": """
! config set
usage: config set [SCOPE [INSTANCE]] ... OPTION [=] VALUE
! config set blackhole
usage: config set [SCOPE [INSTANCE]] ... OPTION [=] VALUE
! config get
usage: config get [SCOPE [INSTANCE]] ... OPTION
! config get blackhole x
'x' is too much: one option is asked for, and 'blackhole' is it
! config set esmtp_listener listen :2525 enabel false
enabel: no such option in Listen (did you mean Enable?)
! config set esmtp_listener listen
Listen: the scope needs an instance
! config set esmtp_listener listen "*:2525 enable false
a quote stays open, or ends within a word
! config set suspend_delivery 'on'x
console:1:24: no blank after the string
    Suspend_Delivery = 'on'x
                           ^
  a quote inside a string is written \\"
! config set esmtp_listener listen :70000 enable false
ESMTP_Listener Listen :70000: expected a port from 1 to 65535, not '70000'
! config set esmtp_listener listen :2525 enable perhaps
Enable: expected on or off, true or false, enabled or disabled, 1 or 0
! config set suspend_delivery ( a b
console:1:20: '(' is never closed
    Suspend_Delivery = ( a b
                       ^
  expected ')'
! config set idle_time 30
idle_time: not valid in Global; it is valid in ESMTP_Listener, HTTP_Listener, Listen, Pathway, Pathway_Group, Peer
! config set esmtp_listener peer 10.0.0.0/8 listen_backlog 5
listen_backlog: not valid in Peer; it is valid in Control_Listener, ECCluster_Listener, ECStream_Listener, \
ESMTP_Listener, HTTP_Listener, Listen
! config set esmtp_listener listen 127.0.0.1:99 enable = off
there is no Listen '127.0.0.1:99' in ESMTP_Listener; there is *:2525, 127.0.0.1:2526
""",
    "secrets": """
> config set http_basic_auth ann:s3cret
HTTP_Basic_Auth = ***
(without effect: nothing reads it yet)
> config get http_basic_auth
HTTP_Basic_Auth = ***
! confg set http_basic_auth = s3cret
Unknown command 'confg set http_basic_auth ***'. Did you mean 'config set'?
! config set http_basic_auth ( a s3cret
HTTP_Basic_Auth: expected one value (quote it)
> config eval http_basic_auth
HTTP_Basic_Auth = ***
> json config get http_basic_auth
{
  "option": "HTTP_Basic_Auth",
  "scope": "",
  "set": true,
  "value": "***"
}
""",
    "config as data": """
> json config get domain example.net message_expiration
{
  "option": "Message_Expiration",
  "scope": "Domain example.net",
  "set": true,
  "value": 900
}
> json config eval message_expiration
{
  "option": "Message_Expiration",
  "scope": "",
  "set": true,
  "value": 86400,
  "at": "ecelerity.conf:3:1"
}
> json config eval blackhole
{
  "option": "Blackhole",
  "scope": "",
  "set": false,
  "value": "false"
}
> json config eval control_listener file_mode
{
  "option": "File_Mode",
  "scope": "Control_Listener",
  "set": false,
  "value": "0660"
}
! json config get blackhole
{
  "option": "Blackhole",
  "scope": "",
  "set": false,
  "value": null
}
! json config set suspend_delivery perhaps
{
  "error": "Suspend_Delivery: expected on or off, true or false, enabled or disabled, 1 or 0"
}
> json config show esmtp_listener listen 127.0.0.1:2526
{
  "scope": "Listen",
  "instance": "127.0.0.1:2526",
  "options": {
    "Enable": false
  },
  "scopes": []
}
""",
    "dns": """
> dig Example.com
dig example.com
! dig
usage: dig DOMAIN
> refresh domain all
refresh domain all
! refresh domain a b
usage: refresh domain DOMAIN|all
> dns_cache stats
dns_cache stats
> dns_cache refcnts
dns_cache refcnts
> dns_cache submit Example.com mx
dns_cache submit example.com MX
! dns_cache lookup example.com
usage: dns_cache lookup NAME A|MX|PTR|X|X_AAAA|TXT|AAAA|CNAME
! dns_cache lookup example.com ANY
usage: dns_cache lookup NAME A|MX|PTR|X|X_AAAA|TXT|AAAA|CNAME
""",
    "destinations": """
> domain BÜCHER.Example.
domain xn--bcher-kva.example
> flush domain "Example.COM."
flush domain all example.com
> binding flush domain 'b1' ALL
flush domain b1 all
> binding fail domain quiet "b1" "bücher.example" 550 so "it" is
fail domain b1 quiet xn--bcher-kva.example 550 so "it" is
> binding fail domain b1 all it's gone
fail domain b1  all it's gone
> mailq -d "bücher.example" Example.com. --binding "b1"
mailq 20 d:xn--bcher-kva.example d:example.com b:b1
> showqueue "[IPv6:2001:DB8::1]"
showqueue default/default [ipv6:2001:db8::1] 100 0
> reroute queue bücher.example 10.1.2.3
reroute queue xn--bcher-kva.example 10.1.2.3
! reroute queue bücher.example XN--BCHER-KVA.example
usage: reroute queue DOMAIN OTHER
> rebind all bücher.example
rebind all xn--bcher-kva.example
> dig bücher.example
dig xn--bcher-kva.example
> dns_cache lookup Bücher.example txt
dns_cache lookup xn--bcher-kva.example TXT
> trace smtp add * Bücher.Example. f
trace smtp add * xn--bcher-kva.example f
> trace smtp add b1 * f
trace smtp add b1 * f
> message details full "10/00-00481-001F3556"
message details full 10/00-00481-001F3556
""",
    "reload": """
> config reload
Reconfigured.
""",
    "help": """
> help
active                         Show the domains with more active messages than a number.
authz id                       Show who you are, and the roles that are yours.
authz roles list               List the Roles of the configuration.
binding active                 Show the domains of a binding with more active messages than a number.
binding delayed                Show the domains of a binding with more delayed messages than a number.
binding fail domain            Give up all messages of a domain, or of all domains, in one binding.
binding flush domain           Try the delayed messages of a domain, or of all, in one binding at once.
binding summary                Show statistics of each binding, of one, or of a binding group.
cache list                     List the caches, with attributes of them.
cache stat                     Show all about one cache.
cache stats                    Show a row for each cache.
cluster abort                  Abort the job of that number.
cluster arp show               Show the hardware addresses of the hosts that this one has lately talked to.
cluster duravip announce view  Tell the other nodes again what this one could have, and has.
cluster duravip debug          Let the paniclog tell each step of elections, or no longer.
cluster duravip move           Move an address, or all that a node has, to another node.
cluster duravip show           Show who has the floating addresses.
cluster duravip show tables    Show all that was said of them, as XML.
cluster help                   List the commands of the cluster.
cluster info                   Show how this node is connected to its cluster.
cluster membership             Show who is in the cluster, the leader first.
cluster nodeaddr               Show where others reach this node.
cluster nodename               Show the name of this node in its cluster.
cluster reset                  Leave all groups of the cluster and join them anew.
cluster shared list            List what the nodes share.
cluster shared show            Show what is shared: the sum over all nodes, or what one counts.
cluster show logs              Show the durable logs that are gathered, and how far each subscriber is.
config begin                   Begin a transaction: changes that wait for 'config commit'.
config commit                  Let the changes of the transaction hold, all or none of them.
config confirm                 Keep what 'config commit confirmed' changed.
config eval                    Show the value of an option that holds in a scope.
config explain                 Tell why a peer's session, or mail to a domain, goes as it goes.
config get                     Show what an option is set to in one scope.
config locate                  Show where scopes of one kind stand.
config reload                  Read the configuration files again, and let them hold.
config replay                  Show the changes of the transaction so far, as the commands that make them.
config rollback                Drop the changes of the transaction.
config set                     Set an option in a scope, at once.
config show                    Show what is in a scope, the scopes in it collapsed.
config showrecurse             Show a scope and all in it.
config unset                   Remove an option from a scope, or a scope with all in it.
config writeback               Write what was changed here to the configuration files.
count                          Count open connections by address or network.
counter add                    Add to a counter.
counter help                   List the commands about counters.
counter increment              Add one to a counter.
counter list                   List the counters.
counter reset                  Let a counter count from zero.
counter unlink                 Delete a counter.
delayed                        Show the domains with more delayed messages than a number.
dig                            Look up the hosts of a domain.
dns_cache lookup               Show an answer that is remembered.
dns_cache refcnts              Show what is remembered, for how long, and how many domains use it.
dns_cache stats                Show how much is asked and remembered.
dns_cache submit               Ask DNS, unless the answer is remembered.
domain                         Show a domain: its own options, its hosts, its mail.
domain all                     Show the counts of each domain.
domains                        Show the counts of each domain, as 'domain all' does.
fail domain                    Give up all messages of a domain, or of all domains.
flush domain                   Try the delayed messages of a domain, or of all, at once.
help                           List the commands, or tell more of one.
listeners                      Show each Listen: its state, its sessions and the octets they moved.
mailq                          Show how many messages are active and delayed, by binding and domain.
memory                         Show how much memory is used.
message details                Show a message that waits: its metadata, its content, or both.
message fail                   Give a message up.
message retry                  Try a delayed message at once.
module list                    List the modules.
paniclog                       Show what was last said to the paniclog.
pid                            Show the process id of the server.
quit                           End this session.
rebind                         Give the messages of a binding the binding that Outbound_Binding says now.
refresh domain                 Forget what is known of the hosts of a domain, or of all.
reopen logs                    Open the log files anew, after they were renamed.
reroute queue                  Have the messages of one domain go to the hosts of another.
show inbound                   Show all inbound connections: who, in which phase, for how long.
show outbound                  Show all outbound connections: which domain, and where to.
showqueue                      Show the messages that wait for a domain.
shutdown                       Stop accepting at once, finish what is being received, and end.
spool import                   Take over the messages of another spool.
spool import_poll              Show how far an import is.
spool_in                       Load a message of the spool into the queue, if it is not there.
summary                        Show statistics of the whole node, or count from zero again.
sysinfo                        Show the version and what it runs on.
threads cpu queue              Show how many other jobs wait for a worker thread.
threads io queue               Show how many jobs with files wait for a worker thread.
threads stats                  Show what the worker threads do.
tls flush cache                Let the TLS contexts be made anew.
tls show cache                 Show the TLS contexts that are kept.
trace smtp add                 Write what outbound conversations say to a new file.
trace smtp list                List what is traced, and where to.
trace smtp remove              End a tracer.
version                        Show the product and its version.
write config                   Show the whole configuration that holds as text, or write it to a file.
xml memory                     Show how much memory is used, as XML.
> help summary
summary [reset|with-mobile]
	Show statistics of the whole node, or count from zero again.

The delivery rate counts successes and failures. 'received' are messages accepted for delivery.
'with-mobile' is taken and adds nothing.
> help config show
config show [SCOPE [INSTANCE]] ...
	Show what is in a scope, the scopes in it collapsed.

Scopes are named from the file level inwards: a named scope with its instance, as in
'esmtp_listener listen :25', others by themselves. Names are taken in any case.
! help frobnicate
There is no command 'frobnicate'. 'help' lists those there are.
> json help pid
{
  "command": "pid",
  "synopsis": "pid",
  "meaning": "Show the process id of the server.",
  "help": ""
}
""",
}


def there(conversation: str, endpoint: str) -> str:
    """*conversation* at the console of *endpoint*."""
    return conversation.replace("%(endpoint)s", endpoint).replace("%(located)s", endpoint.replace(":", "\\:"))


@pytest.mark.parametrize("conversation", CONVERSATIONS.values(), ids=list(CONVERSATIONS))
async def test_transcript(conversation: str, tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        console = await host.connect()
        for mark, typed, answer in exchanges(there(conversation, host.endpoint)):
            status, text = await console.ask(typed)
            assert text == answer, typed
            assert status == {">": "ok", "!": "error"}[mark], typed
