//! What people see of a run: the plan as it was executed, and metrics for Prometheus.

use crate::Numbers;
use ferrobeam_core::prelude::*;
use ferrobeam_local::LocalRunner;
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

thread_local! {
    /// An explanation is given on the thread that runs the pipeline.
    static TOLD: RefCell<String> = RefCell::default();
}

fn tell(text: &str) {
    TOLD.with_borrow_mut(|told| told.push_str(text));
}

/// The line that begins so, without what is in front of it, and those behind it up to the next part.
fn part<'a>(told: &'a str, named: &str) -> &'a str {
    let parts = told.split("\n\n");
    parts.into_iter().find(|part| part.contains(named)).unwrap_or_else(|| panic!("no `{named}` in:\n{told}"))
}

#[test]
fn an_executed_plan_says_what_was_fused_and_which_way_groupings_went() {
    for workers in [1, 2] {
        TOLD.take();
        let run = LocalRunner::new().workers(workers).explain_run(tell).run(|root| {
            let numbers = root.read(Numbers(5000)).map(|n| n / 2).named("Halve").filter(|n| n % 10 == 0).named("Tens");
            let pairs = numbers.map(|n| (n % 7, n)).named("Pair");
            pairs.combine_per_key(sum()).named("Sum").discard();
            let trigger = repeatedly(after_count(1000));
            let early = pairs.window(GlobalWindows::new().trigger(trigger).accumulating()).named("Early");
            early.group_by_key().named("Group").discard();
            let side = pairs.map(|(_, n)| n).named("Values").as_iterable();
            root.create([1u64]).map_with(side, |n, side| n + side.len() as u64).named("Look").discard();
            Ok(())
        });
        run.unwrap();
        let told = TOLD.take();
        let first = format!("Executed on {workers} worker");
        assert!(told.starts_with(&first), "{told}");
        let read = part(&told, "Halve: ");
        assert!(read.contains(". stage that works in parts, ") && read.contains(" steps fused"), "{read}");
        for counted in ["Halve: 5,000 elements", "Tens: 500 elements", "Pair: 500 elements", "Early: 500 elements"] {
            assert!(read.contains(counted), "{read}");
        }
        let sum = part(&told, "Sum: 7 elements");
        assert!(sum.contains("Panes: a table for each window, which fires once"), "{sum}");
        assert_eq!(told.contains("combining before the shuffle: 500 rows"), workers > 1, "{told}");
        assert!(part(&told, "Cells: by key").contains("Group"), "{told}");
        assert!(part(&told, "side input `Values`").contains("kept by worker"), "{told}");
        assert!(part(&told, "Look: 1 element").contains("looks at `Values`"), "{told}");
    }
}

#[test]
fn an_executed_plan_says_what_went_to_files() {
    for limit in [None, Some(1)] {
        TOLD.take();
        let runner = LocalRunner::new().workers(2).explain_run(tell);
        let run = limit.into_iter().fold(runner, LocalRunner::store_limit).run(|root| {
            root.read(Numbers(50_000)).map(|n| (n % 7, n)).group_by_key().named("Group").discard();
            Ok(())
        });
        run.unwrap();
        let told = TOLD.take();
        let spills = part(&told, "Group: 7").contains("iB of it went to files");
        assert_eq!(spills, limit.is_some(), "{told}");
    }
}

fn ask(address: SocketAddr, question: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(question.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn metrics_are_served_while_a_run_lasts() {
    const SEEN: Counter = Counter::new("test", "seen \"here\"");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answers = Arc::new(Mutex::new(Vec::new()));
    let (heard, silent) = (answers.clone(), Arc::new(Mutex::new(None)));
    let runner = LocalRunner::new().workers(3).prometheus(listener);
    let run = runner.run(|root| {
        let numbers = root.read(Numbers(3000)).named("Numbers").key_by(|_| ()).combine_per_key(count()).named("Count");
        numbers
            .map(move |((), n)| {
                SEEN.inc();
                let questions = [
                    "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                    "GET /secrets HTTP/1.1\r\n\r\n",
                    "PUT /metrics\r\n\r\n",
                ];
                heard.lock().unwrap().extend(questions.map(|question| ask(address, question)));
                // Somebody who says nothing does not keep the run from its end.
                *silent.lock().unwrap() = Some(TcpStream::connect(address).unwrap());
                n
            })
            .named("Ask")
            .discard();
        Ok(())
    });
    assert_eq!(run.unwrap().metrics.counter(&SEEN), 1);
    let answers = std::mem::take(&mut *answers.lock().unwrap());
    let page = &answers[0];
    assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{page}");
    for line in [
        "# TYPE ferrobeam_elements_total counter",
        "ferrobeam_elements_total{step=\"Numbers\"} 3000",
        "ferrobeam_read_ratio{step=\"Numbers\"} 1",
        "ferrobeam_waiting_elements{step=\"Ask\"} 1",
        "ferrobeam_workers 3",
        r#"ferrobeam_user_counter{step="Ask",namespace="test",name="seen \"here\""} 1"#,
    ] {
        assert!(page.lines().any(|found| found == line), "no `{line}` in:\n{page}");
    }
    assert!(answers[1].starts_with("HTTP/1.1 404 "), "{answers:?}");
    assert!(answers[2].starts_with("HTTP/1.1 405 "), "{answers:?}");
    // The address may be used again, and nobody answers any more.
    drop(runner);
    TcpListener::bind(address).unwrap();
}
