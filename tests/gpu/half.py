"""The time of training steps in half precision, against PyTorch's automatic mixed precision."""

from collections.abc import Iterator
from functools import partial

from tests.gpu.section import Finding, Options, TimeUp, told
from tests.gpu.timing import timed, torch_device
from xpcnn.models import preset

JOBS, QUICK = (("resnet18-cifar", 512), ("resnet20", 1024)), (("digits", 4),)


def findings(options: Options) -> Iterator[Finding]:
    """Time some presets in float16."""
    backend = options.open()
    device = torch_device(backend)
    for name, batch in QUICK if options.quick else JOBS:
        label = f"{name}, batch {batch}, float16"
        given = label, preset(name), batch, backend, device, options, "float16"
        try:
            yield told(label, partial(timed, *given))
        except TimeUp:
            yield Finding(label, {"left out": "the time was used up"})
