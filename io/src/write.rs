//! The graph that writes lines to shards.
//!
//! A line's shard is a hash of the line, so that neither bundles nor runners have a say in it. The temporary directory is
//! made at the start, by a step that also gives every shard a seed: so all shards exist, however few lines there are.
//! Each shard is written as a whole, under a name that no other attempt uses; the last step moves them all. The step that
//! writes takes a header as a side input, because groups have no order.

use crate::files::{Shards, WrittenShard};
use ferrobeam_core::dofn::{Context, DoFn};
use ferrobeam_core::transforms::flatten::flatten;
use ferrobeam_core::transforms::group_by_key::Grouped;
use ferrobeam_core::transforms::side_inputs::AsIterable;
use ferrobeam_core::{BoxError, PCollection};
use xxhash_rust::xxh3::xxh3_64;

/// Where lines go.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) prefix: String,
    pub(crate) shards: u32,
    pub(crate) suffix: String,
}

impl Output {
    pub(crate) fn new(prefix: String, suffix: &str) -> Output {
        Output { prefix, shards: 1, suffix: suffix.to_owned() }
    }
}

/// Writes lines; each file starts with one of the `headers`, if there is one. They must all be the same.
///
/// What is unbounded is an error when the pipeline is built: its files would never be complete.
#[track_caller]
pub(crate) fn write_lines(lines: &PCollection<String>, headers: Option<&PCollection<Option<String>>>, output: Output) {
    let shards = Shards::new(&output.prefix, output.shards, &output.suffix);
    let count = shards.count();
    let root = lines.root();
    root.reserve(format!("the files `{}-*{}`", output.prefix, output.suffix));
    let abandoned = shards.clone();
    root.on_failure(move || {
        // The failure that brought us here is the one to tell.
        let _ = abandoned.abandon();
    });
    let seeds = root.impulse().par_do(Prepare { shards: shards.clone() }).named("Prepare");
    // All windows of the input go to the same files.
    let lines = lines.whole().map(move |line| (shard_of(&line, count), Some(line))).named("Shard");
    let groups = flatten([&seeds, &lines]).named("Pieces").group_by_key::<u32, Piece>().named("Group");
    let write = |header| WriteShard { shards: shards.clone(), header };
    let written = match headers.map(|headers| headers.whole().as_iterable()) {
        None => groups.par_do(write(None)),
        Some(headers) => groups.par_do_with(headers.clone(), write(Some(headers))),
    };
    let written = written.named("Write").key_by(|_| ()).named("Together").group_by_key::<(), (u32, String, u64)>();
    written.named("Gather").par_do(Commit { shards }).named("Commit").discard();
}

/// What comes to a shard: a line, or nothing but the shard's existence.
type Piece = Option<String>;

pub(crate) fn shard_of(line: &str, count: u32) -> u32 {
    // Less than `count`, which is a u32.
    (xxh3_64(line.as_bytes()) % u64::from(count)) as u32
}

#[derive(Clone)]
struct Prepare {
    shards: Shards,
}

impl DoFn for Prepare {
    type In = ();
    type Out = (u32, Piece);
    fn process(&mut self, (): (), ctx: &mut Context<'_, Self::Out>) -> Result<(), BoxError> {
        self.shards.prepare()?;
        (0..self.shards.count()).for_each(|shard| ctx.emit((shard, None)));
        Ok(())
    }
}

#[derive(Clone)]
struct WriteShard {
    shards: Shards,
    header: Option<AsIterable<Option<String>>>,
}

impl DoFn for WriteShard {
    type In = (u32, Grouped<Piece>);
    type Out = (u32, String, u64);
    fn process(&mut self, (shard, pieces): Self::In, ctx: &mut Context<'_, Self::Out>) -> Result<(), BoxError> {
        let mut writer = self.shards.create(shard)?;
        if let Some(headers) = &self.header
            && let Some(Some(header)) = ctx.side(headers)?.first()
        {
            writer.write_line(header.as_bytes())?;
        }
        for line in pieces.iter().flatten() {
            writer.write_line(line.as_bytes())?;
        }
        let WrittenShard { shard, path, digest } = writer.finish()?;
        ctx.emit((shard, path, digest));
        Ok(())
    }
}

#[derive(Clone)]
struct Commit {
    shards: Shards,
}

impl DoFn for Commit {
    type In = ((), Grouped<(u32, String, u64)>);
    type Out = ();
    fn process(&mut self, ((), written): Self::In, _ctx: &mut Context<'_, ()>) -> Result<(), BoxError> {
        let written = written.iter().map(|(shard, path, digest)| WrittenShard { shard, path, digest });
        Ok(self.shards.commit(&written.collect::<Vec<_>>())?)
    }
}
