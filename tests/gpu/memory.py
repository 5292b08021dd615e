"""Too little memory: a clear error, the model as it was, and a process that trains on.

Runs under CUPY_GPU_MEMORY_LIMIT; the CPU libraries of a rehearsal get a limit of their own.
"""

from collections.abc import Iterator

from tests.gpu.networks import images, model_of
from tests.gpu.section import Finding, Options, Skipped
from xpcnn.errors import XpcnnError
from xpcnn.models import preset
from xpcnn.types import flatten

LIMIT = 512 * 2**20
ENVIRONMENT = {"CUPY_GPU_MEMORY_LIMIT": str(LIMIT)}
TOO_MANY = 16384  # images, whose first feature map alone takes 784 MiB


def findings(options: Options) -> Iterator[Finding]:
    """Train, ask for too much, compare, train again."""
    found = preset("small")
    model = model_of(found, options.open())
    part = 1 if options.backend == "cupy" else 4  # a rehearsal has a quarter of both
    samples = images(found.input_shape, found.classes, TOO_MANY // part)
    few = samples.subset(range(64))
    model.fit(few, epochs=1)
    if options.backend != "cupy":
        limit_address_space(LIMIT // part)
    before = {path: x.tobytes() for path, x in flatten(model.host_arrays(model.params)).items()}
    text = None
    try:
        model.fit(samples, epochs=1, batch_size=len(samples))
    except (MemoryError, RuntimeError, XpcnnError) as error:
        text = f"{type(error).__name__}: {error}"
    yield Finding("asked for too much", text, unclear(text))

    after = {path: x.tobytes() for path, x in flatten(model.host_arrays(model.params)).items()}
    changed = [path for path, bits in before.items() if after[path] != bits]
    yield Finding("arrays changed by the failure", changed, "there are some" if changed else None)
    loss = model.fit(few, epochs=1)["loss"][-1]
    yield Finding("loss of an epoch after it", loss)


def unclear(text: str | None) -> str | None:
    """Say what an error for too little memory lacks."""
    if text is None:
        return "no error"
    words = text.lower()
    if "memory" in words or "allocate" in words:
        return None
    return f"the error does not speak of memory: {text}"


def limit_address_space(more: int) -> None:
    """Leave this process so many bytes more of memory than it has."""
    try:
        import resource
        from pathlib import Path

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ModuleNotFoundError, FileNotFoundError):
        raise Skipped("no limit can be set on this system without a GPU") from None
    size = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))
