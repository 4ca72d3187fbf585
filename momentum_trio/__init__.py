"""momentum-trio: the listener subsystem of the Momentum MTA, on trio.

The house, floor by floor (``docs/architecture.md`` draws it; ``tests/tidy`` holds it):

F0  mail, net                           words: values only
F1  config, protocol                    engines: text and octets in, values out, no I/O
F2  machine, log                        the world beside the network, as one value
F3  limits, spool, reception, console, events, metrics, https, msgc, cluster   services
F4  listener, delivery, web, webhook, client                                   edges
F5  node, rehearsal, cli                the whole
"""

__version__ = "0.1.0"
