"""What a CUDA graph asks of a cycle of updates, checked on machines without a GPU.

:class:`NothingRead` refuses what makes the host wait for the device, or copies to it or from it.
:class:`RecordedGraph` stands in for a CUDA graph: it records the operations of a cycle and repeats
them on the tensors that it was recorded with. Numbers of the host are as they were at the
recording, and what a repetition computed is overwritten as soon as it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from smile_bench.learning.compute.graphs import Cycles

__all__ = ["NothingRead", "RecordedGraph", "nothing_read", "recorded_graphs"]

aten = torch.ops.aten
READS = (
    aten._local_scalar_dense,
    aten.item,
    aten.nonzero,
    aten.masked_select,
    aten.equal,
    aten.is_nonzero,
    aten.unique_consecutive,
    aten.unique_dim,
    aten._unique,
    aten._unique2,
    aten.lift_fresh,  # torch.tensor(…), which copies from the host.
)


class NothingRead(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses operations that read the device, or whose result has a shape that they must read."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        if operation.overloadpacket in READS or self._moves(operation, args, given):
            raise AssertionError(f"{operation} waits for the device, or copies from the host")
        return operation(*args, **given)

    @staticmethod
    def _moves(operation: Any, args: Any, kwargs: Mapping[str, Any]) -> bool:
        packet = operation.overloadpacket
        if packet is aten._to_copy:
            device = kwargs.get("device")
            return device is not None and torch.device(device) != args[0].device
        if packet is aten.copy_:
            return bool(args[0].device != args[1].device)
        if packet in (aten.index, aten.index_put, aten.index_put_):
            kinds = {each.dtype for each in args[1] if each is not None}
            return bool(kinds & {torch.bool, torch.uint8})
        return False


class _NoArrays(TorchFunctionMode):
    """Refuses what never reaches the dispatcher: tensors as arrays and lists."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if getattr(function, "__name__", "") in ("numpy", "__array__", "tolist"):
            raise AssertionError(f"{function} reads the device")
        return function(*args, **(kwargs or {}))


@contextmanager
def nothing_read() -> Iterator[list[Any]]:
    """Within, the cycles of trainings read nothing; gives the keys of those that ran."""
    run, keys = Cycles.run, list[Any]()

    def checked(self: Cycles, key: Any, cycle: Callable[[], Any]) -> Any:
        def watched() -> Any:
            with NothingRead(), _NoArrays(), pytest.MonkeyPatch.context() as patch:
                patch.setattr(torch, "from_numpy", _refused)
                return cycle()

        keys.append(key)
        return run(self, key, watched)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cycles, "run", checked)
        yield keys


def _refused(*_: object) -> None:
    raise AssertionError("an array is copied from the host")


class RecordedGraph:
    """The operations of a cycle, to be repeated."""

    def __init__(self) -> None:
        self._recorded: list[tuple[Any, Any, Any, Any]] = []
        self.replays = 0

    def add(self, operation: Any, args: Any, kwargs: Any, result: Any) -> None:
        """Record an operation."""
        self._recorded.append((operation, args, kwargs, result))

    @torch.no_grad()
    def replay(self) -> None:
        """Repeat the operations, then spoil what they computed and did not write elsewhere."""
        self.replays += 1
        for operation, args, kwargs, result in self._recorded:
            again = operation(*args, **kwargs)
            for one, new in _made(operation, args, result, again):
                one.detach().copy_(new)
        for operation, args, _, result in self._recorded:
            for one, _ in _made(operation, args, result, result):
                one.detach().fill_(torch.nan if one.is_floating_point() else 0)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records; what it overwrites on the way is put back, as a recorded graph has not run."""

    def __init__(self, graph: RecordedGraph) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = graph
        self.overwritten: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        for declared, value in zip(operation._schema.arguments, args, strict=False):
            if declared.alias_info is not None and declared.alias_info.is_write:
                for tensor in tree_leaves(value):
                    storage = tensor.untyped_storage()
                    if storage.data_ptr() not in self.overwritten:
                        self.overwritten[storage.data_ptr()] = storage, storage.clone()
        result = operation(*args, **given)
        self.graph.add(operation, args, given, result)
        return result

    def __exit__(self, *args: Any) -> None:
        super().__exit__(*args)  # type: ignore[no-untyped-call]
        for storage, before in self.overwritten.values():
            storage.copy_(before)


def _made(operation: Any, args: Any, result: Any, again: Any) -> Iterator[tuple[Tensor, Tensor]]:
    """The tensors with memory of their own that an operation gave, with those of its repetition."""
    if any(each.alias_info is not None for each in operation._schema.returns):
        return  # Views of its arguments, or these.
    given = {_memory(each) for each in tree_leaves(args) if isinstance(each, Tensor)}
    for one, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
        if isinstance(one, Tensor) and one.numel() and _memory(one) not in given:
            yield one, new


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class _Stream:
    device = torch.device("cpu")

    def __init__(self, *_: object) -> None: ...

    def wait_stream(self, other: object) -> None: ...


@contextmanager
def recorded_graphs() -> Iterator[list[RecordedGraph]]:
    """Within, cycles are captured and replayed without a GPU; gives the graphs."""
    graphs: list[RecordedGraph] = []
    initialise = Cycles.__init__

    def graphed(self: Cycles, *args: Any, **kwargs: Any) -> None:
        initialise(self, *args, **kwargs)
        self._graph = True

    def new() -> RecordedGraph:
        graphs.append(RecordedGraph())
        return graphs[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cycles, "__init__", graphed)
        # A graph records without the random numbers, but what runs here needs some.
        patch.setattr(torch, "empty_like", torch.zeros_like)
        patch.setattr(torch.cuda, "CUDAGraph", new)
        patch.setattr(torch.cuda, "graph", lambda graph, **_: _Recorder(graph))
        patch.setattr(torch.cuda, "Stream", _Stream)
        patch.setattr(torch.cuda, "current_stream", _Stream)
        patch.setattr(torch.cuda, "stream", lambda _: nullcontext())
        patch.setattr(torch.cuda, "synchronize", lambda *_: None)
        patch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
        yield graphs
