"""A student's side of an examination: answers the calls of a check that runs in another process.

The check's process sends calls: a name, and arguments pickled (it can be trusted).  Back go plain data only (numbers,
texts, lists, arrays as bytes), described in JSON, never unpickled: what the call returned or raised, and what it
changed in its arguments.  So a check can be written as if it called the function itself, while what it expects, its
own text and the marks are in a process where no student's code ever runs.
"""

import builtins
import contextlib
import dis
import io
import linecache
import pickle
import random
import socket
import traceback
import types
from collections import OrderedDict
from unittest import mock

import numpy as np
import torch

from grading.inside.wire import receive, send
from utils.checks import ToDo, text_of

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
        torch.uint8, torch.bool, torch.complex64,
    )
}  # fmt: skip


# ------------------------------------------------------------------------------------------------ what can change
def mutable(root: object, known: set[int]) -> list:
    """What a call could change in its arguments, in an order that is the same on both sides.

    `known`: ids of objects that both sides have of their own (models, tokenizers…): left out.
    """
    found, seen = [], set(known)
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        kind = type(value)
        inside: list = []
        if kind in (list, set):
            found.append(value)
            inside = list(value) if kind is list else []
        elif kind is tuple:
            inside = list(value)
        elif kind in (dict, OrderedDict):
            found.append(value)
            inside = list(value.values())
        elif kind in (torch.Tensor, torch.nn.Parameter, np.ndarray, torch.Generator, np.random.Generator):
            found.append(value)
        elif kind is types.FunctionType:
            if value.__module__ == "__main__":
                inside = [cell.cell_contents for cell in value.__closure__ or () if _filled(cell)]
                inside += [value.__globals__[name] for name in _names(value.__code__) if name in value.__globals__]
        elif kind is types.MethodType:
            inside = [value.__self__]
        elif _has_state(value):
            found.append(value)
            inside = list(vars(value).values())
        waiting += [item for item in reversed(inside) if not isinstance(item, (int, float, str, bytes, type(None)))]
    return found


def _has_state(value: object) -> bool:
    """An object made by a check, or of a class whose state is in plain sight; not a library's machinery."""
    kind = type(value)
    if isinstance(value, (type, types.ModuleType, torch.optim.Optimizer)) or not hasattr(value, "__dict__"):
        return False
    return kind.__module__ == "__main__" or isinstance(value, (torch.nn.Module, types.SimpleNamespace)) or (
        kind.__name__ == "BatchEncoding"
    )  # fmt: skip


def _filled(cell) -> bool:
    with contextlib.suppress(ValueError):
        return cell.cell_contents is not cell
    return False


def _names(code: types.CodeType) -> list[str]:
    """The global names that a function's code may use, with those of the functions in it."""
    names = {step.argval for step in dis.get_instructions(code) if step.opname.endswith(("_GLOBAL", "_NAME"))}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= set(_names(constant))
    return sorted(names)


# ------------------------------------------------------------------------------------------------ plain data
class Encoder:
    """Turns values into JSON's types and numbered buffers.  `shared`: objects that the other side knows by number."""

    def __init__(self, shared: list = (), named: dict[int, list] = types.MappingProxyType({})):
        self.buffers: list[bytes] = []
        self._shared = {id(value): number for number, value in enumerate(shared)}
        self._named = named
        self._above: set[int] = set()
        self.kept: list = []  # functions and tensors with a gradient: the other side may come back to them

    def encode(self, value: object, refer: bool = True) -> object:
        kind = type(value)
        if kind is int and value.bit_length() > 10_000:  # more digits than Python turns into text
            return {"k": "int", "v": hex(value)}
        if value is None or kind in (bool, int, float, str):
            return value if kind is not str else value.encode("utf-8", "replace").decode()
        if refer and id(value) in self._shared:
            return {"k": "shared", "i": self._shared[id(value)]}
        if refer and id(value) in self._named:
            return {"k": "named", "n": self._named[id(value)]}
        if id(value) in self._above:
            return {"k": "other", "n": kind.__name__}
        self._above.add(id(value))
        try:
            return self._encode(value, kind)
        finally:
            self._above.discard(id(value))

    def _encode(self, value, kind: type) -> object:
        if kind in (list, tuple, set, frozenset, torch.Size):
            return {"k": kind.__name__, "v": [self.encode(item) for item in value]}
        if kind is dict:
            return {"k": "dict", "v": [[self.encode(key), self.encode(item)] for key, item in value.items()]}
        if kind is bytes:
            return {"k": "bytes", "b": self._buffer(value)}
        if kind is complex:
            return {"k": "complex", "v": [value.real, value.imag]}
        if kind in (torch.Tensor, torch.nn.Parameter):
            return self._tensor(value, kind)
        if (kind is np.ndarray or isinstance(value, np.generic)) and value.dtype.kind in "biufcSU":
            array = np.ascontiguousarray(value)
            name = "array" if kind is np.ndarray else "scalar"
            return {"k": name, "d": array.dtype.str, "s": list(value.shape), "b": self._buffer(array.tobytes())}
        if isinstance(value, (types.FunctionType, types.MethodType, types.BuiltinFunctionType)):
            self.kept.append(value)
            return {"k": "function", "i": len(self.kept) - 1, "n": getattr(value, "__name__", "function")}
        return {"k": "other", "n": kind.__name__}

    def _tensor(self, value: torch.Tensor, kind: type) -> object:
        dtype = str(value.dtype).removeprefix("torch.")
        if dtype not in DTYPES or value.layout is not torch.strided:
            return {"k": "other", "n": kind.__name__}
        flat = value.detach().cpu().contiguous().reshape(-1)
        data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        told = {"k": kind.__name__, "d": dtype, "s": list(value.shape), "b": self._buffer(data)}
        if value.requires_grad:
            told |= {"leaf": value.is_leaf, "i": len(self.kept)}
            self.kept.append(value)
        return told

    def _buffer(self, data: bytes) -> int:
        self.buffers.append(data)
        return len(self.buffers) - 1


# ------------------------------------------------------------------------------------------------ answering
class Loader(pickle.Unpickler):
    """Reads the check's arguments; what both sides have is taken from the notebook's names."""

    def __init__(self, data: bytes, namespace: dict):
        super().__init__(io.BytesIO(data))
        self._namespace = namespace
        self.named: dict[int, list] = {}

    def persistent_load(self, path):
        value = self._namespace[path[0]]
        for step in path[1:]:
            value = value.get_submodule(step)
        self.named[id(value)] = list(path)
        return value


def as_generator(items: list):
    """A generator in place of one that could not travel."""
    yield from items


def generator_from(state: bytes) -> torch.Generator:
    generator = torch.Generator()
    generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    return generator


def dice() -> tuple:
    """The state of every global random number generator."""
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def set_dice(state: tuple) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])
    torch.set_rng_state(state[2])


def answer(path: str) -> None:
    """Answer the calls of the check that waits at the socket `path`, until it is done."""
    import __main__

    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
        Answers(line, vars(__main__)).serve()


class Answers:
    """One check's calls, answered out of a namespace."""

    def __init__(self, line: socket.socket, namespace: dict):
        self.line, self.namespace = line, namespace
        self.kept: list = []  # by number: what the check may call, or ask a gradient of
        self.check = ""

    def serve(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                message, buffers = receive(self.line)
                if message["do"] == "end":
                    return
                send(self.line, *getattr(self, f"_{message['do']}")(message, buffers))

    def _look(self, message: dict, _) -> tuple:
        """What the names that a check uses stand for."""
        self.check = message["check"]
        encoder = Encoder()
        found = {}
        for name in message["names"]:
            if name in self.namespace:
                value = self.namespace[name]
                found[name] = {"k": "function", "n": name} if callable(value) else encoder.encode(value)
        return found, encoder.buffers

    def _call(self, message: dict, buffers: list[bytes]) -> tuple:
        encoder = Encoder()
        try:
            loader = Loader(buffers[0], self.namespace)
            args, kwargs, patches, state, gradient = loader.load()
            shared = mutable([args, kwargs], set(loader.named))
            before = [snapshot(value) for value in shared]
            encoder = Encoder(shared, loader.named)
            function = self.kept[message["kept"]] if "kept" in message else self.namespace[message["name"]]
            own, failed = dice(), None
            set_dice(state)
            with contextlib.ExitStack() as stack:
                for target, attribute, error in patches:
                    stack.enter_context(mock.patch.object(target, attribute, mock.Mock(side_effect=error)))
                stack.enter_context(torch.set_grad_enabled(gradient))
                try:
                    result = function(*args, **kwargs)
                except KeyboardInterrupt:  # the grader's own stop
                    raise
                except BaseException as error:
                    failed = error
            drawn = dice()
            set_dice(own)
            told = {"error": self._error(failed)} if failed else {"result": encoder.encode(result)}
            told["changed"] = [
                [number, change]
                for number, (value, old) in enumerate(zip(shared, before, strict=True))
                if (change := changed(value, old, encoder)) is not None
            ]
            told["dice"] = _told_dice(drawn, state, encoder)
            inputs = [v for v in shared if isinstance(v, torch.Tensor) and v.requires_grad and v.is_leaf]
        except (Exception, SystemExit) as error:  # what came is not what this side knows: the call has failed
            told, inputs, encoder = {"error": self._error(error), "changed": [], "dice": None}, [], Encoder()
        told["first"] = len(self.kept)  # the numbers of `kept` begin there
        self.kept += encoder.kept
        self.inputs = inputs
        return told, encoder.buffers

    def _gradient(self, message: dict, buffers: list[bytes]) -> tuple:
        """The gradient of a result with respect to the arguments of the call that gave it."""
        encoder = Encoder()
        outputs = [self.kept[number] for number in message["kept"]]
        grads = [
            torch.frombuffer(bytearray(data), dtype=output.dtype).reshape(output.shape)
            for data, output in zip(buffers, outputs, strict=True)
        ]
        try:
            found = torch.autograd.grad(outputs, self.inputs, grads, allow_unused=True, retain_graph=True)
        except Exception as error:
            return {"error": self._error(error)}, []
        return {"gradients": [encoder.encode(g.detach() if g is not None else None) for g in found]}, encoder.buffers

    def _error(self, error: BaseException) -> dict:
        """An exception's name, kind and text, and the last line of the student's own that led to it."""
        kinds = [kind.__name__ for kind in type.mro(type(error)) if getattr(builtins, kind.__name__, None) is kind]
        frames = traceback.extract_tb(error.__traceback__)
        own = [
            f for f in frames if ("ipykernel" in f.filename or f.filename.startswith("<")) and f.filename != self.check
        ]
        where = [own[-1].lineno, (own[-1].line or linecache.getline(own[-1].filename, own[-1].lineno))] if own else None
        told = {"name": type(error).__name__, "kinds": kinds, "text": text_of(error), "where": where}
        lacking = error.name if isinstance(error, NameError) else None  # what a message can help with
        return told | {"todo": isinstance(error, ToDo), "lacking": lacking if isinstance(lacking, str) else None}


def _told_dice(drawn: tuple, before: tuple, encoder: Encoder) -> dict | None:
    """The global generators' new states, if a call has drawn from one."""
    same = drawn[0] == before[0] and np.array_equal(drawn[1][1], before[1][1]) and drawn[1][2:] == before[1][2:]
    if same and torch.equal(drawn[2], before[2]):
        return None
    numpy_state = [np.asarray(drawn[1][1]), *drawn[1][2:]]
    return {
        "random": encoder.encode(drawn[0]), "numpy": encoder.encode(numpy_state), "torch": encoder.encode(drawn[2])
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------ changes
def snapshot(value: object) -> object:
    """Enough of a mutable value to see later whether it changed."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone(), None if value.grad is None else value.grad.clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    if isinstance(value, list):
        return list(value)
    if isinstance(value, set):
        return set(value)
    return dict(value if isinstance(value, dict) else vars(value))


def changed(value: object, before: object, encoder: Encoder) -> object | None:
    """How a mutable value differs from its snapshot, in plain data; None: not at all."""
    if isinstance(value, torch.Tensor):
        old, gradient = before
        told = {}
        if value.shape != old.shape or value.dtype != old.dtype or not _same(value.detach(), old):
            told["value"] = encoder.encode(value.detach(), refer=False)
        if value.grad is not gradient and not (
            gradient is not None and value.grad is not None and _same(value.grad, gradient)
        ):
            told["gradient"] = encoder.encode(None if value.grad is None else value.grad.detach(), refer=False)
        return told or None
    if isinstance(value, np.ndarray):
        return None if _same(value, before) else {"value": encoder.encode(value, refer=False)}
    if isinstance(value, torch.Generator):
        return None if torch.equal(value.get_state(), before) else {"state": encoder.encode(value.get_state())}
    if isinstance(value, np.random.Generator):
        return None if value.bit_generator.state == before else {"state": encoder.encode(value.bit_generator.state)}
    if isinstance(value, set):
        return None if value == before else {"set": encoder.encode(value, refer=False)}
    if isinstance(value, list):
        if len(value) == len(before) and all(a is b for a, b in zip(value, before, strict=True)):
            return None
        places = {id(item): place for place, item in enumerate(before)}
        return {"items": [{"k": "was", "i": places[id(v)]} if id(v) in places else encoder.encode(v) for v in value]}
    now = value if isinstance(value, dict) else vars(value)
    new = [
        [encoder.encode(key), encoder.encode(item)]
        for key, item in now.items()
        if key not in before or before[key] is not item
    ]
    gone = [encoder.encode(key) for key in before if key not in now]
    return {"new": new, "gone": gone} if new or gone else None


def _same(a, b) -> bool:
    """Equal to the bit, NaN included."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b) or bool(((a == b) | ((a != a) & (b != b))).all())
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
