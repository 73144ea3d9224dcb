//! The README's word count on text made here, compared with what coreutils count.

use crate::{Failure, cargo, run};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

/// Makes `mib` MiB of text, counts it both ways, and compares.
pub(crate) fn compare(mib: u64) -> Result<(), Failure> {
    cargo(&["build", "--release", "--package", "ferrobeam-examples", "--bin", "wordcount"], &[])?;
    compare_by(&mut Command::new("target/release/wordcount"), "target/wordcount", mib)
}

/// The same for the word count as this command starts it, in a directory.
pub(crate) fn compare_by(program: &mut Command, directory: &str, mib: u64) -> Result<(), Failure> {
    let directory = Path::new(directory);
    let io = |what: &str| {
        let what = what.to_owned();
        move |e: std::io::Error| format!("{what}: {e}")
    };
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(io("cannot remove old text"))?;
    }
    fs::create_dir_all(directory.join("text")).map_err(io("cannot make a directory for text"))?;
    write_text(&directory.join("text"), mib << 20).map_err(io("cannot write text"))?;
    program.arg("--input").arg(directory.join("text/*.txt")).arg("--output").arg(directory.join("counts"));
    run(program.args(["--shards", "3"]))?;
    // Locale C: the same bytes are the same word, and the order is that of bytes.
    let script = r#"
        set -eu; export LC_ALL=C
        cat text/*.txt | tr -s ' \t' '\n' | tr A-Z a-z | sort | uniq -c | awk '{ print $2 ": " $1 }' | sort > expected
        ls counts-0000[012]-of-00003.txt > /dev/null
        sort counts-*-of-00003.txt | cmp - expected
        echo "$(wc -l < expected) words have the same counts"
    "#;
    run(Command::new("sh").args(["-c", script]).current_dir(directory))
}

/// Lines of made-up words whose frequencies fall as in a natural text, in four files.
fn write_text(directory: &Path, bytes: u64) -> std::io::Result<()> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for i in 0..4 {
        let mut file = BufWriter::new(File::create(directory.join(format!("part-{i}.txt")))?);
        let mut written = 0;
        while written < bytes / 4 {
            let mut line = String::new();
            for _ in 0..12 {
                // A product of three uniform numbers prefers small ones.
                let uniform = |x: u64| (x >> 40) as f64 / (1 << 24) as f64;
                let rank = (300_000.0 * uniform(next()) * uniform(next()) * uniform(next())) as u64;
                word(rank, &mut line);
                line.push(if rank.is_multiple_of(97) { '\t' } else { ' ' });
            }
            writeln!(file, "{}", line.trim_end())?;
            written += line.len() as u64;
        }
        file.flush()?;
    }
    Ok(())
}

/// The word of a rank: its number in syllables, some with a capital letter.
fn word(mut rank: u64, line: &mut String) {
    let start = line.len();
    loop {
        line.push(b"bcdfghjklmnprstvwz"[(rank % 18) as usize] as char);
        line.push(b"aeiou"[(rank / 18 % 5) as usize] as char);
        rank /= 90;
        if rank == 0 {
            break;
        }
    }
    if line.len().is_multiple_of(5) {
        let capital = line[start..start + 1].to_uppercase();
        line.replace_range(start..start + 1, &capital);
    }
}
