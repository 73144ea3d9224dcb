//! Addresses that ask too often, by rules on their rates.
//!
//! `crawlers --input 'logs/*.jsonl' --output crawlers` reads lines such as
//! `{"address": "203.0.113.7", "ctime": "2026-11-21T01:02:03.456Z"}` and writes `crawlers-*.jsonl`: a line when an address goes
//! beyond a rule, with `"to": null`, and one when that is over, with the most requests that there were in the rule's time:
//! `{"address": "203.0.113.7", "rule": "100 in 60 s", "from": "2026-11-21T01:02:06Z", "to": "..", "requests": 431}`.
//!
//! A rule is `--rule REQUESTS/SECONDS`, as often as wanted (without any it is `100/60` and `1000/600`): more than so many requests
//! in the last so many seconds, as they are counted each tenth of that time. `from` and `to` are when it was first so and last. If
//! it is so again within that time, it is one crawl. Requests that come later than `--out-of-order` allows may not count.
//!
//! `loggen --output logs` makes such a log. With `--follow` the input is a directory whose files grow, and Ctrl-C ends it.

use ferrobeam::prelude::*;
use ferrobeam::time::millis;
use ferrobeam_examples::{Logs, event_time};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(clap::Args, Serialize, Deserialize)]
struct Crawlers {
    /// More than so many requests in so many seconds are too many
    #[arg(long = "rule", value_name = "REQUESTS/SECONDS", default_values = ["100/60", "1000/600"], value_parser = rule)]
    rules: Vec<Rule>,
    #[command(flatten)]
    #[serde(flatten)]
    logs: Logs,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Rule {
    requests: u64,
    seconds: u32,
}

fn rule(text: &str) -> Result<Rule, String> {
    let numbers = text.split_once('/').and_then(|(n, seconds)| Some((n.parse().ok()?, seconds.parse().ok()?)));
    let (requests, seconds) = numbers.ok_or("not as 100/60")?;
    if requests == 0 || !(1..=86_400).contains(&seconds) {
        return Err("not one request or more in a second to a day (86400)".to_owned());
    }
    Ok(Rule { requests, seconds })
}

impl Rule {
    fn length(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
}

#[derive(Clone, Debug, Deserialize, Element)]
struct Request {
    address: String,
    #[serde(rename = "ctime", deserialize_with = "event_time")]
    at: Timestamp,
}

/// A line of the output.
#[derive(Clone, Debug, Serialize, Element)]
struct Crawl {
    address: String,
    rule: String,
    from: String,
    to: Option<String>,
    requests: u64,
}

/// Makes crawls of windows with too many requests, each of which comes with the last millisecond of its time.
#[derive(Clone)]
struct Crawling(Rule);

#[derive(State)]
struct Current {
    /// The ends of its first and its last window, and the most requests in one.
    crawl: Value<(Timestamp, Timestamp, u64)>,
}

#[derive(Timers)]
enum Due {
    #[timer(event_time)]
    Over,
}

impl Crawling {
    fn line(&self, address: &str, from: Timestamp, to: Option<Timestamp>, requests: u64) -> Crawl {
        let Rule { requests: most, seconds } = self.0;
        let (from, to) = (from.to_string(), to.map(|to| to.to_string()));
        Crawl { address: address.to_owned(), rule: format!("{most} in {seconds} s"), from, to, requests }
    }
}

impl StatefulDoFn for Crawling {
    type Key = String;
    type In = u64;
    type Out = Crawl;
    type State = Current;
    type Timer = Due;

    const TIME_SORTED: bool = true;

    fn process(
        &mut self,
        address: &String,
        requests: u64,
        state: &mut Current,
        ctx: &mut StatefulContext<'_, Crawl, Due>,
    ) -> Result<(), BoxError> {
        let end = ctx.timestamp() + millis(1);
        match state.crawl.take() {
            Some((from, to, most)) if end <= to + self.0.length() => state.crawl.set((from, end, most.max(requests))),
            before => {
                // The next window may come before the timer does.
                if let Some((from, to, most)) = before {
                    ctx.emit(self.line(address, from, Some(to), most));
                }
                ctx.emit(self.line(address, end, None, requests));
                state.crawl.set((end, end, requests));
            }
        }
        ctx.set(Due::Over, end + self.0.length());
        Ok(())
    }

    fn on_timer(
        &mut self,
        address: &String,
        _: Due,
        state: &mut Current,
        ctx: &mut StatefulContext<'_, Crawl, Due>,
    ) -> Result<(), BoxError> {
        if let Some((from, to, most)) = state.crawl.take() {
            ctx.emit(self.line(address, from, Some(to), most));
        }
        Ok(())
    }
}

/// The crawls by one rule.
fn crawls(requests: &PCollection<(String, Request)>, rule: Rule) -> PCollection<Crawl> {
    // A tenth of the length, in whole milliseconds.
    let windows = CombineSliding::of(rule.length()).every(rule.length() / 10);
    requests
        .apply(windows.with(count()))
        .filter(move |(_, n)| *n > rule.requests)
        // State is by window, and a crawl goes on from one to the next.
        .window(GlobalWindows::new())
        .par_do_stateful(Crawling(rule))
        .named(&format!("Over{}In{}s", rule.requests, rule.seconds))
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, Crawlers { rules, logs }: &Crawlers| {
        let requests = logs.read(root, |request: &Request| request.at).key_by(|request| request.address.clone());
        let by_rule: Vec<_> = rules.iter().map(|rule| crawls(&requests, *rule)).collect();
        logs.write(&root.flatten(&by_rule));
        Ok(())
    })
}
