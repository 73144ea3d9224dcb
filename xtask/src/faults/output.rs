//! What `event_sums` writes, and what it should have written.

use crate::Failure;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

// As in the program.
const PARTS: u64 = 4;
const KEYS: u64 = 7;
const SHARDS: u64 = 2;
const WINDOW: u64 = 5000;
const INTERVAL: u64 = 100;

/// How many files there are.
pub(crate) fn count(directory: &Path) -> Result<usize, Failure> {
    Ok(names(directory)?.len())
}

/// Compares all files with what they should be, and says how much that was. Windows that are over are there without a gap, and
/// in each the last pane of every key is exact, and so is what the step with state says.
pub(crate) fn check(directory: &Path, events: u64) -> Result<String, Failure> {
    let mut found = BTreeSet::new();
    let mut panes = 0;
    for name in names(directory)? {
        let path = directory.join(&name);
        let (window, shard) = place(&name).ok_or_else(|| format!("{}: what is this?", path.display()))?;
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        panes += check_file(&text, window, shard, events).map_err(|why| format!("{}: {why}", path.display()))?;
        if !found.insert((window, shard)) {
            return Err(format!("{}: there is another file of this window and shard", path.display()));
        }
    }
    let Some((last, _)) = found.last().copied() else { return Err("there are no files".to_owned()) };
    for window in (0..last).step_by(WINDOW as usize) {
        if let Some(shard) = (0..SHARDS).find(|shard| !found.contains(&(window, *shard))) {
            return Err(format!("shard {shard} of the window from {window} on is not there, but later ones are"));
        }
    }
    Ok(format!(
        "{} files of {} windows hold {panes} panes, and the last ones are exact",
        found.len(),
        last / WINDOW + 1
    ))
}

fn names(directory: &Path) -> Result<Vec<String>, Failure> {
    let at = |e: std::io::Error| format!("{}: {e}", directory.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(at)? {
        let name = entry.map_err(at)?.file_name().to_string_lossy().into_owned();
        // What begins so is not committed.
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    Ok(names)
}

/// Window and shard of `sums-START-SHARD-00000-of-00001.txt`.
fn place(name: &str) -> Option<(u64, u64)> {
    let (start, shard) = name.strip_prefix("sums-")?.strip_suffix("-00000-of-00001.txt")?.split_once('-')?;
    Some((start.parse().ok()?, shard.parse().ok()?))
}

/// Gives how many panes there are.
fn check_file(text: &str, window: u64, shard: u64, events: u64) -> Result<usize, Failure> {
    let mut panes: BTreeMap<u64, BTreeMap<Option<u64>, (u64, u64)>> = BTreeMap::new();
    for line in text.lines() {
        let (key, pane, count, sum) = parse(line).ok_or_else(|| format!("`{line}`: what is this?"))?;
        if panes.entry(key).or_default().insert(pane, (count, sum)).is_some() {
            return Err(format!("`{line}`: this pane is there twice"));
        }
    }
    let expected = expected(window, shard, events);
    if !panes.keys().eq(expected.keys()) {
        return Err(format!("has the keys {:?}", panes.keys()));
    }
    for (key, panes) in &panes {
        // None is less than all that are numbers.
        let (by_state, last) = (panes.get(&None), panes.last_key_value().filter(|(pane, _)| pane.is_some()));
        let expected = &expected[key];
        if by_state != Some(expected) || last.map(|(_, pane)| pane) != Some(expected) {
            return Err(format!("key {key} should come to {expected:?}: last pane {last:?}, by state {by_state:?}"));
        }
    }
    Ok(panes.values().map(BTreeMap::len).sum())
}

/// `key,pane,events,sum`; the pane is a number or `state`.
fn parse(line: &str) -> Option<(u64, Option<u64>, u64, u64)> {
    let mut fields = line.split(',');
    let key = fields.next()?.parse().ok()?;
    let pane = match fields.next()? {
        "state" => None,
        number => Some(number.parse().ok()?),
    };
    let (count, sum) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    fields.next().is_none().then_some((key, pane, count, sum))
}

/// How many events each key of a shard has in a window, and their sum.
fn expected(window: u64, shard: u64, events: u64) -> BTreeMap<u64, (u64, u64)> {
    let mut expected = BTreeMap::new();
    for part in 0..PARTS {
        for i in (window / INTERVAL..(window + WINDOW) / INTERVAL).filter(|i| *i < events) {
            let event = part * events + i;
            if event % KEYS % SHARDS == shard {
                let (count, sum) = expected.entry(event % KEYS).or_insert((0, 0));
                *count += 1;
                *sum += event;
            }
        }
    }
    expected
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as it should be.
    fn good(window: u64, shard: u64) -> String {
        let line = |(key, (count, sum)): (&u64, &(u64, u64))| {
            format!("{key},1,{count},{sum}\n{key},0,1,{key}\n{key},state,{count},{sum}\n")
        };
        expected(window, shard, 1000).iter().map(line).collect()
    }

    #[test]
    fn mistakes_are_seen() {
        let good = good(5000, 1);
        let told = |text: &str| check_file(text, 5000, 1, 1000);
        assert_eq!(told(&good), Ok(9));
        assert!(told(&good.replace(",1,28,", ",1,27,")).unwrap_err().contains("should come to"));
        assert!(told(&good.replace(",state,", ",2,")).unwrap_err().contains("by state None"));
        let line = good.lines().next().unwrap();
        assert!(told(&format!("{good}{line}\n")).unwrap_err().contains("twice"));
        assert!(told(&format!("{good}4,0,1,1\n")).unwrap_err().contains("has the keys"));
        assert!(told(&format!("{good}1,0\n")).unwrap_err().contains("what is this"));
    }

    #[test]
    fn gaps_are_seen() {
        let directory = std::env::temp_dir().join(format!("ferrobeam-faults-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let write = |window, shard| {
            let name = format!("sums-{window:010}-{shard}-00000-of-00001.txt");
            fs::write(directory.join(name), good(window, shard)).unwrap();
        };
        (0..2).for_each(|shard| write(0, shard));
        write(5000, 1);
        let all = check(&directory, 1000).unwrap();
        assert!(all.starts_with("3 files of 2 windows"), "{all}");
        fs::remove_file(directory.join("sums-0000000000-1-00000-of-00001.txt")).unwrap();
        let gap = check(&directory, 1000).unwrap_err();
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(gap, "shard 1 of the window from 0 on is not there, but later ones are");
    }
}
