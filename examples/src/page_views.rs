//! Views and visitors of pages by minute: what `page_views` counts in one log, and `backfill` in two.

use crate::{Pane, Place, event_time};
use ferrobeam::prelude::*;
use ferrobeam::time::{hours, minutes, seconds};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeSet;

/// Somebody looks at a page.
#[derive(Clone, Debug, Deserialize, Serialize, Element)]
pub struct View {
    openid: String,
    page: String,
    /// When.
    #[serde(rename = "ctime", deserialize_with = "event_time", serialize_with = "as_text")]
    pub at: Timestamp,
}

fn as_text<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

/// Counts what is different, all of it.
#[derive(Clone)]
struct Visitors;

impl CombineFn for Visitors {
    type In = String;
    type Acc = BTreeSet<String>;
    type Out = u64;

    fn create_accumulator(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }
    fn add_input(&self, visitors: &mut BTreeSet<String>, visitor: String) {
        visitors.insert(visitor);
    }
    fn merge_accumulators(&self, visitors: &mut BTreeSet<String>, others: BTreeSet<String>) {
        visitors.extend(others);
    }
    fn extract_output(&self, visitors: BTreeSet<String>) -> u64 {
        self.peek_output(&visitors)
    }
    // A minute that goes on has very many results: without this each would begin with a copy of all visitors.
    fn peek_output(&self, visitors: &BTreeSet<String>) -> u64 {
        visitors.len() as u64
    }
}

/// A line of the output: the counts of a minute, of one page or of all.
#[derive(Clone, Debug, Serialize, Element)]
pub struct PageViews {
    #[serde(flatten)]
    place: Place,
    page: Option<String>,
    pv: u64,
    uv: u64,
    uv_approx: u64,
    #[serde(flatten)]
    pane: Pane,
}

/// Says of which window and pane a count is.
#[derive(Clone)]
struct ToLine;

impl DoFn for ToLine {
    type In = (Option<String>, (u64, u64, u64));
    type Out = PageViews;

    fn process(&mut self, (page, counts): Self::In, ctx: &mut Context<'_, PageViews>) -> Result<(), BoxError> {
        let (pv, uv, uv_approx) = counts;
        let (place, pane) = (Place::of(ctx)?, Pane::of(ctx));
        ctx.emit(PageViews { place, page, pv, uv, uv_approx, pane });
        Ok(())
    }
}

/// Puts views into their minutes, each of which waits two hours for those that are late.
pub fn by_minute(views: &PCollection<View>) -> PCollection<View> {
    let minute = FixedWindows::of(minutes(1))
        .trigger(AfterWatermark::new().early(after_delay(seconds(1))).late(after_count(1)))
        .accumulating()
        .allowed_lateness(hours(2));
    views.window(minute)
}

/// The counts of each page and of all.
pub fn counts(views: &PCollection<View>) -> PCollection<PageViews> {
    let of_pages = views.map(|view| (Some(view.page), view.openid)).named("ByPage");
    let of_all = views.map(|view| (None, view.openid)).named("All");
    flatten([&of_pages, &of_all]).combine_per_key((count(), Visitors, approximate_distinct())).par_do(ToLine)
}
