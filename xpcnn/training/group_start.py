"""Processes that train together begin with the same data, options and weights."""

from collections.abc import Mapping

from xpcnn.errors import ConfigError, hint
from xpcnn.network import Network
from xpcnn.process_group import Group, shared
from xpcnn.types import flatten, unflatten_like


def start_together(group: Group, network: Network, identity: Mapping[str, str]) -> None:
    """Require the same run in every process of a group, and give the network the first's weights.

    identity: what the run is, from `identity_of`.

    Raises:
        ConfigError: a process has another run; says which and what differs.
    """
    if group.size == 1:
        return
    runs = group.gather(dict(identity))
    for rank, run in enumerate(runs):
        changed = [name for name in identity if run[name] != runs[0][name]]
        if changed:
            message = f"process {rank} has other {', '.join(changed)} than process 0"
            raise shared(ConfigError(hint(message, "the same command and files for every process")))
    to_host, to_device = network.backend.to_host, network.backend.from_host
    trees = network.params, network.buffers
    own = [{path: to_host(x) for path, x in flatten(tree).items()} for tree in trees]
    network.params, network.buffers = (
        unflatten_like(tree, {path: to_device(x) for path, x in first.items()})
        for tree, first in zip(trees, group.broadcast(own), strict=True)
    )
