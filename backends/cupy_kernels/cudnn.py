"""cuDNN's graph API by ctypes: descriptors that are made of attributes, and statuses as errors.

A descriptor is an object of cuDNN with attributes; set and finalized, it never changes. A
convolution is a graph of them (`cudnn_graph.py`). By ctypes rather than by NVIDIA's Python package
nvidia-cudnn-frontend: its versions since 1.29 require a compiler, CUTLASS, that nothing here needs.

Source: the header cudnn_graph of cuDNN 9; docs.nvidia.com/deeplearning/cudnn/backend.
"""

import ctypes
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from .cudnn_numbers import ATTRIBUTES, DESCRIPTORS, TYPES, VALUES

OLDEST = 90000
"""The version from which on cuDNN has one library for the graph API, and these statuses."""
MOST_TEXT = 1000  # bytes of a message
IN_C: dict[str, Any] = {
    **dict.fromkeys(("HANDLE", "VOID_PTR", "BACKEND_DESCRIPTOR"), ctypes.c_void_p),
    "INT64": ctypes.c_int64,
    "FLOAT": ctypes.c_float,
    "BOOLEAN": ctypes.c_bool,
    "CHAR": ctypes.c_char,
}
"""What a value of a type is in C; all others are enumerations, that is, int."""


class CudnnError(RuntimeError):
    """A call that cuDNN refused."""


class Api:
    """The functions of the library; `call` raises CudnnError where one returns an error.

    version: such as "9.28.1".
    """

    def __init__(self, library: Any) -> None:
        self._library = library
        number = int(library.cudnnGetVersion())
        if number < OLDEST:
            raise CudnnError(f"cuDNN {number} is older than 9")
        self.version = f"{number // 10000}.{number // 100 % 100}.{number % 100}"

    def call(self, function: str, *arguments: Any) -> None:
        """Call a function that returns a status.

        Raises:
            CudnnError: it is not 0; the message names it, and has what cuDNN says of the reason.
        """
        status = getattr(self._library, function)(*arguments)
        if status:
            text = ctypes.create_string_buffer(MOST_TEXT)
            self._library.cudnnGetLastErrorString(text, MOST_TEXT)
            name, reason = self._library.cudnnGetErrorString(status), text.value
            said = [part.decode(errors="replace").strip() for part in (name, reason) if part]
            raise CudnnError(f"{function}: {': '.join(said)}")

    def execute(
        self,
        handle: Any,
        plan: "Descriptor",
        ids: Sequence[int],
        addresses: Sequence[int],
        room: int,
    ) -> None:
        """Launch a plan on the stream of its handle.

        ids, addresses: of the arrays. room: address of the memory that the plan needs beside them,
            0 for none.

        Every step does this: by C's arrays it takes the host 15 us, by `Descriptor` 39.
        """
        pack, count = ctypes.c_void_p(), len(ids)
        values: dict[str, Any] = {
            "VARIANT_PACK_UNIQUE_IDS": (ctypes.c_int64 * count)(*ids),
            "VARIANT_PACK_DATA_POINTERS": (ctypes.c_void_p * count)(*addresses),
            "VARIANT_PACK_WORKSPACE": (ctypes.c_void_p * 1)(room),
        }
        kind = DESCRIPTORS["VARIANT_PACK"]
        self.call("cudnnBackendCreateDescriptor", kind, ctypes.byref(pack))
        try:
            for name, array in values.items():
                number, of = ATTRIBUTES[name]
                at = pack, number, TYPES[of], len(array), array
                self.call("cudnnBackendSetAttribute", *at)
            self.call("cudnnBackendFinalize", pack)
            self.call("cudnnBackendExecute", handle, plan.pointer, pack)
        finally:
            self.destroy(pack)

    def destroy(self, descriptor: ctypes.c_void_p) -> None:
        self._library.cudnnBackendDestroyDescriptor(descriptor)

    def handle(self) -> ctypes.c_void_p:
        """Return a handle for the current device, which lives as long as the process."""
        handle = ctypes.c_void_p()
        self.call("cudnnCreate", ctypes.byref(handle))
        return handle


class Descriptor:
    """A descriptor of a kind of `DESCRIPTORS`, finalized unless it has no attributes.

    attributes: of `ATTRIBUTES`, a value or a sequence of them each: numbers, descriptors, handles,
        texts, and for enumerations names of `VALUES`.
    """

    def __init__(self, api: Api, kind: str, attributes: Mapping[str, Any] | None = None) -> None:
        self._api, self.pointer = api, ctypes.c_void_p()
        self._parts: list[Any] = []  # other descriptors, which live as long
        api.call("cudnnBackendCreateDescriptor", DESCRIPTORS[kind], ctypes.byref(self.pointer))
        for name, value in (attributes or {}).items():
            self._set(name, value)
        if attributes is not None:
            api.call("cudnnBackendFinalize", self.pointer)

    def __del__(self) -> None:
        if self.pointer:
            self._api.destroy(self.pointer)

    def _set(self, name: str, value: Any) -> None:
        number, kind = ATTRIBUTES[name]
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        self._parts += values
        array = (IN_C.get(kind, ctypes.c_int) * len(values))(*map(_in_c, values))
        at = self.pointer, number, TYPES[kind], len(values), array
        self._api.call("cudnnBackendSetAttribute", *at)

    def get(self, name: str) -> list[Any]:
        """Return the values of an attribute that is not a descriptor, as numbers."""
        number, kind = ATTRIBUTES[name]
        array = (IN_C.get(kind, ctypes.c_int) * self._count(name))()
        count = self._fill(number, kind, array)
        return list(array)[:count]

    def get_descriptors(self, name: str, of: str) -> list["Descriptor"]:
        """Return the descriptors that an attribute consists of; all are of the same kind."""
        number, kind = ATTRIBUTES[name]
        found = [Descriptor(self._api, of) for _ in range(self._count(name))]
        array = (ctypes.c_void_p * len(found))(*(one.pointer.value for one in found))
        count = self._fill(number, kind, array)
        return found[:count]

    def _count(self, name: str) -> int:
        number, kind = ATTRIBUTES[name]
        count = ctypes.c_int64()
        at = self.pointer, number, TYPES[kind], 0, ctypes.byref(count), None
        self._api.call("cudnnBackendGetAttribute", *at)
        return count.value

    def _fill(self, number: int, kind: str, array: Any) -> int:
        """Fill an array of C with values; return how many there are."""
        count = ctypes.c_int64()
        at = self.pointer, number, TYPES[kind], len(array), ctypes.byref(count), array
        self._api.call("cudnnBackendGetAttribute", *at)
        return min(count.value, len(array))


def _in_c(value: Any) -> Any:
    if isinstance(value, Descriptor):
        return value.pointer.value
    if isinstance(value, ctypes.c_void_p):
        return value.value
    return VALUES[value] if isinstance(value, str) else value


def load() -> Api:
    """Load cuDNN from where `cuda-pathfinder`, which CuPy requires, finds it.

    Raises:
        CudnnError: it is not installed, too old, or cannot be loaded.
    """
    try:
        found = import_module("cuda.pathfinder").load_nvidia_dynamic_lib("cudnn")
        library = ctypes.CDLL(found.abs_path)
    except (ImportError, OSError, RuntimeError) as error:  # pathfinder's own is a RuntimeError
        raise CudnnError(str(error).strip().partition("\n")[0]) from error
    return Api(declared(library))


def declared(library: Any) -> Any:
    """Tell ctypes the types of the functions."""
    pointer, size = ctypes.c_void_p, ctypes.c_int64
    arguments: dict[str, list[Any]] = {
        "cudnnCreate": [pointer],
        "cudnnSetStream": [pointer, pointer],
        "cudnnBackendCreateDescriptor": [ctypes.c_int, pointer],
        "cudnnBackendDestroyDescriptor": [pointer],
        "cudnnBackendFinalize": [pointer],
        "cudnnBackendSetAttribute": [pointer, ctypes.c_int, ctypes.c_int, size, pointer],
        "cudnnBackendGetAttribute": [pointer, ctypes.c_int, ctypes.c_int, size, pointer, pointer],
        "cudnnBackendExecute": [pointer, pointer, pointer],
        "cudnnGetLastErrorString": [pointer, ctypes.c_size_t],
        "cudnnGetErrorString": [ctypes.c_int],
    }
    for name, types in arguments.items():
        getattr(library, name).argtypes = types
    library.cudnnGetVersion.restype = ctypes.c_size_t
    library.cudnnGetErrorString.restype = ctypes.c_char_p
    return library
