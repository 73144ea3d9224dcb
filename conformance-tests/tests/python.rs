//! The graphs of all cases in the hands of Beam's own Python package: nothing in them may dangle.
//!
//! The package is installed once, into a virtual environment below the build directory. Without it the test fails.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic to fail them")]

use ferrobeam::Result;
use ferrobeam::graph::Graph;
use ferrobeam::prelude::*;
use ferrobeam::runner::{PipelineResult, Runner};
use ferrobeam::testing::TestStream;
use ferrobeam::time::minutes;
use ferrobeam_conformance::CASES;
use ferrobeam_direct::DirectRunner;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::transforms::{COMBINE_PER_KEY, FLATTEN, GROUP_BY_KEY, PAR_DO, TEST_STREAM};
use prost::Message;
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const BEAM: &str = "apache-beam==2.77.0";

/// Python with Beam's package.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(install)
}

fn install() -> PathBuf {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("python-beam");
    let python = environment.join("bin/python");
    let has_beam = |python: &Path| {
        let version = Command::new(python).args(["-c", "import apache_beam; print(apache_beam.__version__)"]).output();
        version.is_ok_and(|output| BEAM.as_bytes().ends_with(output.stdout.trim_ascii()) && output.status.success())
    };
    if !has_beam(&python) {
        run(Command::new("python3").args(["-m", "venv"]).arg(&environment));
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", BEAM]));
        assert!(has_beam(&python), "{BEAM} was installed and cannot be imported");
    }
    python
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; this test needs Python 3"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What the script says about graphs, each under a name; and whether it found nothing.
fn check(directory: &str, graphs: &[(String, Vec<u8>)]) -> (bool, String) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(directory);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    for (name, graph) in graphs {
        fs::write(directory.join(name), graph).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/check_graph.py");
    let names = graphs.iter().map(|(name, _)| name);
    let mut command = Command::new(python());
    // Nothing is written beside the sources.
    let output = command.arg("-B").arg(script).args(names).current_dir(&directory).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), text)
}

/// Keeps the graph of everything that it runs.
#[derive(Default)]
struct Recorder(RefCell<Vec<Vec<u8>>>);

impl Runner for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }
    fn unsupported(&self, graph: &Graph) -> Vec<String> {
        DirectRunner::new().unsupported(graph)
    }
    fn execute(&self, graph: &Graph) -> Result<PipelineResult> {
        self.0.borrow_mut().push(graph.proto().encode_to_vec());
        DirectRunner::new().seed(1).execute(graph)
    }
}

/// The graphs of all cases.
fn graphs() -> Vec<(String, Vec<u8>)> {
    let mut graphs: Vec<(String, Vec<u8>)> = Vec::new();
    for case in CASES {
        let recorder = Recorder::default();
        case.run(&recorder);
        let name = case.name.replace("::", ".");
        let mine = recorder.0.into_inner().into_iter().enumerate();
        graphs.extend(mine.map(|(i, graph)| (format!("{name}.{i}"), graph)));
    }
    graphs
}

#[test]
fn nothing_dangles_in_the_graph_of_any_case() {
    let graphs = graphs();
    assert!(graphs.len() > CASES.len());
    let (passed, text) = check("graphs", &graphs);
    assert!(passed && text.ends_with(&format!("{} graphs, 0 problems\n", graphs.len())), "{text}");
}

/// A graph with everything that can be broken below.
fn sound() -> pb::Pipeline {
    struct Numbers;
    impl Source for Numbers {
        type Out = u64;
        type Restriction = OffsetRange;
        type Reader = ();
        fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
            Ok(Vec::new())
        }
        fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
            Ok(())
        }
        fn read(&self, (): &mut (), _: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
            Ok(())
        }
    }
    let graph = Root::build(|root| {
        let pairs = flatten([&root.read(Numbers), &root.create([1u64])]).key_by(|x| x % 2);
        let sums = pairs.combine_per_key(sum()).as_map();
        pairs.window(FixedWindows::of(minutes(1))).reshuffle().discard();
        let script = TestStream::new().advance_watermark_to(Timestamp::EPOCH);
        root.test_stream(script.add_elements([(1u64, Timestamp::EPOCH)])).discard();
        pairs.group_by_key().map_with(sums, |(key, _), sums| sums.get(&key).copied()).named("Look").discard();
        Ok(())
    });
    graph.unwrap().proto().clone()
}

/// The transforms of a URN.
fn of<'a>(graph: &'a mut pb::Components, urn: &str) -> Vec<&'a mut pb::PTransform> {
    let is = |transform: &&mut pb::PTransform| transform.spec.as_ref().is_some_and(|spec| spec.urn == urn);
    graph.transforms.values_mut().filter(is).collect()
}

/// Breaks a graph.
type Break = fn(&mut pb::Pipeline, &mut pb::Components);

/// Ways to break a graph, and what should be said of each.
const BROKEN: &[(&str, Break, &str)] = &[
    ("coder", |_, c| drop(c.coders.pop_first()), "names the coder `coder-0`, which does not exist"),
    (
        "collection",
        |_, c| drop(c.pcollections.pop_first()),
        "names the collection `collection-0`, which does not exist",
    ),
    ("windowing", |_, c| c.windowing_strategies.clear(), "names the windowing strategy `windowing-0`"),
    ("environment", |_, c| c.environments.clear(), "names the environment `rust`, which does not exist"),
    (
        "part",
        |_, c| c.transforms.values_mut().next().unwrap().subtransforms.push("no".to_owned()),
        "names the transform `no`",
    ),
    ("root", |p, _| p.root_transform_ids.push("no".to_owned()), "the pipeline names the transform `no`"),
    (
        "script",
        |_, c| {
            let stream = &mut of(c, TEST_STREAM)[0].spec.as_mut().unwrap().payload;
            let mut payload = pb::TestStreamPayload::decode(&stream[..]).unwrap();
            payload.events.reverse();
            *stream = payload.encode_to_vec().into();
        },
        "has a watermark that goes back",
    ),
    (
        "coder of a script",
        |_, c| {
            let stream = &mut of(c, TEST_STREAM)[0].spec.as_mut().unwrap().payload;
            *stream = pb::TestStreamPayload::default().encode_to_vec().into();
        },
        "not one output of its coder",
    ),
    ("order", |p, _| p.root_transform_ids.reverse(), "which nobody before it makes"),
    ("lost", |p, _| drop(p.root_transform_ids.remove(0)), "is in 0 places"),
    ("twice", |p, _| p.root_transform_ids.push(p.root_transform_ids[0].clone()), "is in 2 places"),
    (
        "inside_itself",
        |_, c| {
            let (id, transform) = c.transforms.iter_mut().find(|(_, t)| !t.subtransforms.is_empty()).unwrap();
            transform.subtransforms.push(id.clone());
        },
        "is inside itself",
    ),
    (
        "name",
        |_, c| c.transforms.values_mut().take(2).for_each(|transform| transform.unique_name = "Same".to_owned()),
        "2 transforms are named `Same`",
    ),
    (
        "collection_name",
        |_, c| c.pcollections.values_mut().for_each(|collection| collection.unique_name.clear()),
        "collections are named ``",
    ),
    (
        "payload",
        |_, c| of(c, PAR_DO)[0].spec.as_mut().unwrap().payload = vec![0xff].into(),
        "has a payload that is no ParDoPayload",
    ),
    ("function", |_, c| of(c, PAR_DO)[0].spec.as_mut().unwrap().payload = Vec::new().into(), "has no function"),
    (
        "side_input",
        |_, c| {
            let look = of(c, PAR_DO).into_iter().find(|transform| transform.unique_name == "Look").unwrap();
            look.inputs.retain(|name, _| name == "in");
        },
        "which is none of its inputs",
    ),
    ("step_without_environment", |_, c| of(c, PAR_DO)[0].environment_id.clear(), "has no environment"),
    (
        "primitive_with_environment",
        |_, c| of(c, GROUP_BY_KEY)[0].environment_id = "rust".to_owned(),
        "is the engine's and has an environment",
    ),
    ("requirement", |p, _| p.requirements.clear(), "which the pipeline does not require"),
    ("surplus_requirement", |p, _| p.requirements.push("no".to_owned()), "nobody knows the requirement no"),
    (
        "capabilities",
        |_, c| c.environments.values_mut().for_each(|environment| environment.capabilities.clear()),
        "does not claim ['beam:coder:bytes:v1'",
    ),
    (
        "components",
        |_, c| c.coders.values_mut().for_each(|coder| drop(coder.component_coder_ids.pop())),
        "of beam:coder:kv:v1 has 1 components, not 2",
    ),
    (
        "unknown_coder",
        |_, c| c.coders.values_mut().next().unwrap().spec.as_mut().unwrap().urn = "no".to_owned(),
        "which is neither Beam's nor ours",
    ),
    (
        "accumulator",
        |_, c| {
            let combine = of(c, COMBINE_PER_KEY).remove(0).spec.as_mut().unwrap();
            let mut payload = pb::CombinePayload::decode(&combine.payload[..]).unwrap();
            payload.accumulator_coder_id = "no".to_owned();
            combine.payload = payload.encode_to_vec().into();
        },
        "names the coder `no`, which does not exist",
    ),
    (
        "groups",
        |_, c| {
            let group = of(c, GROUP_BY_KEY).remove(0);
            let ends =
                (group.inputs.values().next().cloned().unwrap(), group.outputs.values().next().cloned().unwrap());
            c.pcollections.get_mut(&ends.1).unwrap().coder_id = c.pcollections[&ends.0].coder_id.clone();
        },
        "does not make of pairs of K and V pairs of K and lists of V",
    ),
    (
        "flatten",
        |_, c| {
            let made = of(c, FLATTEN)[0].outputs.values().next().cloned().unwrap();
            let other = c.pcollections.values().find(|other| other.coder_id != c.pcollections[&made].coder_id);
            c.pcollections.get_mut(&made).unwrap().coder_id = other.unwrap().coder_id.clone();
        },
        "has collections of different coders",
    ),
    (
        "windows_of_a_flatten",
        |_, c| {
            let made = of(c, FLATTEN)[0].outputs.values().next().cloned().unwrap();
            let fixed =
                c.windowing_strategies.iter().find(|(_, w)| w.window_fn.as_ref().unwrap().urn.contains("fixed"));
            c.pcollections.get_mut(&made).unwrap().windowing_strategy_id = fixed.unwrap().0.clone();
        },
        "has collections of different windows",
    ),
    (
        "unset",
        |_, c| c.windowing_strategies.values_mut().for_each(|windowing| windowing.accumulation_mode = 0),
        "leaves `accumulation_mode` unset",
    ),
    (
        "bounded",
        |_, c| c.pcollections.values_mut().for_each(|collection| collection.is_bounded = 0),
        "does not say whether it is bounded",
    ),
];

#[test]
fn what_is_broken_is_found() {
    let broken = |(name, break_it, _): &(&str, Break, &str)| {
        let mut graph = sound();
        let mut components = graph.components.take().unwrap();
        break_it(&mut graph, &mut components);
        ((*name).to_owned(), pb::Pipeline { components: Some(components), ..graph }.encode_to_vec())
    };
    // A field that Beam does not have, and no message at all.
    let unknown = [sound().encode_to_vec(), vec![0xc0, 0x3e, 1]].concat();
    let others = [("unknown".to_owned(), unknown), ("garbage".to_owned(), vec![0xff])];
    let graphs: Vec<_> = BROKEN.iter().map(broken).chain(others).collect();
    let (passed, text) = check("broken", &graphs);
    assert!(!passed);
    let says = BROKEN.iter().map(|(name, _, says)| (*name, *says));
    for (name, says) in says.chain([("unknown", "has fields that Beam does not know"), ("garbage", "cannot be read")]) {
        let said =
            |line: &str| line.strip_prefix(name).is_some_and(|line| line.starts_with(": ") && line.contains(says));
        assert!(text.lines().any(said), "`{name}` was broken, and nobody said that it {says}:\n{text}");
    }
    let (passed, text) = check("sound", &[("sound".to_owned(), sound().encode_to_vec())]);
    assert!(passed, "{text}");
}
