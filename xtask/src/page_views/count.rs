//! What `page_views` has counted, and what it should have.

use crate::Failure;
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// A minute, as `2026-11-21T01:02`, and a page; `null` for all.
type Place = (String, String);

/// Views and visitors of each place.
pub(super) type Counts = BTreeMap<Place, (u64, u64)>;

/// The last pane of each place.
pub(super) type Last = BTreeMap<Place, Pane>;

/// What a pane says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pane {
    index: u64,
    views: u64,
    visitors: u64,
    about: u64,
}

/// Counts the lines of all files of a directory.
pub(super) fn plain(logs: &Path) -> Result<Counts, Failure> {
    let mut all: BTreeMap<Place, (u64, HashSet<u32>)> = BTreeMap::new();
    for path in files(logs, "")? {
        lines(&path, |line| {
            let user = field(line, "openid")?.strip_prefix('u')?.parse().ok()?;
            let (minute, page) = (field(line, "ctime")?.get(..16)?.to_owned(), field(line, "page")?);
            for page in [page, "null"] {
                let (views, visitors) = all.entry((minute.clone(), page.to_owned())).or_default();
                *views += 1;
                visitors.insert(user);
            }
            Some(())
        })?;
    }
    Ok(all.into_iter().map(|(place, (views, visitors))| (place, (views, visitors.len() as u64))).collect())
}

/// The last panes in the files whose names begin with a run's name.
pub(super) fn last_panes(folder: &Path, run: &str) -> Result<Last, Failure> {
    let mut last = Last::new();
    for path in files(folder, &format!("{run}-"))? {
        lines(&path, |line| {
            let number = |name| field(line, name)?.parse::<u64>().ok();
            let place = (field(line, "window_start")?.get(..16)?.to_owned(), field(line, "page")?.to_owned());
            let pane = Pane {
                index: number("index")?,
                views: number("pv")?,
                visitors: number("uv")?,
                about: number("uv_approx")?,
            };
            let known = last.entry(place).or_insert(pane);
            if known.index < pane.index {
                *known = pane;
            }
            Some(())
        })?;
    }
    Ok(last)
}

/// Compares one run's last panes with a plain count, and says what was seen.
///
/// # Errors
/// A place has another count, or one that should be about the number of visitors is more than 2 % off.
pub(super) fn compare(expected: &Counts, last: &Last) -> Result<String, Failure> {
    let found: Counts = last.iter().map(|(place, pane)| (place.clone(), (pane.views, pane.visitors))).collect();
    same(expected, &found)?;
    let off = |pane: &Pane| pane.about.abs_diff(pane.visitors) as f64 / pane.visitors.max(1) as f64;
    let most = last.values().map(off).fold(0.0, f64::max);
    if most > 0.02 {
        return Err(format!("`uv_approx` is up to {:.2} % off", most * 100.0));
    }
    let (places, percent) = (last.len(), most * 100.0);
    Ok(format!(
        "{places} minutes and pages: `pv` and `uv` are those of a plain count, `uv_approx` within {percent:.2} %"
    ))
}

/// Compares the views of runs that followed each other with a plain count.
///
/// # Errors
/// They come to another sum.
pub(super) fn compare_sums(expected: &Counts, runs: &[Last]) -> Result<String, Failure> {
    let mut found = Counts::new();
    for (place, pane) in runs.iter().flatten() {
        found.entry(place.clone()).or_default().0 += pane.views;
    }
    let expected: Counts = expected.iter().map(|(place, (views, _))| (place.clone(), (*views, 0))).collect();
    same(&expected, &found)?;
    let both = runs[0].keys().filter(|place| runs[1..].iter().any(|run| run.contains_key(*place))).count();
    Ok(format!(
        "{} minutes and pages: the runs' `pv` come to those of a plain count ({both} are of two runs)",
        found.len()
    ))
}

fn same(expected: &Counts, found: &Counts) -> Result<(), Failure> {
    let all = expected.keys().chain(found.keys().filter(|place| !expected.contains_key(*place)));
    let wrong: Vec<_> = all.filter(|place| expected.get(*place) != found.get(*place)).collect();
    let Some(first) = wrong.first() else { return Ok(()) };
    let (expected_first, found_first) = (expected.get(*first), found.get(*first));
    Err(format!(
        "{} of {} minutes and pages are wrong, {first:?} among them: {found_first:?} and not {expected_first:?}",
        wrong.len(),
        expected.len()
    ))
}

/// How many bytes the files of a directory have.
pub(super) fn size(directory: &Path) -> Result<u64, Failure> {
    let sizes = files(directory, "")?.into_iter().map(|path| fs::metadata(&path).map(|file| file.len()));
    sizes.sum::<Result<u64, _>>().map_err(|e| format!("{}: {e}", directory.display()))
}

fn files(directory: &Path, begins: &str) -> Result<Vec<PathBuf>, Failure> {
    let at = |e: std::io::Error| format!("{}: {e}", directory.display());
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).map_err(at)? {
        let path = entry.map_err(at)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(begins) && name.ends_with(".jsonl") {
            all.push(path);
        }
    }
    Ok(all)
}

fn lines(path: &Path, mut each: impl FnMut(&str) -> Option<()>) -> Result<(), Failure> {
    let at = |e: std::io::Error| format!("{}: {e}", path.display());
    for line in BufReader::new(File::open(path).map_err(at)?).lines() {
        let line = line.map_err(at)?;
        each(&line).ok_or_else(|| format!("{}: what is `{line}`?", path.display()))?;
    }
    Ok(())
}

/// A field of a line that one of the two programs wrote: what stands there without its quotes.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.split_once(&format!("\"{name}\":"))?.1;
    match rest.strip_prefix('"') {
        Some(text) => text.split('"').next(),
        None => rest.split([',', '}']).next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_seen() {
        let place = |page: &str| ("2026-11-21T00:00".to_owned(), page.to_owned());
        let pane = |views, visitors, about| Pane { index: 0, views, visitors, about };
        let expected = Counts::from([(place("/a"), (3, 100)), (place("null"), (3, 100))]);
        let last = |a, all| Last::from([(place("/a"), a), (place("null"), all)]);
        let good = pane(3, 100, 101);
        assert!(compare(&expected, &last(good, good)).unwrap().contains("within 1.00 %"));
        assert!(compare(&expected, &last(good, pane(3, 99, 99))).unwrap_err().contains("1 of 2"));
        assert!(compare(&expected, &last(good, pane(3, 100, 103))).unwrap_err().contains("3.00 % off"));
        let half = |views| Last::from([(place("/a"), pane(views, 1, 1)), (place("null"), pane(views, 1, 1))]);
        assert!(compare_sums(&expected, &[half(1), half(2)]).unwrap().contains("(2 are of two runs)"));
        assert!(compare_sums(&expected, &[half(1), half(1)]).unwrap_err().contains("2 of 2"));
    }

    #[test]
    fn fields_are_found() {
        let line = r#"{"openid":"u7","page":null,"pv":12,"index":3}"#;
        let found = ["openid", "page", "pv", "index", "none"].map(|name| field(line, name));
        assert_eq!(found, [Some("u7"), Some("null"), Some("12"), Some("3"), None]);
    }
}
