"""Reads pipeline graphs back with Beam's own package, and says everything that dangles or does not fit.

    check_graph.py FILE..

Each file holds a `Pipeline` message. Prints a line for each problem and exits with status 1 if there is any.
"""

import collections
import copy
import logging
import sys

logging.disable(logging.WARNING)  # What is missing for other people's clouds is of no interest here.

from apache_beam.portability import common_urns  # noqa: E402
from apache_beam.portability.api import beam_runner_api_pb2 as api  # noqa: E402
from apache_beam.utils.timestamp import MAX_TIMESTAMP  # noqa: E402
from google.protobuf import unknown_fields  # noqa: E402

import beams_view  # noqa: E402

PRIMITIVES = common_urns.primitives
COMPONENTS_OF_CODERS = {
    common_urns.coders.KV.urn: 2,
    common_urns.coders.ITERABLE.urn: 1,
    common_urns.coders.STATE_BACKED_ITERABLE.urn: 1,
    common_urns.coders.LENGTH_PREFIX.urn: 1,
    common_urns.coders.NULLABLE.urn: 1,
    common_urns.coders.WINDOWED_VALUE.urn: 2,
    common_urns.coders.PARAM_WINDOWED_VALUE.urn: 2,
    common_urns.coders.TIMER.urn: 2,
    common_urns.coders.SHARDED_KEY.urn: 1,
    common_urns.coders.CUSTOM_WINDOW.urn: 1,
    common_urns.coders.BYTES.urn: 0,
    common_urns.coders.STRING_UTF8.urn: 0,
    common_urns.coders.BOOL.urn: 0,
    common_urns.coders.DOUBLE.urn: 0,
    common_urns.coders.VARINT.urn: 0,
    common_urns.coders.ROW.urn: 0,
    common_urns.coders.GLOBAL_WINDOW.urn: 0,
    common_urns.coders.INTERVAL_WINDOW.urn: 0,
}
# What the engine runs by itself, and so has no environment.
RUNNERS_OWN = {
    PRIMITIVES.IMPULSE.urn,
    PRIMITIVES.GROUP_BY_KEY.urn,
    PRIMITIVES.FLATTEN.urn,
    PRIMITIVES.TEST_STREAM.urn,
}
OURS = "ferrobeam:"

# A step that assigns windows of Beam's own has no payload of ours: the field says which step it is, and engines keep it.
OUR_FIELDS = {"WindowIntoPayload": {1000}}


class Checker:
    """What is wrong with a pipeline, a sentence each."""

    def __init__(self, pipeline):
        self.pipeline = pipeline
        self.components = pipeline.components
        self.problems = []

    def check(self):
        self.no_unknown_fields(self.pipeline)
        self.coders()
        self.windowings()
        self.collections()
        parents = self.tree()
        self.names(parents)
        leaves = self.leaves()
        self.order(leaves)
        for key, transform in self.components.transforms.items():
            self.transform(key, transform)
        self.requirements()
        if not self.problems:
            # Beam's own code takes whole graphs only, and its complaints about others are hard to read.
            self.problems += beams_view.problems(copy.deepcopy(self.pipeline))
        return self.problems

    def wrong(self, text):
        self.problems.append(text)

    def refers(self, whose, kind, known, key):
        """Whether `key`, which somebody names, exists."""
        if key not in known:
            self.wrong(f"{whose} names the {kind} `{key}`, which does not exist")
        return key in known

    def no_unknown_fields(self, message):
        unknown = {field.field_number for field in unknown_fields.UnknownFieldSet(message)}
        if unknown - OUR_FIELDS.get(message.DESCRIPTOR.name, set()):
            self.wrong(f"a {message.DESCRIPTOR.name} has fields that Beam does not know")
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            if field.message_type.GetOptions().map_entry:
                values = [v for v in value.values() if hasattr(v, "ListFields")]
            else:
                values = value if isinstance(value, collections.abc.Sequence) else [value]
            for each in values:
                self.no_unknown_fields(each)

    def coders(self):
        for key, coder in self.components.coders.items():
            urn = coder.spec.urn
            for part in coder.component_coder_ids:
                self.refers(f"the coder `{key}`", "coder", self.components.coders, part)
            wanted = COMPONENTS_OF_CODERS.get(urn)
            if wanted is None and not urn.startswith(OURS):
                self.wrong(f"the coder `{key}` has the URN `{urn}`, which is neither Beam's nor ours")
            if wanted is not None and wanted != len(coder.component_coder_ids):
                self.wrong(f"the coder `{key}` of {urn} has {len(coder.component_coder_ids)} components, not {wanted}")

    def windowings(self):
        for key, windowing in self.components.windowing_strategies.items():
            whose = f"the windowing strategy `{key}`"
            self.refers(whose, "coder", self.components.coders, windowing.window_coder_id)
            self.refers(whose, "environment", self.components.environments, windowing.environment_id)
            for name in ["merge_status", "accumulation_mode", "output_time", "closing_behavior", "on_time_behavior"]:
                if getattr(windowing, name) == 0:
                    self.wrong(f"{whose} leaves `{name}` unset, and engines take that differently")
            if not windowing.window_fn.urn:
                self.wrong(f"{whose} has no window function")
            if windowing.trigger.WhichOneof("trigger") is None:
                self.wrong(f"{whose} has no trigger")

    def collections(self):
        names = collections.Counter(c.unique_name for c in self.components.pcollections.values())
        self.problems += [f"{n} collections are named `{name}`" for name, n in names.items() if n > 1 or not name]
        for key, collection in self.components.pcollections.items():
            whose = f"the collection `{key}`"
            self.refers(whose, "coder", self.components.coders, collection.coder_id)
            strategies = self.components.windowing_strategies
            self.refers(whose, "windowing strategy", strategies, collection.windowing_strategy_id)
            if collection.is_bounded == api.IsBounded.UNSPECIFIED:
                self.wrong(f"{whose} does not say whether it is bounded")

    def tree(self):
        """The parent of each transform that has one; every transform is found once from the roots."""
        parents, seen = {}, collections.Counter(self.pipeline.root_transform_ids)
        for key in self.pipeline.root_transform_ids:
            self.refers("the pipeline", "transform", self.components.transforms, key)
        for key, transform in self.components.transforms.items():
            for part in transform.subtransforms:
                self.refers(f"the transform `{key}`", "transform", self.components.transforms, part)
                seen[part] += 1
                parents[part] = key
        for key in self.components.transforms:
            if seen[key] != 1:
                self.wrong(f"the transform `{key}` is in {seen[key]} places")
            ancestors, at = set(), key
            while at in parents and at not in ancestors:
                ancestors.add(at)
                at = parents[at]
            if at in ancestors:
                self.wrong(f"the transform `{key}` is inside itself")
        return parents

    def names(self, parents):
        transforms = self.components.transforms
        names = collections.Counter(t.unique_name for t in transforms.values())
        self.problems += [f"{n} transforms are named `{name}`" for name, n in names.items() if n > 1 or not name]
        for key, parent in parents.items():
            if key in transforms and not transforms[key].unique_name.startswith(transforms[parent].unique_name + "/"):
                self.wrong(f"`{transforms[key].unique_name}` is not called as a part of `{transforms[parent].unique_name}`")

    def leaves(self):
        """The transforms without parts, in the order in which they are listed."""
        found, todo, seen = [], list(reversed(self.pipeline.root_transform_ids)), set()
        while todo:
            key = todo.pop()
            transform = self.components.transforms.get(key)
            if transform is None or key in seen:
                continue
            seen.add(key)
            if transform.subtransforms:
                todo += reversed(transform.subtransforms)
            else:
                found.append((key, transform))
        return found

    def order(self, leaves):
        """Every collection is made once, and before it is taken."""
        made = {}
        for key, transform in leaves:
            for collection in transform.inputs.values():
                if collection not in made:
                    self.wrong(f"the transform `{key}` takes `{collection}`, which nobody before it makes")
            if not transform.spec.urn:
                continue  # A composite of nothing: its outputs are its inputs.
            for collection in transform.outputs.values():
                if collection in made:
                    self.wrong(f"the collection `{collection}` is made by `{made[collection]}` and by `{key}`")
                made[collection] = key
        for collection in self.components.pcollections:
            if collection not in made:
                self.wrong(f"nobody makes the collection `{collection}`")

    def transform(self, key, transform):
        whose = f"the transform `{key}` ({transform.unique_name})"
        for collection in list(transform.inputs.values()) + list(transform.outputs.values()):
            self.refers(whose, "collection", self.components.pcollections, collection)
        urn = transform.spec.urn
        if not transform.subtransforms and not urn and dict(transform.inputs) != dict(transform.outputs):
            if set(transform.outputs.values()) - set(transform.inputs.values()):
                self.wrong(f"{whose} has neither parts nor a URN")
        if transform.environment_id:
            self.refers(whose, "environment", self.components.environments, transform.environment_id)
        if transform.environment_id and urn in RUNNERS_OWN:
            self.wrong(f"{whose} is the engine's and has an environment")
        if urn == PRIMITIVES.PAR_DO.urn:
            self.par_do(whose, transform)
        elif urn in (common_urns.composites.COMBINE_PER_KEY.urn, common_urns.composites.COMBINE_GLOBALLY.urn):
            self.combine(whose, transform)
        elif urn == PRIMITIVES.ASSIGN_WINDOWS.urn:
            self.assign_windows(whose, transform)
        elif urn == PRIMITIVES.GROUP_BY_KEY.urn:
            self.group_by_key(whose, transform)
        elif urn == PRIMITIVES.FLATTEN.urn:
            self.flatten(whose, transform)
        elif urn == PRIMITIVES.TEST_STREAM.urn:
            self.test_stream(whose, transform)
        elif urn == PRIMITIVES.IMPULSE.urn and (transform.inputs or len(transform.outputs) != 1):
            self.wrong(f"{whose} is no impulse: it has inputs, or not one output")

    def parse(self, whose, transform, message):
        try:
            payload = message.FromString(transform.spec.payload)
        except Exception as error:
            self.wrong(f"{whose} has a payload that is no {message.DESCRIPTOR.name}: {error}")
            return None
        self.no_unknown_fields(payload)
        return payload

    def par_do(self, whose, transform):
        payload = self.parse(whose, transform, api.ParDoPayload)
        if payload is None:
            return
        if not transform.environment_id:
            self.wrong(f"{whose} has no environment")
        if not payload.do_fn.urn:
            self.wrong(f"{whose} has no function")
        for tag, side in payload.side_inputs.items():
            if tag not in transform.inputs:
                self.wrong(f"{whose} has the side input `{tag}`, which is none of its inputs")
            for part in ["access_pattern", "view_fn", "window_mapping_fn"]:
                if not getattr(side, part).urn:
                    self.wrong(f"{whose} has the side input `{tag}` without its {part}")
            if side.access_pattern.urn == common_urns.side_inputs.MULTIMAP.urn and tag in transform.inputs:
                self.is_kv(whose, transform.inputs[tag])
        if len([tag for tag in transform.inputs if tag not in payload.side_inputs]) != 1:
            self.wrong(f"{whose} has not one main input")
        if payload.restriction_coder_id:
            self.refers(whose, "coder", self.components.coders, payload.restriction_coder_id)
            self.requires(whose, common_urns.requirements.REQUIRES_SPLITTABLE_DOFN.urn)

    def combine(self, whose, transform):
        payload = self.parse(whose, transform, api.CombinePayload)
        if payload is None:
            return
        if not payload.combine_fn.urn:
            self.wrong(f"{whose} has no combine function")
        self.refers(whose, "coder", self.components.coders, payload.accumulator_coder_id)
        if len(transform.inputs) != 1 or len(transform.outputs) != 1:
            self.wrong(f"{whose} should have one input and one output")
        elif transform.spec.urn == common_urns.composites.COMBINE_PER_KEY.urn:
            ends = [self.is_kv(whose, c) for c in [*transform.inputs.values(), *transform.outputs.values()]]
            if all(ends) and ends[0][0] != ends[1][0]:
                self.wrong(f"{whose} changes the key's coder")

    def assign_windows(self, whose, transform):
        payload = self.parse(whose, transform, api.WindowIntoPayload)
        if payload is not None and not payload.window_fn.urn:
            self.wrong(f"{whose} has no window function")
        if not transform.environment_id:
            self.wrong(f"{whose} has no environment")

    def test_stream(self, whose, transform):
        payload = self.parse(whose, transform, api.TestStreamPayload)
        if payload is None:
            return
        made = [self.components.pcollections.get(c) for c in transform.outputs.values()]
        if transform.inputs or [collection and collection.coder_id for collection in made] != [payload.coder_id]:
            self.wrong(f"{whose} has inputs, or not one output of its coder")
        marks = [e.watermark_event.new_watermark for e in payload.events if e.WhichOneof("event") == "watermark_event"]
        if marks != sorted(marks) or marks[-1:] != [MAX_TIMESTAMP.micros // 1000]:
            self.wrong(f"{whose} has a watermark that goes back, or does not come to the end of time")

    def is_kv(self, whose, collection):
        """The component coders of a collection of pairs."""
        known = self.components.pcollections.get(collection)
        coder = known and self.components.coders.get(known.coder_id)
        if coder and coder.spec.urn == common_urns.coders.KV.urn:
            return list(coder.component_coder_ids)
        self.wrong(f"{whose} needs pairs, and `{collection}` is none of pairs")
        return None

    def group_by_key(self, whose, transform):
        if len(transform.inputs) != 1 or len(transform.outputs) != 1:
            self.wrong(f"{whose} should have one input and one output")
            return
        (taken,), (made,) = transform.inputs.values(), transform.outputs.values()
        before, after = self.is_kv(whose, taken), self.is_kv(whose, made)
        if not before or not after or len(before) != 2 or len(after) != 2:
            return
        values = self.components.coders.get(after[1])
        is_list = values is not None and values.spec.urn == common_urns.coders.ITERABLE.urn
        # Values of one byte are a list as bytes are: no iterable, but nobody groups them.
        if before[0] != after[0] or not is_list or list(values.component_coder_ids) != [before[1]]:
            self.wrong(f"{whose} does not make of pairs of K and V pairs of K and lists of V")

    def flatten(self, whose, transform):
        ends = [self.components.pcollections.get(c) for c in [*transform.inputs.values(), *transform.outputs.values()]]
        known = [collection for collection in ends if collection is not None]
        if len({collection.coder_id for collection in known}) > 1:
            self.wrong(f"{whose} has collections of different coders")
        # They may differ in lateness and triggers: those of the result are a compromise.
        strategies = [self.components.windowing_strategies.get(c.windowing_strategy_id) for c in known]
        if len({strategy.window_fn.SerializeToString() for strategy in strategies if strategy is not None}) > 1:
            self.wrong(f"{whose} has collections of different windows")

    def requires(self, whose, urn):
        if urn not in self.pipeline.requirements:
            self.wrong(f"{whose} needs {urn}, which the pipeline does not require")

    def requirements(self):
        known = {spec.urn for spec in vars(common_urns.requirements).values() if hasattr(spec, "urn")}
        self.problems += [f"nobody knows the requirement {urn}" for urn in self.pipeline.requirements if urn not in known]
        for key, environment in self.components.environments.items():
            if not environment.urn:
                self.wrong(f"the environment `{key}` has no URN")
            urns = {coder.spec.urn for coder in self.components.coders.values() if not coder.spec.urn.startswith(OURS)}
            missing = sorted(urns - set(environment.capabilities))
            if missing:
                self.wrong(f"the environment `{key}` does not claim {missing}, which the pipeline uses")


def main(files):
    problems = 0
    for file in files:
        with open(file, "rb") as graph:
            data = graph.read()
        try:
            found = Checker(api.Pipeline.FromString(data)).check()
        except Exception as error:
            found = [f"it cannot be read: {type(error).__name__}: {error}"]
        for problem in found:
            print(f"{file}: {problem}")
        problems += len(found)
    print(f"{len(files)} graphs, {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
