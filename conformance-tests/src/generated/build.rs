//! The same pipeline by the public verbs, with an assertion about what it makes.

use super::look::{Look, Looks, total};
use super::{Earlier, Op, Pair, Pipeline, digest, pair};
use ferrobeam::prelude::*;
use ferrobeam::testing::assert_that;
use ferrobeam::windowing::Window;
use std::collections::BTreeSet;

type Pairs = PCollection<Pair>;

impl Pipeline {
    /// Adds the pipeline: every collection that nothing consumes is checked, and some others.
    ///
    /// # Errors
    /// None; it is a constructing function.
    pub fn construct(&self, root: &Root) -> ferrobeam::Result<()> {
        let (mut made, mut consumed, mut checked) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for step in &self.steps {
            let before = made.len();
            consumed.extend(step.op.inputs().map(|c| c % before.max(1)));
            let outputs = if step.in_composite {
                root.apply(named(format!("Composite {before}"), |root: &Root| build(&step.op, root, &made)))
            } else {
                build(&step.op, root, &made)
            };
            made.extend(outputs);
            if step.is_checked {
                checked.extend(before..made.len());
            }
        }
        for (i, (collection, expected)) in made.iter().zip(&self.expected).enumerate() {
            if checked.contains(&i) || !consumed.contains(&i) {
                assert_that(collection).contains_in_any_order(expected.clone());
            }
        }
        Ok(())
    }
}

impl Op {
    fn inputs(&self) -> impl Iterator<Item = Earlier> {
        let inputs = match self {
            Op::Create(_) | Op::Read(_) => Vec::new(),
            Op::Map(c, _) | Op::Filter(c, _) | Op::FlatMap(c) | Op::Hold(c) | Op::Split(c) => vec![*c],
            Op::Group(c) | Op::CombinePerKey(c) | Op::CombineGlobally(c) | Op::Reshuffle(c) => vec![*c],
            Op::Flatten(cs) => cs.clone(),
            Op::CoGroup(a, b) => vec![*a, *b],
            Op::Look(c, views) => views.iter().map(|(side, _)| *side).chain([*c]).collect(),
        };
        inputs.into_iter()
    }
}

fn build(op: &Op, root: &Root, made: &[Pairs]) -> Vec<Pairs> {
    let get = |c: &Earlier| &made[*c % made.len()];
    let one = match op {
        Op::Create(pairs) => root.create(pairs.clone()),
        Op::Read(end) => root.read(Numbers(*end)),
        Op::Map(c, n) => {
            let n = *n;
            get(c).map(move |(k, v)| pair(k + n, 3 * v + n))
        }
        Op::Filter(c, n) => {
            let n = *n;
            get(c).filter(move |(_, v)| v % 3 != n)
        }
        Op::FlatMap(c) => get(c).flat_map(|(k, v)| (0..v % 3).map(move |i| pair(k + i, v + i))),
        Op::Hold(c) => get(c).par_do(Hold::default()),
        Op::Split(c) => {
            let split = get(c).par_do_tagged(Split, &ODD);
            return vec![split.main(), split.get(&ODD)];
        }
        Op::Flatten(cs) => match cs.iter().map(get).collect::<Vec<_>>()[..] {
            [a] => flatten([a]),
            [a, b] => flatten([a, b]),
            [a, b, c] => flatten([a, b, c]),
            [a, b, c, d] => flatten([a, b, c, d]),
            _ => root.create([]),
        },
        Op::Group(c) => get(c).group_by_key().map(|(k, values)| pair(k, digest(values.iter()))),
        Op::CombinePerKey(c) => get(c).combine_per_key(sum()).map(|(k, sum)| pair(k, sum)),
        Op::CombineGlobally(c) => total(get(c)).map(|sum| pair(0, sum)),
        Op::CoGroup(a, b) => {
            get(a).co_group_by_key(get(b)).map(|(k, (a, b))| pair(k, digest(a.iter()) + 2 * digest(b.iter())))
        }
        Op::Reshuffle(c) => get(c).reshuffle(),
        Op::Look(c, views) => {
            let looks = views.iter().map(|(side, view)| Look::at(get(side), *view)).collect();
            get(c).map_with(Looks(looks), |(k, v), seen| {
                let seen = seen.iter().zip(1..).map(|(seen, i)| i * seen.of(k));
                pair(k, v + seen.sum::<u64>())
            })
        }
    };
    vec![one]
}

/// Emits at the end of its bundle.
#[derive(Clone, Default)]
struct Hold(Vec<Pair>);

impl DoFn for Hold {
    type In = Pair;
    type Out = Pair;

    fn process(&mut self, pair: Pair, _: &mut Context<'_, Pair>) -> Result<(), BoxError> {
        self.0.push(pair);
        Ok(())
    }
    fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, Pair>) -> Result<(), BoxError> {
        self.0.drain(..).for_each(|pair| ctx.emit(pair, Timestamp::MIN, Window::Global));
        Ok(())
    }
}

const ODD: Tag<Pair> = Tag::new("odd");

/// Odd values go by the additional output.
#[derive(Clone)]
struct Split;

impl DoFn for Split {
    type In = Pair;
    type Out = Pair;

    fn process(&mut self, pair: Pair, ctx: &mut Context<'_, Pair>) -> Result<(), BoxError> {
        if pair.1.is_multiple_of(2) {
            ctx.emit(pair)
        } else {
            ctx.emit_to(&ODD, pair)
        }
        Ok(())
    }
}

/// The numbers below an end.
struct Numbers(u64);

impl Source for Numbers {
    type Out = Pair;
    type Restriction = OffsetRange;
    type Reader = ();

    fn split(&self, parts: usize) -> Result<Vec<OffsetRange>, BoxError> {
        let size = self.0.div_ceil(parts as u64).max(1);
        Ok((0..self.0).step_by(size as usize).map(|at| OffsetRange::new(at, self.0.min(at + size))).collect())
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, Pair>) -> Result<(), BoxError> {
        while claims.has_room() {
            let next = claims.restriction().next();
            let Some(mut claim) = claims.claim(next) else { return Ok(()) };
            claim.emit(pair(next, next));
        }
        Ok(())
    }
}
