//! `cargo xtask page-views`: the example `page_views` on logs that `loggen` writes, compared with a plain count of them.
//!
//! `engines` runs it on complete logs with the direct and the local runner, Prism and Flink. `follow` has it follow a directory for
//! as long as `loggen` writes there, and ends it by Ctrl-C: `--events=10000000` of them, `--rate=80000` a second. With `--stop` it
//! is stopped by Ctrl-C half-way, with `--kill` killed, and another run goes on with its positions. What it used of memory is
//! drawn in `target/page_views/memory.svg`.

mod count;
mod plot;

use crate::{Failure, cargo, run};
use plot::Sample;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

const FOLDER: &str = "target/page_views";

/// What the engines do otherwise than the model wants, none of which matters for last panes.
const RUNNERS: [(&str, &[&str]); 4] = [
    ("direct", &[]),
    ("local", &[]),
    ("prism", &["--accept-engine-differences=count-triggers,lateness"]),
    ("flink", &["--accept-engine-differences=batch-triggers"]),
];

/// How a first run ends half-way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HalfWay {
    Stop,
    Kill,
}

/// Does what the words say.
pub(crate) fn command(words: &[&str]) -> Result<(), Failure> {
    const USAGE: &str =
        "usage: cargo xtask page-views engines | page-views follow [--events=N] [--rate=N] [--stop | --kill]";
    match words {
        ["engines"] => {
            cargo(&["build", "--package", "ferrobeam-examples", "--bin", "page_views", "--bin", "loggen"], &[])?;
            on_runners()
        }
        ["follow", options @ ..] => {
            let (mut events, mut rate, mut half_way) = (10_000_000, 80_000, None);
            for option in options {
                let number = |text: &str| text.parse::<u64>().map_err(|e| format!("{option}: {e}"));
                match option.split_once('=') {
                    Some(("--events", text)) => events = number(text)?.max(1),
                    Some(("--rate", text)) => rate = number(text)?.max(1),
                    None if *option == "--stop" => half_way = Some(HalfWay::Stop),
                    None if *option == "--kill" => half_way = Some(HalfWay::Kill),
                    _ => return Err(USAGE.to_owned()),
                }
            }
            follow(events, rate, half_way)
        }
        _ => Err(USAGE.to_owned()),
    }
}

/// The programs that lie beside this one have the same last panes on all runners, which are those of a plain count.
pub(crate) fn on_runners() -> Result<(), Failure> {
    let folder = fresh()?;
    let here = std::env::current_exe().map_err(|e| format!("where this program is: {e}"))?;
    let (loggen, page_views) = (here.with_file_name("loggen"), here.with_file_name("page_views"));
    let options = ["--events=20000", "--users=300", "--pages=7", "--rotate=2000000"];
    run(Command::new(loggen).arg("--output").arg(folder.join("logs")).args(options))?;
    let expected = count::plain(&folder.join("logs"))?;
    for (runner, accepts) in RUNNERS {
        let mut program = Command::new(&page_views);
        program.env("FERROBEAM_ENGINES_DIR", crate::engines::directory());
        program.arg("--input").arg(folder.join("logs/*.jsonl")).arg("--output").arg(folder.join(runner));
        run(program.arg(format!("--runner={runner}")).args(accepts))?;
        let last = count::last_panes(&folder, runner)?;
        println!("== {runner}: {}", count::compare(&expected, &last)?);
    }
    Ok(())
}

/// A run that follows, or two.
fn follow(events: u64, rate: u64, half_way: Option<HalfWay>) -> Result<(), Failure> {
    cargo(&["build", "--release", "--package", "ferrobeam-examples", "--bin", "page_views", "--bin", "loggen"], &[])?;
    let folder = fresh()?;
    let mut loggen = Command::new("target/release/loggen");
    loggen.arg("--output").arg(folder.join("logs")).args([format!("--events={events}"), format!("--rate={rate}")]);
    loggen.args(["--length=36000", "--users=100000", "--pages=100"]);
    let mut following = Following::start(&folder, "first")?;
    let mut loggen = spawn(&mut loggen)?;
    if let Some(how) = half_way {
        while following.began.elapsed() < Duration::from_secs_f64(events as f64 / rate as f64 / 2.0) {
            following.look(&folder)?;
        }
        match how {
            HalfWay::Stop => following.stop()?,
            HalfWay::Kill => following.kill()?,
        }
        let second = Following::start(&folder, "second")?;
        following.program = second.program;
    }
    let written = loop {
        following.look(&folder)?;
        if let Some(status) = loggen.try_wait().map_err(|e| format!("loggen: {e}"))? {
            break status;
        }
    };
    success("loggen", written)?;
    println!("== {events} events written in {:.0} s", following.began.elapsed().as_secs_f64());
    following.stop()?;
    println!("== page_views ended after {:.0} s", following.began.elapsed().as_secs_f64());
    let svg = folder.join("memory.svg");
    fs::write(&svg, plot::svg(&following.samples)).map_err(|e| format!("{}: {e}", svg.display()))?;
    println!("== {}; {}", plot::told(&following.samples), svg.display());
    let expected = count::plain(&folder.join("logs"))?;
    let of = |run: &str| count::last_panes(&folder, run);
    let compared = match half_way {
        None => count::compare(&expected, &of("first")?)?,
        // What the one that was killed wrote is thrown away.
        Some(HalfWay::Kill) => count::compare(&expected, &of("second")?)?,
        Some(HalfWay::Stop) => count::compare_sums(&expected, &[of("first")?, of("second")?])?,
    };
    println!("== {compared}");
    Ok(())
}

/// An empty folder for all this.
fn fresh() -> Result<PathBuf, Failure> {
    let folder = std::path::absolute(FOLDER).map_err(|e| format!("{FOLDER}: {e}"))?;
    let at = |e| format!("{}: {e}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(at)?;
    }
    fs::create_dir_all(folder.join("logs")).map_err(at)?;
    Ok(folder)
}

/// `page_views` while it follows the logs.
struct Following {
    program: Child,
    began: Instant,
    samples: Vec<Sample>,
}

fn spawn(command: &mut Command) -> Result<Child, Failure> {
    command.spawn().map_err(|e| format!("{command:?}: {e}"))
}

impl Following {
    fn start(folder: &Path, name: &str) -> Result<Following, Failure> {
        let log = folder.join(format!("{name}.log"));
        let log = File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let mut program = Command::new("target/release/page_views");
        program.args(["--follow", "--input"]).arg(folder.join("logs")).arg("--output").arg(folder.join(name));
        program.arg("--positions").arg(folder.join("positions.json")).stderr(log);
        Ok(Following { program: spawn(&mut program)?, began: Instant::now(), samples: Vec::new() })
    }

    /// Notes how much memory it has and how much there is to read; a look each half second.
    fn look(&mut self, folder: &Path) -> Result<(), Failure> {
        std::thread::sleep(Duration::from_millis(500));
        if let Some(status) = self.program.try_wait().map_err(|e| e.to_string())? {
            return Err(format!("page_views has ended: {status}; see the logs in {}", folder.display()));
        }
        let (kib, bytes) = (plot::resident_kib(self.program.id())?, count::size(&folder.join("logs"))?);
        self.samples.push(Sample { seconds: self.began.elapsed().as_secs_f64(), kib, bytes });
        Ok(())
    }

    /// By Ctrl-C.
    fn stop(&mut self) -> Result<(), Failure> {
        run(Command::new("kill").args(["-s", "INT", &self.program.id().to_string()]))?;
        success("page_views", self.program.wait().map_err(|e| e.to_string())?)
    }

    fn kill(&mut self) -> Result<(), Failure> {
        self.program.kill().and_then(|()| self.program.wait()).map(drop).map_err(|e| e.to_string())
    }
}

fn success(program: &str, status: ExitStatus) -> Result<(), Failure> {
    if status.success() { Ok(()) } else { Err(format!("{program} failed: {status}")) }
}
