"""The process of one lab in which checks run, apart from students' code: see `grading.execution.examiner`.

It is forked from the same process as students' kernels (`grading.inside.zygote`), and gets the lab's source afterwards:
what a kernel has a copy of never held it.
"""

import ast
import builtins
import contextlib
import gc
import io
import linecache
import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from unittest import mock

import cloudpickle
import numpy as np
import torch

from grading.inside import answering, linux
from grading.inside.answering import DTYPES
from grading.inside.wire import Step, outcome_of, receive, send
from utils import checks
from utils.checks import ToDo

EXAM_SECONDS = 900  # for one check of one student, whatever the kernel's own limits
EXAM_MB = 4000  # for the process of one check, besides what it starts with
FITNESS_SECONDS = 600
RAISED = (Exception, SystemExit)  # what a student's function can raise here
LIBRARIES = ("transformers", "tokenizers", "datasets", "sentence_transformers")  # what they make goes by name


class ExamError(RuntimeError):
    """An examination that did not come to its end: the student's kernel is gone or does not answer as it should."""


def fork() -> int:
    """As `os.fork`, once nothing is left to collect: a finalizer that waits for a thread would hang in the child.

    What is alive is then left alone, by the next collection here (which is quick) and by those in the child (which
    would copy every page that they touch).
    """
    gc.collect()
    gc.freeze()
    return os.fork()


class Replay:
    """A lab run again, step after step, in one namespace; `fit`: the checks that are known to pass apart, or not to."""

    def __init__(self, steps: list[Step], fit: dict[str, bool]):
        self.steps, self.fit = steps, fit
        self.namespace: dict = {"__name__": "__main__", "__builtins__": builtins}
        self.given: set[str] = set()  # names that given cells define: both sides have them
        self.asked: set[str] = set()  # names that the student defines

    def checks(self) -> Iterator[tuple[Step, str]]:
        """Run the lab, stopping before each check: (the step, a name for messages)."""
        last = max((i for i, step in enumerate(self.steps) if step.check), default=-1)
        for i, step in enumerate(self.steps[: last + 1]):
            name, before = f"<cell {i}>", dict(self.namespace)
            if step.check:
                yield step, name
                with contextlib.suppress(Exception):
                    execute(step.later, self.namespace, name)
                self.given -= self.namespace.keys() - before.keys()
                continue
            execute(step.source, self.namespace, name)
            new = {n for n, v in self.namespace.items() if n not in before or before[n] is not v}
            (self.asked if step.solution else self.given).update(new)
            (self.given if step.solution else self.asked).difference_update(new)

    def run(self, lines: list[socket.socket]) -> None:
        """Run the lab, leaving before each check a process that examines."""
        children = []
        for step, name in self.checks():
            line = lines.pop(0)
            fit = self.fit.get(step.check)
            if fit is None:
                told = self.loopback(step.source, name, self.namespace)
                fit = told is not None and told["value"] == repr(step.points)
            child = fork()
            if child == 0:
                end_with_parent()
                for other in lines:
                    other.close()
                line.send(b"fit" if fit else b"unfit")
                self._wait(line, step.source, name)
            children.append(child)
            line.close()
        for child in children:
            os.waitpid(child, 0)

    def _wait(self, line: socket.socket, source: str, name: str) -> None:
        """Examine whoever the grader sends, until it is gone; never returns."""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead need no burial
        while True:
            message, descriptors, _, _ = socket.recv_fds(line, 100, 2)
            if not message:
                os._exit(0)
            if os.fork() == 0:
                end_with_parent()
                line.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.alarm(EXAM_SECONDS)
                _limit_memory()
                try:
                    listening, outcome = (socket.socket(fileno=descriptor) for descriptor in descriptors)
                    listening.settimeout(EXAM_SECONDS)
                    student = listening.accept()[0]
                    student.settimeout(None)
                    self.examine(student, outcome, source, name)
                finally:
                    os._exit(0)
            for descriptor in descriptors:
                os.close(descriptor)

    def loopback(
        self, source: str, name: str, answers: dict, answer: str = "", seconds: float | None = FITNESS_SECONDS
    ) -> dict | None:
        """Examine a namespace of this process, across two others: what the check printed and gave (None: no outcome).

        `answer`: a cell that the student's side runs first, on its own copy of the namespace.
        """
        (one, other), (result, outcome) = socket.socketpair(), socket.socketpair()
        student = fork()
        if student == 0:
            for end in (other, result, outcome):  # so that the end of one process is seen by the others
                end.close()
            end_with_parent()
            try:
                if answer:
                    execute(answer, answers, "<answer>")
                with contextlib.redirect_stdout(io.StringIO()):
                    answering.Answers(one, answers).serve()
            finally:
                os._exit(0)
        exam = fork()
        if exam == 0:
            end_with_parent()
            one.close()
            result.close()
            try:
                self.examine(other, outcome, source, name)
            finally:
                os._exit(0)
        for end in (one, other, outcome):
            end.close()
        told = outcome_of(result, seconds)
        for child in (student, exam):
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        result.close()
        if os.environ.get("COURSE_DEBUG"):
            print(name, told, file=sys.stderr)
        return told

    def examine(self, student: socket.socket, outcome: socket.socket, source: str, name: str) -> None:
        """Run a check against the student at the other end of a line; tell what it gave."""
        exam = Exam(student, self, name)
        told: dict = {"printed": "", "value": None}
        printed = io.StringIO()
        checks.publish = lambda bundle: told.update(report=bundle)  # this process is of one check; the last one counts
        try:
            exam.begin()
            value = execute(source, self.namespace, name, printed)
            told["value"] = None if value is None else repr(value)
        except ExamError:
            return  # no outcome: the grader knows what that means
        except BaseException as error:
            lines = traceback.format_exception(error)
            told["error"] = [type(error).__name__, str(error), lines[-1:]]
        if exam.broken:
            return
        told["printed"] = printed.getvalue()
        with contextlib.suppress(OSError):
            send(student, {"do": "end"})
        send(outcome, told)


class Exam:
    """One check, one student: puts stand-ins in the place of the student's functions."""

    def __init__(self, line: socket.socket, lab: Replay, name: str):
        self.line, self.lab, self.name = line, lab, name
        self.named = _named(lab.namespace, lab.given)
        # All that the student's side may name: what both have, never what the check computes under whatever name.
        self.common = {tuple(path): _at(lab.namespace, path) for path in self.named.values()}
        self.keep = list(lab.namespace.values())  # ids stay theirs
        self.patches: list = []
        self.broken = False

    def begin(self) -> None:
        """Take the student's names in the place of the reference solution's."""
        _follow_patches(self.patches)
        namespace = self.lab.namespace
        found, buffers = self.ask({"do": "look", "names": sorted(self.lab.asked), "check": self.name})
        for name in self.lab.asked:
            if name not in found:
                namespace.pop(name, None)
            elif isinstance(found[name], dict) and found[name].get("k") == "function":
                namespace[name] = self.common[name,] = self.stand_in(name, {"name": name})
                self.named[id(namespace[name])] = [name]
            else:
                namespace[name] = Decoder(buffers, self).decode(found[name])

    def ask(self, message: dict, buffers: list[bytes] = ()) -> tuple:
        try:
            send(self.line, message, buffers)
            return receive(self.line)
        except (OSError, EOFError, ValueError, RecursionError) as error:
            self.broken = True
            raise ExamError("the student's kernel does not answer") from error

    def stand_in(self, name: str, which: dict):
        """A function that calls the student's."""

        def function(*args, **kwargs):
            return self.call(which, args, kwargs)

        function.__name__ = function.__qualname__ = str(name)
        return function

    def call(self, which: dict, args: tuple, kwargs: dict) -> object:
        pickler = Pickler(self.named)
        arguments = [list(args), kwargs]
        pickler.take_iterators(arguments)
        state = answering.dice()
        patches = [(target, attribute, error) for target, attribute, error in self.patches]
        data = pickler.pickled((*arguments, patches, state, torch.is_grad_enabled()))
        shared = answering.mutable(arguments, pickler.met)
        told, buffers = self.ask({"do": "call", **which}, [data])
        try:
            decoder = Decoder(buffers, self, shared, told["first"])
            for number, change in told["changed"]:
                _change(shared[number], change, decoder)
            if told["dice"]:
                _set_dice(told["dice"], decoder)
            if "error" in told:
                raise _raised(told["error"])
            result = decoder.decode(told["result"])
            inputs = [v for v in shared if isinstance(v, torch.Tensor) and v.requires_grad and v.is_leaf]
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, RuntimeError) as error:
            if getattr(error, "of_the_student", False):
                raise
            self.broken = True
            raise ExamError("the student's kernel answers what it cannot mean") from error
        return decoder.with_gradients(result, inputs)


def _named(namespace: dict, given: set[str]) -> dict[int, list]:
    """What both sides have of their own, by id: the path that leads to it (a name, then sub-modules' names)."""
    found: dict[int, list] = {}
    for name in sorted(given):
        value = namespace.get(name)
        if isinstance(value, torch.nn.Module):
            for path, module in value.named_modules():
                found.setdefault(id(module), [name, path] if path else [name])
        elif isinstance(value, (FunctionType, type)):
            if value.__module__ == "__main__":
                found[id(value)] = [name]
        elif type(value).__module__.split(".")[0] in LIBRARIES:
            found[id(value)] = [name]
    return found


def _at(namespace: dict, path: list) -> object:
    """What a path of `_named` leads to."""
    name, *module = path
    return namespace[name].get_submodule(module[0]) if module else namespace[name]


class Pickler(cloudpickle.CloudPickler):
    """Writes arguments for the student's side; what both sides have goes by name."""

    def __init__(self, named: dict[int, list]):
        self._file = io.BytesIO()
        super().__init__(self._file, protocol=5)
        self._named = named
        self.met: set[int] = set()

    def persistent_id(self, value):
        path = self._named.get(id(value))
        if path is not None:
            self.met.add(id(value))
        return path

    def reducer_override(self, value):
        if isinstance(value, torch.Generator):
            return answering.generator_from, (value.get_state().numpy().tobytes(),)
        if isinstance(value, torch.Tensor) and value.requires_grad and not value.is_leaf:
            return _with_gradient, (value.detach().clone(),)
        return super().reducer_override(value)

    @staticmethod
    def take_iterators(arguments: list) -> None:
        """What can be read once is read now, and travels as a generator of the same items."""
        args, kwargs = arguments
        for place, holder in [(i, args) for i in range(len(args))] + [(key, kwargs) for key in kwargs]:
            value = holder[place]
            if hasattr(value, "__next__"):
                holder[place] = _Items(list(value))

    def pickled(self, value: object) -> bytes:
        self.dump(value)
        return self._file.getvalue()


class _Items:
    """A generator's items on their way; unpickled, a generator."""

    def __init__(self, items: list):
        self.items = items

    def __reduce__(self):
        return answering.as_generator, (self.items,)


def _with_gradient(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.requires_grad_()


class Decoder:
    """Makes values of what `answering.Encoder` wrote."""

    def __init__(self, buffers: list[bytes], exam: Exam, shared: list = (), first: int = 0):
        self._buffers, self._exam, self._shared, self._first = buffers, exam, shared, int(first)
        self._results: list[tuple[int, torch.Tensor]] = []  # those that a gradient can be asked of

    def decode(self, told: object, was: list = ()) -> object:
        if not isinstance(told, dict):
            if isinstance(told, list):
                raise ValueError("a bare list")
            return told
        kind = told["k"]
        if kind == "was":
            return was[told["i"]]
        if kind == "shared":
            return self._shared[told["i"]]
        if kind == "named":
            return self._exam.common[tuple(told["n"])]
        if kind in ("list", "tuple", "set", "frozenset", "Size"):
            make = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset, "Size": torch.Size}[kind]
            return make([self.decode(item) for item in told["v"]])
        if kind == "dict":
            return {self.decode(key): self.decode(item) for key, item in told["v"]}
        if kind == "int":
            return int(told["v"], 16)
        if kind == "bytes":
            return self._buffers[told["b"]]
        if kind == "complex":
            return complex(*told["v"])
        if kind in ("Tensor", "Parameter"):
            return self._tensor(told, kind)
        if kind in ("array", "scalar"):
            dtype = np.dtype(told["d"])
            if dtype.kind not in "biufcSU":
                raise ValueError("an array of objects")
            array = np.frombuffer(self._buffers[told["b"]], dtype).reshape(told["s"]).copy()
            return array if kind == "array" else array[()]
        if kind == "function":
            return self._exam.stand_in(told["n"], {"kept": self._first + int(told["i"])})
        if kind == "other":
            return type(str(told["n"]), (), {"__module__": "student"})()
        raise ValueError(f"what is {kind!r}?")

    def _tensor(self, told: dict, kind: str) -> torch.Tensor:
        dtype, data = DTYPES[told["d"]], self._buffers[told["b"]]
        flat = torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype)
        tensor = flat.reshape(told["s"])
        if "i" in told and not told["leaf"]:
            self._results.append((self._first + int(told["i"]), tensor))
        elif "i" in told:
            tensor.requires_grad_()
        return torch.nn.Parameter(tensor, requires_grad="i" in told) if kind == "Parameter" else tensor

    def with_gradients(self, result: object, inputs: list[torch.Tensor]) -> object:
        """The result, its tensors linked to the arguments they were computed from."""
        if not self._results or not inputs:
            for _, tensor in self._results:
                tensor.requires_grad_()
            return result
        numbers, tensors = [n for n, _ in self._results], [t for _, t in self._results]
        linked = _Across.apply(self._exam, numbers, len(tensors), *tensors, *inputs)
        places = {id(old): new for old, new in zip(tensors, linked, strict=True)}
        return _replaced(result, places)


def _replaced(value: object, places: dict[int, torch.Tensor]) -> object:
    if id(value) in places:
        return places[id(value)]
    if type(value) in (list, tuple):
        return type(value)(_replaced(item, places) for item in value)
    if type(value) is dict:
        return {key: _replaced(item, places) for key, item in value.items()}
    return value


class _Across(torch.autograd.Function):
    """The step of a gradient that lies in the student's process."""

    @staticmethod
    def forward(ctx, exam, numbers, count, *tensors):
        ctx.exam, ctx.numbers, ctx.count = exam, numbers, count
        return tuple(tensor.clone() for tensor in tensors[:count])

    @staticmethod
    def backward(ctx, *gradients):
        data = [gradient.detach().contiguous().numpy().tobytes() for gradient in gradients]
        told, buffers = ctx.exam.ask({"do": "gradient", "kept": ctx.numbers}, data)
        if "error" in told:
            raise _raised(told["error"])
        decoder = Decoder(buffers, ctx.exam)
        found = [decoder.decode(item) for item in told["gradients"]]
        return (None, None, None, *[None] * ctx.count, *found)


def _change(value: object, change: dict, decoder: Decoder) -> None:
    """Do to an argument what the student's function did to its copy."""
    if isinstance(value, torch.Tensor):
        if "value" in change:
            value.data = decoder.decode(change["value"])
        if "gradient" in change:
            value.grad = decoder.decode(change["gradient"])
    elif isinstance(value, np.ndarray):
        new = decoder.decode(change["value"])
        if new.shape == value.shape:
            value[...] = new
    elif isinstance(value, torch.Generator):
        value.set_state(decoder.decode(change["state"]))
    elif isinstance(value, np.random.Generator):
        value.bit_generator.state = decoder.decode(change["state"])
    elif isinstance(value, set):
        new = decoder.decode(change["set"])
        value.clear()
        value.update(new)
    elif isinstance(value, list):
        value[:] = [decoder.decode(item, list(value)) for item in change["items"]]
    else:
        holder = value if isinstance(value, dict) else vars(value)
        for key in change["gone"]:
            holder.pop(decoder.decode(key), None)
        for key, item in change["new"]:
            holder[decoder.decode(key)] = decoder.decode(item)


def _set_dice(told: dict, decoder: Decoder) -> None:
    numbers, *rest = decoder.decode(told["numpy"])
    numpy_state = ("MT19937", numbers, *rest)
    answering.set_dice((decoder.decode(told["random"]), numpy_state, decoder.decode(told["torch"])))


def _raised(told: dict) -> Exception:
    """The exception that a student's function raised, told as if it had been raised here.

    Of Python's own kinds at most: `Mismatch` and the like are what a check says of a student, never the reverse; but
    for `ToDo`, which gives no point to anyone.
    """
    if told["todo"] is True:
        error = ToDo()
        error.of_the_student = True
        return error
    kinds = [getattr(builtins, str(name), None) for name in told["kinds"]]
    base = next((k for k in kinds if isinstance(k, type) and issubclass(k, RAISED)), Exception)
    base = Exception if issubclass(base, ExceptionGroup) else base  # it cannot be made without its members
    text = str(told["text"])[:10_000]
    kind = type(str(told["name"])[:100], (base,), {"__str__": lambda _: text, "__init__": lambda *_: None})
    error = kind.__new__(kind)
    error.of_the_student = True
    if isinstance(error, NameError):
        error.name = str(told["lacking"])[:100]
    if told["where"]:
        number, line = max(1, min(int(told["where"][0]), 100_000)), str(told["where"][1])[:500]
        name = "<the cell of the exercise>"
        linecache.cache[name] = (0, None, [""] * (number - 1) + [line], name)
        code = compile("\n" * (number - 1) + "raise error", name, "exec")
        try:
            exec(code, {"error": error})
        except BaseException as raised:
            return raised
    return error


def end_with_parent() -> None:
    """When the process that forked this one is gone, it is killed: nothing is left running."""
    if sys.platform == "linux":
        linux.prctl(linux.PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _limit_memory() -> None:
    """A student's kernel may send as much as it likes, and this process must not take the others' memory."""
    import resource  # not on Windows

    now = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    limit, hard = now + (EXAM_MB << 20), resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _follow_patches(active: list) -> None:
    """Keep in `active` what `mock.patch.object` forbids at the moment: it is to be forbidden on the other side too."""
    enter, leave = mock._patch.__enter__, mock._patch.__exit__

    def entering(self):
        made = enter(self)
        error = getattr(self.new, "side_effect", None)
        if isinstance(error, Exception):
            self.followed = (self.target, self.attribute, error)
            active.append(self.followed)
        return made

    def leaving(self, *exception):
        if getattr(self, "followed", None) in active:
            active.remove(self.followed)
        return leave(self, *exception)

    mock._patch.__enter__, mock._patch.__exit__ = entering, leaving


def execute(source: str, namespace: dict, name: str, printed: io.StringIO | None = None) -> object:
    """Run a cell; the value of its last expression."""
    tree = ast.parse(source)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # for messages
    last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(printed or io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        exec(compile(tree, name, "exec"), namespace)
        return eval(compile(last, name, "eval"), namespace) if last else None


def begin(control: socket.socket) -> None:
    """Replay the lab that comes down a line, each check's own line with it; in a process forked for that."""
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib:
        matplotlib.use("Agg")
    torch.set_num_threads(1)
    torch.set_num_threads = lambda threads: None  # a lab asks for more: they would not survive the next fork
    told, _ = receive(control)
    steps = [Step(**step) for step in told["steps"]]
    _, descriptors, _, _ = socket.recv_fds(control, 1, sum(bool(step.check) for step in steps))
    control.close()
    Replay(steps, told["fit"]).run([socket.socket(fileno=descriptor) for descriptor in descriptors])
