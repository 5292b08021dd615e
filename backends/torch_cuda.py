"""Sums of arrays on GPUs, CuPy's or PyTorch's, over processes of torch.distributed.

By NCCL on the devices, which needs one of its own for each process, or through the host. Written
against the interfaces of PyTorch and CuPy and run on stand-ins by the tests; no GPU has seen it.
"""

from collections.abc import Callable
from importlib import import_module
from platform import node
from typing import Any

_CUDA = 2  # of DLPack, by which libraries share the memory of arrays


def is_on_gpu(x: Any) -> bool:
    """Return whether an array is in the memory of a CUDA device."""
    return bool(x.__dlpack_device__()[0] == _CUDA)


def connections(torch: Any) -> str:
    """Return by what processes are connected, as `init_process_group` takes it.

    gloo for arrays on the host, and NCCL, where there is one, for those on a GPU.
    """
    return "cpu:gloo,cuda:nccl" if _has_nccl(torch) else "gloo"


class DeviceSums:
    """Sums contiguous arrays on GPUs in place; all processes make the first sum at the same time.

    torch: PyTorch. gather: of the group, see `xpcnn.process_group.Group`.
    """

    def __init__(self, torch: Any, gather: Callable[[Any], list[Any]]) -> None:
        self._torch, self._gather = torch, gather
        self._by_nccl: bool | None = None  # not known before the first sum

    def __call__(self, x: Any, processes: Any) -> Any:
        """Return x, summed over a group of torch's; None is all.

        Raises:
            RuntimeError: PyTorch has no CUDA, or another process has ended.
        """
        if not self._torch.cuda.is_available():
            raise RuntimeError("PyTorch has no CUDA here; take --engine mpi, or PyTorch for CUDA")
        all_reduce = self._torch.distributed.all_reduce
        with self._torch.cuda.stream(self._stream(x)):
            tensor = self._torch.utils.dlpack.from_dlpack(x)
            if self._by_nccl is None:
                self._by_nccl = self._has_each_its_own(tensor.device)
            if self._by_nccl:
                all_reduce(tensor, group=processes)  # the stream waits for it, not the host
            else:
                host = tensor.cpu()
                all_reduce(host, group=processes)
                tensor.copy_(host)
        return x

    def _stream(self, x: Any) -> Any:
        """Return the stream on which a library computes x, as PyTorch's; None for its own."""
        if isinstance(x, self._torch.Tensor):
            return None
        stream = import_module("cupy").cuda.get_current_stream()
        return self._torch.cuda.ExternalStream(stream.ptr, device=x.__dlpack_device__()[1])

    def _has_each_its_own(self, device: Any) -> bool:
        """Return whether NCCL can sum: each process has it, and a device that no other has."""
        own = None
        if _has_nccl(self._torch):
            own = node(), str(self._torch.cuda.get_device_properties(device).uuid)
        devices = self._gather(own)
        return None not in devices and len(set(devices)) == len(devices)


def _has_nccl(torch: Any) -> bool:
    return bool(torch.cuda.is_available() and torch.distributed.is_nccl_available())
