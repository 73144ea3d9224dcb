//! Laws of watermarks, on random pipelines that random things happen to.

use ferrobeam_core::Timestamp;
use ferrobeam_runner_core::engine::{NodeId, Passing, Watermarks};
use proptest::collection::vec;
use proptest::prelude::*;

fn at(n: i64) -> Timestamp {
    Timestamp::from_millis(n)
}

/// The producers of each node, and when it has come as far as its input.
type Graph = Vec<(Vec<NodeId>, Passing)>;

fn graph() -> impl Strategy<Value = Graph> {
    let passing = any::<bool>().prop_map(|told| if told { Passing::WhenTold } else { Passing::AtOnce });
    vec((vec(any::<usize>(), 0..4), passing), 1..7).prop_map(|mut nodes| {
        for (id, (producers, _)) in nodes.iter_mut().enumerate() {
            producers.truncate(if id == 0 { 0 } else { producers.len() });
            producers.iter_mut().for_each(|producer| *producer %= id);
        }
        nodes
    })
}

fn build(graph: &Graph) -> Watermarks {
    let mut watermarks = Watermarks::default();
    for (id, (producers, passing)) in graph.iter().enumerate() {
        assert_eq!(watermarks.add(producers, *passing), id);
    }
    watermarks
}

/// Takes one of these out, if there is any.
fn pick<T>(from: &mut Vec<T>, which: usize) -> Option<T> {
    (!from.is_empty()).then(|| from.remove(which % from.len()))
}

/// Anything that can be told, sensible or not. Numbers are cut to what there is.
#[derive(Clone, Copy, Debug)]
enum Told {
    Pending(NodeId, i64),
    Taken(NodeId, usize),
    Hold(NodeId, i64),
    Release(NodeId, usize),
    /// At the latest what it is; the runner may be behind.
    Reached(NodeId, i64),
    /// Nodes are idle up to a time.
    Refresh(i64),
}

fn told() -> impl Strategy<Value = Told> {
    let (node, time, which) = (0..6_usize, -5..20_i64, any::<usize>());
    prop_oneof![
        (node.clone(), time.clone()).prop_map(|(node, time)| Told::Pending(node, time)),
        (node.clone(), which).prop_map(|(node, which)| Told::Taken(node, which)),
        (node.clone(), time.clone()).prop_map(|(node, time)| Told::Hold(node, time)),
        (node.clone(), which).prop_map(|(node, which)| Told::Release(node, which)),
        (node, time.clone()).prop_map(|(node, time)| Told::Reached(node, time)),
        time.prop_map(Told::Refresh),
    ]
}

/// Upstream, input, what was reached, output.
fn all(watermarks: &Watermarks, node: NodeId) -> [Timestamp; 4] {
    [watermarks.upstream(node), watermarks.input(node), watermarks.has_reached(node), watermarks.output(node)]
}

/// Elements on their way through a pipeline. All of them come on time.
struct Flow {
    graph: Graph,
    watermarks: Watermarks,
    waiting: Vec<Vec<Timestamp>>,
    bundles: Vec<(NodeId, Vec<Timestamp>)>,
    /// What nodes will emit by themselves, from these times on.
    held: Vec<Vec<Timestamp>>,
    told: Vec<Timestamp>,
}

#[derive(Clone, Debug)]
enum Action {
    /// So many of the waiting elements are in a bundle now.
    Take(NodeId, usize),
    /// A bundle is committed: its elements go on so much later, or are kept.
    Commit(usize, Vec<(i64, bool)>),
    Fail(usize),
    /// A node emits what it kept, and may go on from a later time.
    Emit(NodeId, usize, Option<i64>),
    Tell(NodeId),
    Refresh,
}

fn action() -> impl Strategy<Value = Action> {
    let (node, which, on) = (0..6_usize, any::<usize>(), prop::option::of(0..4_i64));
    prop_oneof![
        3 => (node.clone(), 1..4_usize).prop_map(|(node, count)| Action::Take(node, count)),
        3 => (which, vec((0..4_i64, prop::bool::weighted(0.3)), 3)).prop_map(|(which, how)| Action::Commit(which, how)),
        1 => which.prop_map(Action::Fail),
        3 => (node.clone(), which, on).prop_map(|(node, which, on)| Action::Emit(node, which, on)),
        2 => node.prop_map(Action::Tell),
        4 => Just(Action::Refresh),
    ]
}

impl Flow {
    /// Nodes without producers are sources, which begin at these times.
    fn new(graph: Graph, begin: &[i64]) -> Flow {
        let nodes = graph.len();
        let (watermarks, told) = (build(&graph), vec![Timestamp::MIN; nodes]);
        let empty = vec![Vec::new(); nodes];
        let mut flow = Flow { graph, watermarks, waiting: empty.clone(), bundles: Vec::new(), held: empty, told };
        for (node, begin) in begin.iter().enumerate().take(nodes) {
            if flow.graph[node].0.is_empty() {
                flow.hold(node, None, Some(at(*begin)));
            }
        }
        flow
    }

    fn hold(&mut self, node: NodeId, old: Option<Timestamp>, new: Option<Timestamp>) {
        self.watermarks.hold(node, old, new);
        self.held[node].extend(new);
    }

    fn emit(&mut self, node: NodeId, timestamp: Timestamp) -> Result<(), TestCaseError> {
        for consumer in 0..self.graph.len() {
            for _ in self.graph[consumer].0.iter().filter(|producer| **producer == node) {
                prop_assert!(self.watermarks.input(consumer) <= timestamp, "{timestamp} is late at {consumer}");
                self.watermarks.pending(consumer, None, Some(timestamp));
                self.waiting[consumer].push(timestamp);
            }
        }
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<(), TestCaseError> {
        let nodes = self.graph.len();
        match action {
            Action::Take(node, count) => {
                let waiting = &mut self.waiting[node % nodes];
                let taken = waiting.drain(..count.min(waiting.len())).collect();
                self.bundles.push((node % nodes, taken));
            }
            Action::Commit(which, how) => {
                let Some(which) = which.checked_rem(self.bundles.len()) else { return Ok(()) };
                let (node, elements) = self.bundles[which].clone();
                for (timestamp, (later, keep)) in elements.iter().zip(how) {
                    let out = at(timestamp.millis() + later);
                    if keep {
                        self.hold(node, None, Some(out))
                    } else {
                        self.emit(node, out)?
                    }
                    self.refresh()?;
                }
                self.bundles.remove(which);
                elements.iter().for_each(|timestamp| self.watermarks.pending(node, Some(*timestamp), None));
            }
            Action::Fail(which) => {
                let Some((node, elements)) = pick(&mut self.bundles, which) else { return Ok(()) };
                self.waiting[node].extend(elements);
            }
            Action::Emit(node, which, on) => {
                let node = node % nodes;
                let Some(timestamp) = pick(&mut self.held[node], which) else { return Ok(()) };
                self.emit(node, timestamp)?;
                self.hold(node, Some(timestamp), on.map(|later| at(timestamp.millis() + later)));
            }
            Action::Tell(node) => {
                let node = node % nodes;
                self.told[node] = self.watermarks.input(node);
                self.watermarks.reached(node, self.told[node]);
            }
            Action::Refresh => self.refresh()?,
        }
        Ok(())
    }

    /// While nothing is late, watermarks say what is there now, whenever and how often they were refreshed before.
    fn refresh(&mut self) -> Result<(), TestCaseError> {
        self.watermarks.refresh(|_, _| false);
        for node in 0..self.graph.len() {
            let producers = &self.graph[node].0;
            let upstream = producers.iter().map(|producer| self.output(*producer)).min().unwrap_or(Timestamp::MAX);
            prop_assert_eq!(self.watermarks.upstream(node), upstream);
            prop_assert_eq!(self.watermarks.input(node), self.input(node));
            prop_assert_eq!(self.watermarks.output(node), self.output(node));
        }
        Ok(())
    }

    fn input(&self, node: NodeId) -> Timestamp {
        let in_flight = self.bundles.iter().filter(|(of, _)| *of == node).flat_map(|(_, elements)| elements);
        let upstream = self.graph[node].0.iter().map(|producer| self.output(*producer));
        self.waiting[node].iter().chain(in_flight).copied().chain(upstream).min().unwrap_or(Timestamp::MAX)
    }

    fn output(&self, node: NodeId) -> Timestamp {
        let reached = match self.graph[node].1 {
            Passing::AtOnce => self.input(node),
            Passing::WhenTold => self.told[node],
        };
        self.held[node].iter().copied().fold(reached, Timestamp::min)
    }
}

proptest! {
    /// Whatever is told, late or too early.
    #[test]
    fn watermarks_never_go_back_or_too_far(graph in graph(), told in vec(told(), 0..80)) {
        let (nodes, mut watermarks) = (graph.len(), build(&graph));
        let (mut pending, mut holds) = (vec![Vec::new(); nodes], vec![Vec::new(); nodes]);
        for step in told {
            let before: Vec<_> = (0..nodes).map(|node| all(&watermarks, node)).collect();
            match step {
                Told::Pending(node, time) => {
                    watermarks.pending(node % nodes, None, Some(at(time)));
                    pending[node % nodes].push(at(time));
                }
                Told::Taken(node, which) => {
                    let taken = pick(&mut pending[node % nodes], which);
                    watermarks.pending(node % nodes, taken, None);
                }
                Told::Hold(node, time) => {
                    watermarks.hold(node % nodes, None, Some(at(time)));
                    holds[node % nodes].push(at(time));
                }
                Told::Release(node, which) => {
                    let released = pick(&mut holds[node % nodes], which);
                    watermarks.hold(node % nodes, released, None);
                }
                Told::Reached(node, time) => {
                    watermarks.reached(node % nodes, watermarks.input(node % nodes).min(at(time)));
                }
                Told::Refresh(idle) => watermarks.refresh(|_, input| input <= at(idle)),
            }
            for node in 0..nodes {
                let [upstream, input, reached, output] = all(&watermarks, node);
                let [_, input_before, _, output_before] = before[node];
                prop_assert!(all(&watermarks, node).iter().zip(before[node]).all(|(now, before)| *now >= before));
                prop_assert!(output <= reached && reached <= input && input <= upstream);
                prop_assert!(graph[node].0.iter().all(|producer| upstream <= watermarks.output(*producer)));
                // What is late cannot move it back, but stops it.
                prop_assert!(input == input_before || pending[node].iter().all(|timestamp| input <= *timestamp));
                prop_assert!(output == output_before || holds[node].iter().all(|hold| output <= *hold));
                prop_assert_eq!(watermarks.held(node), holds[node].iter().min().copied());
            }
        }
        for node in 0..nodes {
            pending[node].drain(..).for_each(|timestamp| watermarks.pending(node, Some(timestamp), None));
            holds[node].drain(..).for_each(|hold| watermarks.hold(node, Some(hold), None));
        }
        watermarks.refresh(|_, _| true);
        prop_assert!((0..nodes).all(|node| all(&watermarks, node) == [Timestamp::MAX; 4]));
    }

    #[test]
    fn no_schedule_makes_an_element_late(
        graph in graph(),
        begin in vec(0..9_i64, 6),
        actions in vec(action(), 0..80),
    ) {
        let mut flow = Flow::new(graph, &begin);
        for action in actions {
            flow.act(action)?;
        }
        flow.refresh()?;
        while !flow.bundles.is_empty() {
            flow.act(Action::Fail(0))?;
        }
        // Consumers last, each node gives all that it has.
        for node in 0..flow.graph.len() {
            while !flow.waiting[node].is_empty() {
                flow.act(Action::Take(node, 1))?;
                flow.act(Action::Commit(0, vec![(1, false)]))?;
            }
            while !flow.held[node].is_empty() {
                flow.act(Action::Emit(node, 0, None))?;
            }
            flow.act(Action::Refresh)?;
            prop_assert_eq!(flow.watermarks.input(node), Timestamp::MAX);
            flow.act(Action::Tell(node))?;
            flow.act(Action::Refresh)?;
            prop_assert_eq!(flow.watermarks.output(node), Timestamp::MAX);
        }
    }
}
