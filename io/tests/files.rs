//! Text, CSV and JSON Lines through whole pipelines.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic to fail them")]

use ferrobeam_core::runner::Runner;
use ferrobeam_core::time::seconds;
use ferrobeam_core::windowing::FixedWindows;
use ferrobeam_core::{Element, Error, PCollection, Root, Timestamp};
use ferrobeam_direct::DirectRunner;
use ferrobeam_io::files::Compression;
use ferrobeam_io::{BadRow, csv, json, text};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Element)]
#[element(crate = "ferrobeam_core")]
struct Person {
    name: String,
    age: u32,
}

fn person(name: &str, age: u32) -> Person {
    Person { name: name.to_owned(), age }
}

/// A directory of test files, and the schedule under which pipelines run.
struct Place {
    directory: TempDir,
    seed: u64,
}

/// Runs a test under several schedules.
fn under_schedules(test: impl Fn(&Place)) {
    (0..8).for_each(|seed| test(&Place::new(seed)));
}

impl Place {
    fn new(seed: u64) -> Place {
        Place { directory: tempfile::tempdir().unwrap(), seed }
    }
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory.path().display())
    }
    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
        let bytes = bytes.as_ref();
        let packed = match Compression::of(name) {
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            _ => bytes.to_vec(),
        };
        fs::write(path, packed).unwrap();
    }
    fn names(&self) -> BTreeSet<String> {
        fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs a pipeline in which bundles fail and are repeated; the elements of what it returns, sorted.
    fn run<T: Element + Ord>(&self, construct: impl FnOnce(&Root) -> PCollection<T>) -> Result<Vec<T>, String> {
        let all = Arc::new(Mutex::new(Vec::new()));
        let kept = all.clone();
        self.execute(|root| {
            // As one group, so that a bundle that is repeated keeps the same once more.
            let groups = construct(root).key_by(|_| ()).group_by_key::<(), T>();
            groups.map(move |((), group)| *kept.lock().unwrap() = group.iter().collect()).discard();
        })?;
        let mut all = std::mem::take(&mut *all.lock().unwrap());
        all.sort();
        Ok(all)
    }

    fn write<T: Element>(&self, values: &[T], sink: impl FnOnce(PCollection<T>)) -> Result<(), String> {
        self.execute(|root| sink(root.create(values.to_vec())))
    }

    /// Runs a pipeline; the text of its failure, without this directory, the seed, and the step's name, file and line.
    fn execute(&self, construct: impl FnOnce(&Root)) -> Result<(), String> {
        let runner: &dyn Runner = &DirectRunner::new().seed(self.seed).failing_bundles(0.3);
        let run = runner.run(|root| {
            construct(root);
            Ok(())
        });
        let text = |error| match error {
            Error::Replay { source, .. } => match *source {
                Error::User { source, .. } => source.to_string(),
                other => other.to_string(),
            },
            other => other.to_string(),
        };
        run.map(|_| ()).map_err(|error| text(error).replace(&self.path(""), ""))
    }
}

type Rows = (PCollection<Person>, PCollection<BadRow>);

fn good((good, bad): Rows) -> PCollection<Person> {
    bad.discard();
    good
}

/// Line, offset, text and error.
fn bad((good, bad): Rows) -> PCollection<(u64, u64, String, String)> {
    good.discard();
    bad.map(|row| (row.line, row.offset, row.text, row.error))
}

fn owned((line, offset, text, error): (u64, u64, &str, &str)) -> (u64, u64, String, String) {
    (line, offset, text.to_owned(), error.to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn lines_are_read_once_however_ranges_are_cut(
        plain in prop::collection::vec("[a-c]{0,6}", 0..30),
        packed in prop::collection::vec("[a-c]{0,6}", 0..9),
        size in 1..40_u64,
        seed in any::<u64>(),
    ) {
        let place = Place::new(seed);
        let text = plain.join("\n");
        place.put("a.txt", &text);
        place.put("b.gz", packed.iter().map(|line| format!("{line}\r\n")).collect::<String>());
        place.put("empty", "");
        let found = place.run(|root| root.apply(text::read(place.path("*")).range_bytes(1..=size))).unwrap();
        let mut expected = text.lines().map(str::to_owned).chain(packed).collect::<Vec<_>>();
        expected.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn written_lines_are_read_again(
        mut lines in prop::collection::vec("[a-c\u{e9} ]{0,3}", 0..20),
        shards in 1..5_u32,
        suffix in prop::sample::select(vec![".txt", ".gz", ".txt.zst", ".bz2"]),
        seed in any::<u64>(),
    ) {
        let place = Place::new(seed);
        let write = text::write(place.path("out")).shards(shards).suffix(suffix);
        place.write(&lines, |lines| lines.apply(write)).unwrap();
        let names = (0..shards).map(|shard| format!("out-{shard:05}-of-{shards:05}{suffix}")).collect::<BTreeSet<_>>();
        prop_assert_eq!(place.names(), names);
        lines.sort();
        prop_assert_eq!(place.run(|root| root.apply(text::read(place.path("out-*")))).unwrap(), lines);
    }

    #[test]
    fn written_values_are_read_again(
        values in prop::collection::vec(("[a-c\",;\r\n\u{e9} ]{0,3}", any::<u32>()), 0..20),
        delimiter in prop::sample::select(vec![b',', b';', b'\t']),
        has_headers in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let place = Place::new(seed);
        let mut people = values.iter().map(|(name, age)| person(name, *age)).collect::<Vec<_>>();
        let sinks = |people: PCollection<Person>| {
            people.apply(csv::write(place.path("csv")).shards(2).delimiter(delimiter).has_headers(has_headers));
            people.apply(json::write(place.path("json")).shards(3));
        };
        place.write(&people, sinks).unwrap();
        prop_assert_eq!(place.names().len(), 5);
        people.sort();
        let read = csv::read::<Person>(place.path("csv-*.csv")).delimiter(delimiter).has_headers(has_headers);
        prop_assert_eq!(&place.run(|root| root.apply(read)).unwrap(), &people);
        let read = json::read::<Person>(place.path("json-*.jsonl"));
        prop_assert_eq!(&place.run(|root| root.apply(read)).unwrap(), &people);
    }
}

#[test]
fn every_csv_file_has_the_header() {
    under_schedules(|place| {
        place.write(&[person("Ada", 36)], |people| people.apply(csv::write(place.path("out")).shards(2))).unwrap();
        let mut texts = place.names().iter().map(|name| place.text(name)).collect::<Vec<_>>();
        texts.sort();
        assert_eq!(texts, ["name,age\n", "name,age\nAda,36\n"]);
    });
}

#[test]
fn all_windows_go_to_the_same_files() {
    under_schedules(|place| {
        place
            .execute(|root| {
                let people = root.create((0..6).map(|age| person("Ada", age)).collect::<Vec<_>>());
                let at = |person: &Person| Timestamp::from_millis(i64::from(person.age) * 1000);
                let windowed = people.with_timestamps(at).window(FixedWindows::of(seconds(2)));
                let oldest = windowed.map(|person| person.age).key_by(|_| ()).max_per_key();
                let oldest = oldest.map(|((), age)| person("oldest", age));
                oldest.apply(csv::write(place.path("csv")));
                oldest.apply(json::write(place.path("json")));
                oldest.map(|person| person.age.to_string()).apply(text::write(place.path("text")));
            })
            .unwrap();
        let sorted = |name: &str| {
            let mut lines = place.text(name).lines().map(str::to_owned).collect::<Vec<_>>();
            lines.sort();
            lines
        };
        assert!(place.text("csv-00000-of-00001.csv").starts_with("name,age\n"));
        assert_eq!(sorted("csv-00000-of-00001.csv"), ["name,age", "oldest,1", "oldest,3", "oldest,5"]);
        assert_eq!(sorted("text-00000-of-00001.txt"), ["1", "3", "5"]);
        assert_eq!(sorted("json-00000-of-00001.jsonl").len(), 3);
    });
}

#[test]
fn a_lines_shard_depends_on_the_line_alone() {
    let text = |seed, order: fn(&u32) -> i64| {
        let place = Place::new(seed);
        let mut numbers = (0..100).collect::<Vec<u32>>();
        numbers.sort_by_key(order);
        let lines = numbers.iter().map(|n| format!("line {n}")).collect::<Vec<_>>();
        place.write(&lines, |lines| lines.apply(text::write(place.path("out")).shards(3))).unwrap();
        [0, 1, 2].map(|shard| {
            let text = place.text(&format!("out-0000{shard}-of-00003.txt"));
            text.lines().map(str::to_owned).collect::<BTreeSet<_>>()
        })
    };
    let shards = text(1, |n| i64::from(*n));
    assert_eq!(shards, text(2, |n| -i64::from(*n)));
    // For good: a line must not move to another shard with a release.
    assert_eq!(shards.each_ref().map(BTreeSet::len), [36, 32, 32]);
}

#[test]
fn bad_text_files_are_errors() {
    under_schedules(|place| {
        let read = |name: &str| {
            let read = text::read(place.path(name)).longest_line(7);
            place.run(|root| root.apply(read)).unwrap_err()
        };
        assert_eq!(read("*.txt"), "no file matches `*.txt`");
        place.put("dir/a.txt", "");
        assert_eq!(read("dir"), "`dir` is a directory; to read the files in it, write `dir/*`");
        place.put("latin.txt", b"one\ncaf\xe9\n");
        assert_eq!(read("latin.txt"), "`latin.txt`, line 2: it is not UTF-8 from its byte 4 on");
        place.put("cut.gz", "hello\n".repeat(1000));
        let whole = fs::read(place.path("cut.gz")).unwrap();
        fs::write(place.path("cut.gz"), &whole[..whole.len() - 1]).unwrap();
        let expected = "`cut.gz` is cut off or damaged: its gzip stream breaks after 6000 decompressed bytes: ";
        assert!(read("cut.gz").starts_with(expected), "{}", read("cut.gz"));
        // Stored as it is, so that the text is what is damaged and the checksum behind it tells.
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        packed.write_all(b"one\ncafe\n").unwrap();
        let mut packed = packed.finish().unwrap();
        let at = packed.windows(4).position(|bytes| bytes == b"cafe").unwrap();
        packed[at + 3] = 0xe9;
        fs::write(place.path("bad.gz"), &packed).unwrap();
        let expected = "`bad.gz` is cut off or damaged: its gzip stream breaks after 9 decompressed bytes: ";
        assert!(read("bad.gz").starts_with(expected), "{}", read("bad.gz"));
        let error = place.run(|root| bad(root.apply(csv::read(place.path("bad.gz")).with_errors()))).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
        place.put("long.txt", "a\n12345678\n");
        let expected =
            "`long.txt`, line 2: the line at byte 2 is longer than 7 bytes; `longest_line` lets it be longer";
        assert_eq!(read("long.txt"), expected);
    });
}

#[test]
fn a_file_that_is_cut_while_it_is_read_is_an_error() {
    let place = Place::new(1);
    place.put("a.txt", "12345678\n".repeat(1_000_000));
    let cuts = place.path("a.txt");
    let error = place.run(|root| {
        root.apply(text::read(place.path("a.txt"))).map(move |line| {
            fs::File::options().write(true).open(&cuts).unwrap().set_len(13).unwrap();
            line
        })
    });
    let error = error.unwrap_err();
    assert!(error.contains("cannot read `a.txt`: it has become shorter: nothing is there at byte "), "{error}");
}

#[test]
fn line_numbers_are_the_files_also_in_the_middle() {
    under_schedules(|place| {
        let lines =
            (0..50).map(|n| if n == 40 { "{}\n".into() } else { format!("{{\"name\":\"a\",\"age\":{n}}}\n\n") });
        place.put("a.json", lines.collect::<String>());
        let read = json::read::<Person>(place.path("a.json")).range_bytes(1..=30);
        let error = place.run(|root| root.apply(read)).unwrap_err();
        assert_eq!(error, "`a.json`, line 81: missing field `name` at column 2");
    });
}

#[test]
fn bad_json_lines_are_a_second_collection() {
    under_schedules(|place| {
        let text = b"{\"name\":\"Ada\",\"age\":36}\n \nno\r\n{\"name\":\"Bob\"}\n\xff\n{\"name\":\"Cy\",\"age\":1}";
        place.put("a.json", text);
        let read = || json::read::<Person>(place.path("a.json")).with_errors();
        assert_eq!(place.run(|root| good(root.apply(read()))).unwrap(), [person("Ada", 36), person("Cy", 1)]);
        let expected = [
            (3, 26, "no", "expected ident at column 2"),
            (4, 30, "{\"name\":\"Bob\"}", "missing field `age` at column 14"),
            (5, 45, "\u{fffd}", "it is not UTF-8 from its byte 1 on"),
        ];
        assert_eq!(place.run(|root| bad(root.apply(read()))).unwrap(), expected.map(owned));
    });
}

#[test]
fn bad_csv_rows_are_errors_or_a_second_collection() {
    under_schedules(|place| {
        let text = "name,age\r\n\"A\r\nda\",36\r\n\r\nBob\r\nCy,x\r\nDi,4\r\n\r\n\r\n";
        for name in ["a.csv", "a.csv.gz"] {
            place.put(name, text);
            let read = || csv::read::<Person>(place.path(name));
            let error = place.run(|root| root.apply(read())).unwrap_err();
            assert_eq!(error, format!("`{name}`, line 5: the row has 1 column, the header has 2"));
            let people = place.run(|root| good(root.apply(read().with_errors()))).unwrap();
            assert_eq!(people, [person("A\r\nda", 36), person("Di", 4)]);
            let expected = [
                (5, 24, "Bob", "the row has 1 column, the header has 2"),
                (6, 29, "Cy,x", "column `age`: invalid digit found in string"),
            ];
            let rows = place.run(|root| bad(root.apply(read().with_errors()))).unwrap();
            assert_eq!(rows, expected.map(owned));
        }
        place.put("open.csv", "name,age\nAda,36\n\"Bob,1\n");
        let read = csv::read::<Person>(place.path("open.csv")).with_errors();
        let error = place.run(|root| good(root.apply(read))).unwrap_err();
        assert_eq!(error, "`open.csv`, line 3: a quote in the record that starts here is not closed");
        let read = csv::read::<Person>(place.path("a.csv")).delimiter(b'\n');
        let error = place.run(|root| root.apply(read)).unwrap_err();
        assert_eq!(error, "`\\n` cannot be a CSV delimiter: it is a quote, a line end or not ASCII");
    });
}

#[test]
fn a_header_that_does_not_fit_is_a_bad_row_if_it_is_alone() {
    under_schedules(|place| {
        let read = |name: &str| csv::read::<Person>(place.path(name));
        place.put("a.csv", "\nname,years\n");
        let error = place.run(|root| root.apply(read("a.csv"))).unwrap_err();
        assert_eq!(error, "`a.csv`, line 2: the header does not fit: missing field `age`");
        let rows = place.run(|root| bad(root.apply(read("a.csv").with_errors()))).unwrap();
        assert_eq!(rows, [owned((2, 1, "name,years", "the header does not fit: missing field `age`"))]);
        place.put("b.csv", "name,years\nAda,36\n");
        let rows = place.run(|root| bad(root.apply(read("b.csv").with_errors()))).unwrap();
        assert_eq!(rows, [owned((2, 11, "Ada,36", "missing field `age`"))]);
        for (name, text) in [("right.csv", "age,name\n"), ("empty.csv", "")] {
            place.put(name, text);
            assert_eq!(place.run(|root| root.apply(read(name))).unwrap(), []);
        }
    });
}

#[test]
fn a_line_that_would_be_two_is_refused() {
    under_schedules(|place| {
        let lines = ["a".to_owned(), "b\nc".to_owned()];
        let failed = place.write(&lines, |lines| lines.apply(text::write(place.path("out")))).unwrap_err();
        assert_eq!(failed, "\"b\\nc\" contains a line end and would be read back as two lines");
    });
}

#[test]
fn a_failed_run_writes_nothing() {
    under_schedules(|place| {
        place.put("in.csv", "name,age\nAda,36\nBob\n");
        fs::create_dir(place.path("out")).unwrap();
        let failed = place.execute(|root| {
            let people = root.apply(csv::read::<Person>(place.path("in.csv")));
            people.apply(json::write(place.path("out/people")).shards(2));
        });
        assert_eq!(failed.unwrap_err(), "`in.csv`, line 3: the row has 1 column, the header has 2");
        assert_eq!(fs::read_dir(place.path("out")).unwrap().count(), 0);
        let failed = place.write(&["a".to_owned()], |lines| lines.apply(text::write(place.path("none/out"))));
        assert_eq!(failed.unwrap_err(), "the output directory `none/` does not exist; create it first");
        assert_eq!(place.names(), BTreeSet::from(["in.csv".to_owned(), "out".to_owned()]));
    });
}
