//! Writes the text whose words are counted: `text FILE BYTES`.

use ferrobeam_benchmarks::words;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [file, bytes] = words.as_slice() else { return Err("usage: text FILE BYTES".into()) };
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    words::write(bytes.parse()?, &mut out)?;
    Ok(out.flush()?)
}
