"""The graph in the hands of Beam's Python SDK: loaded as its own objects, and cut into stages by its runner."""

import collections
import copy

import apache_beam as beam
from apache_beam.coders import coders
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2 as api
from apache_beam.portability.api import schema_pb2
from apache_beam.runners.pipeline_context import PipelineContext
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.testing import test_stream  # noqa: F401 (its scripts can be loaded once it is imported)
from apache_beam.transforms import core
from apache_beam.transforms import window
from apache_beam.transforms.sideinputs import SIDE_INPUT_PREFIX
from apache_beam.typehints import schemas

OURS = "ferrobeam:"


class Opaque(coders.BytesCoder):
    """Stands for a coder that only we have."""


class Logical(schemas.LogicalType):
    """Stands for a logical type that only we have."""

    def __init__(self, *_):
        pass

    @classmethod
    def language_type(cls):
        return bytes

    @classmethod
    def representation_type(cls):
        return bytes

    def argument(self):
        return None


class Function(beam.DoFn):
    """Stands for a function that only we have."""

    def process(self, element):
        yield element


# A window as an element, which Python does not expect.
coders.IntervalWindowCoder.to_type_hint = lambda _: beam.typehints.Any


def problems(pipeline):
    """What Beam complains of."""
    found = []
    for attempt in [load, cut]:
        try:
            found += attempt(pipeline)
        except Exception as error:
            found.append(f"Beam cannot {attempt.__name__} it: {type(error).__name__}: {error}")
    return found


def load(pipeline):
    """Loads the pipeline as Beam's own objects, which must be as many and have the same names."""
    register(pipeline)
    pipeline = with_functions_of_python(copy.deepcopy(pipeline))
    context = PipelineContext(pipeline.components, requirements=pipeline.requirements)
    for kind in ["coders", "windowing_strategies", "environments", "pcollections"]:
        for key in getattr(pipeline.components, kind):
            getattr(context, kind).get_by_id(key)
    loaded = beam.Pipeline.from_runner_api(pipeline, runner=beam.runners.DirectRunner(), options=None)
    names = Names()
    loaded.visit(names)
    expected = {t.unique_name for t in pipeline.components.transforms.values()}
    if names.found != expected:
        return [f"Beam finds other transforms: {sorted(names.found ^ expected)}"]
    return []


class Names(beam.pipeline.PipelineVisitor):
    """Collects the names of all transforms."""

    def __init__(self):
        self.found = set()

    def visit_transform(self, node):
        self.found.add(node.full_label)

    def enter_composite_transform(self, node):
        self.found.add(node.full_label)


def register(pipeline):
    """Tells Beam of every URN that is only ours."""
    for coder in pipeline.components.coders.values():
        if coder.spec.urn.startswith(OURS):
            coders.Coder.register_urn(coder.spec.urn, None, lambda *_: Opaque())
        if coder.spec.urn == common_urns.coders.ROW.urn:
            logical_types(schema_pb2.Schema.FromString(coder.spec.payload).fields)
    for windowing in pipeline.components.windowing_strategies.values():
        if windowing.window_fn.urn.startswith(OURS):
            window.WindowFn.register_urn(windowing.window_fn.urn, None, lambda *_: window.GlobalWindows())
    for transform in pipeline.components.transforms.values():
        urn = transform.spec.urn
        if urn.startswith(OURS):
            beam.PTransform.register_urn(urn, None, lambda *_: beam.PTransform())
        if urn in (common_urns.composites.COMBINE_PER_KEY.urn, common_urns.composites.COMBINE_GLOBALLY.urn):
            payload = api.CombinePayload.FromString(transform.spec.payload)
            core.CombineFn.register_urn(payload.combine_fn.urn, None, lambda *_: core.CombineFn.from_callable(sum))


def logical_types(message):
    """Finds all logical types in a schema, however deep, and tells Beam of those that it does not know."""
    if isinstance(message, schema_pb2.LogicalType):
        if schemas.LogicalType._known_logical_types.get_logical_type_by_urn(message.urn) is None:
            urn = classmethod(lambda _: message.urn)
            schemas.LogicalType.register_logical_type(type("Ours", (Logical,), {"urn": urn}))
    if hasattr(message, "ListFields"):
        for _, value in message.ListFields():
            logical_types(value)
    elif isinstance(message, collections.abc.Sequence) and not isinstance(message, (str, bytes)):
        for value in message:
            logical_types(value)


def with_functions_of_python(pipeline):
    """The same graph with functions that Python can load, under one root, as Python has it."""
    context = PipelineContext()
    function = core.DoFnInfo.create(Function(), (), {}).to_runner_api(context)
    for transform in pipeline.components.transforms.values():
        if transform.spec.urn == common_urns.primitives.ASSIGN_WINDOWS.urn:
            # Python keeps all of the windowing strategy where Beam's definition has the window function only.
            made = pipeline.components.pcollections[next(iter(transform.outputs.values()))]
            windowing = pipeline.components.windowing_strategies[made.windowing_strategy_id]
            transform.spec.payload = windowing.SerializeToString()
        if transform.spec.urn != common_urns.primitives.PAR_DO.urn:
            continue
        payload = api.ParDoPayload.FromString(transform.spec.payload)
        payload.do_fn.CopyFrom(function)
        sides = sorted(payload.side_inputs)
        for i, tag in enumerate(sides):
            # Python counts its side inputs, and names them so.
            view = beam.pvalue.SideInputData(payload.side_inputs[tag].access_pattern.urn, None, None)
            payload.side_inputs[f"{SIDE_INPUT_PREFIX}{i}"].CopyFrom(view.to_runner_api(context))
            transform.inputs[f"{SIDE_INPUT_PREFIX}{i}"] = transform.inputs[tag]
            del payload.side_inputs[tag], transform.inputs[tag]
        transform.spec.payload = payload.SerializeToString()
    root = pipeline.components.transforms["root"]
    root.unique_name = "root"
    root.subtransforms.extend(pipeline.root_transform_ids)
    pipeline.root_transform_ids[:] = ["root"]
    return pipeline


def cut(pipeline):
    """Cuts the pipeline into stages, as Beam's own runner does before it runs one."""
    context, stages = fn_runner.FnApiRunner().create_stages(pipeline)
    if not stages:
        return ["Beam finds no stages in it"]
    known = context.components.pcollections
    found = []
    for stage in stages:
        for transform in stage.transforms:
            for collection in [*transform.inputs.values(), *transform.outputs.values()]:
                if collection not in known:
                    found.append(f"Beam's stage {stage.name} has `{collection}`, which does not exist")
    return found
