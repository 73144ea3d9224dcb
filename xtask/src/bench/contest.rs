//! The workloads W1 to W5 on this machine, by programs that do nothing else: ours, written against the public API, beside
//! hand-written loops, Renoir, Timely Dataflow, and, where their tools are there, Flink, Polars and DuckDB.
//!
//! All programs take turns, and each ends in a line with the time that it took, from its own start to its end, and a
//! checksum of its results. They must be the same.

use super::cap::Cap;
use super::measure::children;
use super::{folder, median, root};
use crate::{Failure, cargo, engines, run};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Between two looks at a program's memory.
const LOOK: Duration = Duration::from_millis(20);

/// Flink's connector for files, which its engine here does without.
const CONNECTORS: [&str; 2] =
    ["org.apache.flink:flink-connector-files:1.19.0", "org.apache.flink:flink-connector-base:1.19.0"];

/// What Flink on a recent Java needs to look into.
const OPENS: [&str; 4] = ["java.util", "java.lang", "java.time", "java.nio"];

/// Runs a workload, so many times, and prints the table.
pub(crate) fn command(workload: &str, rounds: u64) -> Result<(), Failure> {
    fs::create_dir_all(folder()).map_err(|e| format!("{}: {e}", folder().display()))?;
    let programs = programs(workload)?;
    let cap = (workload == "W4").then(|| Cap::new(1 << 30)).transpose()?;
    let mut runs: BTreeMap<usize, Vec<Run>> = BTreeMap::new();
    for round in 1..=rounds {
        for (at, program) in programs.iter().enumerate() {
            let one = program.run(cap.as_ref())?;
            println!(
                "round {round}: {} on {}: {:.3} s, {:.2} s of processors",
                program.name, program.workers, one.seconds, one.processor
            );
            runs.entry(at).or_default().push(one);
        }
    }
    print(workload, rounds, &programs, &runs)
}

/// A program with its arguments.
struct Program {
    name: String,
    workers: usize,
    /// The size of its input, with which results are compared.
    size: String,
    command: Vec<String>,
}

/// What came of one run.
struct Run {
    seconds: f64,
    /// Seconds of all threads.
    processor: f64,
    /// MiB at most.
    resident: u64,
    answer: String,
}

fn programs(workload: &str) -> Result<Vec<Program>, Failure> {
    let ours = format!("ferrobeam-{}", workload.to_lowercase());
    cargo(&["build", "--profile", "contest", "--package", "ferrobeam-benchmarks", "--bin", &ours], &[])?;
    let (peers, target) = (root().join("benchmarks/peers/rust"), folder().join("peers"));
    run(Command::new("cargo")
        .args(["build", "--release", "--quiet"])
        .current_dir(peers)
        .env("CARGO_TARGET_DIR", &target))?;
    let ours = root().join("target/contest");
    let peer = |name: &str| target.join("release").join(name).display().to_string();
    let mut all = Vec::new();
    let mut add = |name: &str, workers: usize, size: &str, command: Vec<String>| {
        all.push(Program { name: name.to_owned(), workers, size: size.to_owned(), command });
    };
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let rust = |program: String, workers: usize, rest: &str| {
        [vec![program, "-p".to_owned(), workers.to_string()], words(rest)].concat()
    };
    let own = |name: &str| ours.join(name).display().to_string();
    let (flink, python) = (Flink::find()?, python());
    for workers in [1, 2] {
        match workload {
            "W1" => {
                for mib in [128, 512] {
                    let file = text(&peer("gen"), mib)?;
                    let (size, file) = (format!("{mib} MiB"), file.display().to_string());
                    add("Ferrobeam", workers, &size, rust(own("ferrobeam-w1"), workers, &format!("-f {file}")));
                    add("hand, slices", workers, &size, rust(peer("hand-w1"), workers, &format!("-m slice -f {file}")));
                    add("Renoir", workers, &size, rust(peer("renoir-w1"), workers, &format!("-m opt -f {file}")));
                    add("Timely", workers, &size, rust(peer("timely-w1"), workers, &format!("-m pre -f {file}")));
                    for engine in ["polars", "duckdb"].into_iter().filter(|_| mib == 128) {
                        if let Some((python, script)) = &python {
                            let rest = format!("{python} {script} {engine} w1 {workers} 0 {file}");
                            add(engine, workers, &size, words(&rest));
                        }
                    }
                }
            }
            "W2" => {
                let size = "20 M events";
                add("Ferrobeam", workers, size, rust(own("ferrobeam-w2"), workers, ""));
                for (name, program) in [("hand", "hand-w2"), ("Renoir", "renoir-w2"), ("Timely", "timely-w2")] {
                    add(name, workers, size, rust(peer(program), workers, ""));
                }
                if let Some(flink) = &flink {
                    add("Flink", workers, size, flink.command(&format!("w2 stream {workers} 20000000")));
                }
            }
            "W3" => {
                for query in ["q5", "q8"] {
                    let size = format!("{query}, 10 M events");
                    let rest = format!("-q {query}");
                    add("Ferrobeam", workers, &size, rust(own("ferrobeam-w3"), workers, &rest));
                    for (name, program) in [("hand", "hand-w3"), ("Renoir", "renoir-w3"), ("Timely", "timely-w3")] {
                        add(name, workers, &size, rust(peer(program), workers, &rest));
                    }
                    if let Some(flink) = &flink {
                        add("Flink", workers, &size, flink.command(&format!("{query} stream {workers} 10000000")));
                    }
                }
            }
            "W4" => {
                let size = "4 GiB of pairs";
                add("Ferrobeam", workers, size, rust(own("ferrobeam-w4"), workers, "-m 850"));
                add("hand", workers, size, rust(peer("hand-w4"), workers, ""));
            }
            "W5" => {
                let size = "50 M integers";
                add("Ferrobeam", workers, size, rust(own("ferrobeam-w5"), workers, ""));
                for (name, program) in [("hand", "hand-w5"), ("Renoir", "renoir-w5"), ("Timely", "timely-w5")] {
                    add(name, workers, size, rust(peer(program), workers, ""));
                }
            }
            other => return Err(format!("there is no workload {other}")),
        }
    }
    Ok(all)
}

/// A text of so many MiB, made once.
fn text(generator: &str, mib: u64) -> Result<PathBuf, Failure> {
    let file = folder().join(format!("w1-{mib}.txt"));
    if !file.exists() {
        run(Command::new(generator).arg(&file).arg((mib << 20).to_string()))?;
    }
    Ok(file)
}

/// Python with Polars and DuckDB, if somebody has made one, and the script.
fn python() -> Option<(String, String)> {
    let python = folder().join("python/bin/python");
    let script = root().join("benchmarks/peers/python/sql.py");
    python.exists().then(|| (python.display().to_string(), script.display().to_string()))
}

/// Flink's classes, those of its engine here and of the program.
struct Flink {
    classes: String,
}

impl Flink {
    /// None if its engine is not installed.
    fn find() -> Result<Option<Self>, Failure> {
        let (jars, own) = (engines::directory().join("flink/jars"), folder().join("flink"));
        if !jars.exists() {
            println!("Flink's engine is not installed (`cargo xtask engines up flink`): without it");
            return Ok(None);
        }
        let more = own.join("lib");
        for connector in CONNECTORS.into_iter().filter(|_| !own.join("Fl.class").exists()) {
            run(Command::new("mvn")
                .args(["--quiet", "--batch-mode", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"])
                .arg(format!("-Dartifact={connector}"))
                .arg(format!("-DoutputDirectory={}", more.display())))?;
        }
        let libraries = format!("{}/*:{}/*", jars.display(), more.display());
        if !own.join("Fl.class").exists() {
            let source = root().join("benchmarks/peers/flink/Fl.java");
            run(Command::new("javac").args(["-nowarn", "-cp", &libraries, "-d"]).arg(&own).arg(source))?;
        }
        Ok(Some(Flink { classes: format!("{}:{libraries}", own.display()) }))
    }

    fn command(&self, arguments: &str) -> Vec<String> {
        let opens = OPENS.iter().map(|package| format!("--add-opens=java.base/{package}=ALL-UNNAMED"));
        let options =
            ["-Xmx3g", "-Dmanaged=256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", &self.classes, "Fl"];
        let java = std::iter::once("java".to_owned()).chain(opens).chain(options.map(str::to_owned));
        java.chain(arguments.split_whitespace().map(str::to_owned)).collect()
    }
}

impl Program {
    fn run(&self, cap: Option<&Cap>) -> Result<Run, Failure> {
        let failed = |what: &dyn std::fmt::Display| format!("{}: {what}\n{}", self.name, self.command.join(" "));
        // The shell tells what of the processors its child has had.
        let enter = cap.map(Cap::enter).unwrap_or_default();
        let script = format!("{enter}TIMEFORMAT='PROCESSOR %U %S'; time \"$@\"");
        let mut child = child_of(Command::new("bash").args(["-c", &*script, "run"]).args(&self.command))?;
        let mut resident = 0;
        while child.try_wait().map_err(|e| failed(&e))?.is_none() {
            resident = resident.max(peak(child.id()));
            std::thread::sleep(LOOK);
        }
        let output = child.wait_with_output().map_err(|e| failed(&e))?;
        let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            return Err(failed(&errors));
        }
        let line = text.lines().find_map(|line| line.strip_prefix("RESULT ")).ok_or_else(|| failed(&"no result"))?;
        let fields: BTreeMap<&str, &str> = line.split_whitespace().filter_map(|field| field.split_once('=')).collect();
        let field = |name: &str| fields.get(name).copied().ok_or_else(|| failed(&format!("no `{name}` in {line}")));
        let times = errors.lines().find_map(|line| line.strip_prefix("PROCESSOR ")).unwrap_or_default();
        Ok(Run {
            seconds: field("secs")?.parse().map_err(|e| failed(&e))?,
            processor: times.split_whitespace().filter_map(|time| time.parse::<f64>().ok()).sum(),
            resident,
            answer: format!("{} {}", field("count")?, field("cs")?),
        })
    }
}

fn child_of(command: &mut Command) -> Result<std::process::Child, Failure> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{command:?}: {e}"))
}

/// MiB that a process below the shell has held at most; of one that is gone, nothing.
fn peak(shell: u32) -> u64 {
    let of = |process: String| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default().to_owned();
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
    };
    children(&shell.to_string()).into_iter().map(of).max().unwrap_or(0)
}

fn print(workload: &str, rounds: u64, programs: &[Program], runs: &BTreeMap<usize, Vec<Run>>) -> Result<(), Failure> {
    let of = |at: usize| runs.get(&at).map(Vec::as_slice).unwrap_or_default();
    let seconds = |at: usize| median(of(at).iter().map(|run| run.seconds).collect());
    println!(
        "\n{workload}, medians of {rounds}; the answers are the same. A ratio is the time of the program by ours."
    );
    println!(
        "| input | workers | program | seconds (least to most) | ratio | processor s | peak MiB |\n|---|---|---|---|---|---|---|"
    );
    for (at, program) in programs.iter().enumerate() {
        let ours = programs.iter().position(|other| {
            other.name == "Ferrobeam" && (other.workers, &other.size) == (program.workers, &program.size)
        });
        let ours = ours.unwrap_or(at);
        if let Some(other) = of(at).iter().find(|run| Some(&run.answer) != of(ours).first().map(|run| &run.answer)) {
            return Err(format!("{} on {}: {} is not our answer", program.name, program.size, other.answer));
        }
        let all = || of(at).iter().map(|run| run.seconds);
        println!(
            "| {} | {} | {} | {:.3} ({:.3} to {:.3}) | {:.2} | {:.2} | {} |",
            program.size,
            program.workers,
            program.name,
            seconds(at),
            all().fold(f64::INFINITY, f64::min),
            all().fold(0.0, f64::max),
            seconds(at) / seconds(ours),
            median(of(at).iter().map(|run| run.processor).collect()),
            of(at).iter().map(|run| run.resident).max().unwrap_or(0)
        );
    }
    Ok(())
}
