//! From a pattern to the files it means.
//!
//! Only the matching of one path component is the `glob` crate's. Its directory walk leaves out names that are not UTF-8
//! and says nothing of a directory it cannot enter; a pipeline that reads less than it was told to is worse than one
//! that fails.

use super::FileError;
use glob::{MatchOptions, Pattern};
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

/// A file that a pattern means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundFile {
    /// Where it is: relative if the pattern is.
    pub path: String,
    /// How many bytes it had when it was found.
    pub size: u64,
}

/// Finds the files that `pattern` means, sorted by path.
///
/// `?` is any character, `*` any run of them, `[a-z]` one of a set, `[!a-z]` none of it; none of them crosses a path
/// separator, and none matches the dot of a hidden name. The component `**` stands for any number of directories, not
/// following symbolic links. Directories among the matches are left out. A path that exists as it is spelled is meant
/// if nothing else is, so that `data[1].txt` can be read.
///
/// # Errors
///
/// If nothing matches; if the pattern has no wildcard and is a directory; if a directory on the way cannot be read; if
/// a match is no regular file, or its name is not UTF-8.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let directory = tempfile::tempdir()?;
/// std::fs::write(directory.path().join("a.txt"), "hello\n")?;
/// let found = ferrobeam_io::files::expand(&format!("{}/*.txt", directory.path().display()))?;
/// assert_eq!((found.len(), found[0].size), (1, 6));
/// # Ok(())
/// # }
/// ```
pub fn expand(pattern: &str) -> Result<Vec<FoundFile>, FileError> {
    found(pattern, false)
}

/// The files that a pattern matches and that can be read now: what goes in this moment, a link that points nowhere and what is
/// no regular file are left out, for they may be files the next time.
///
/// # Errors
/// As [`expand`], but for that.
pub(crate) fn expand_present(pattern: &str) -> Result<Vec<FoundFile>, FileError> {
    found(pattern, true)
}

fn found(pattern: &str, only_present: bool) -> Result<Vec<FoundFile>, FileError> {
    let has_wildcard = pattern.contains(['*', '?', '[']);
    let mut paths = Vec::new();
    if has_wildcard {
        match parse(pattern) {
            Ok(parts) => walk(PathBuf::new(), &parts, &mut paths)?,
            Err(error) if !exists(Path::new(pattern)) => return Err(error),
            Err(_) => {}
        }
    }
    if paths.is_empty() && !pattern.is_empty() {
        walk(PathBuf::from(pattern), &[], &mut paths)?;
    }
    paths.sort();
    paths.dedup();
    let (mut files, mut directories) = (Vec::new(), 0);
    for path in paths {
        let metadata = match fs::metadata(&path) {
            Err(error) if only_present && error.kind() == ErrorKind::NotFound => continue,
            metadata => metadata.map_err(FileError::io("look at", &path))?,
        };
        match () {
            () if metadata.is_dir() && !has_wildcard => return Err(FileError::Directory { path }),
            () if metadata.is_dir() => directories += 1,
            () if !metadata.is_file() && only_present => {}
            () if !metadata.is_file() => return Err(FileError::NotRegular { path }),
            () => files.push(FoundFile { path: utf8(path)?, size: metadata.len() }),
        }
    }
    let pattern = pattern.to_owned();
    match (files.is_empty(), directories) {
        (false, _) => Ok(files),
        (true, 0) => Err(FileError::NoMatch { pattern }),
        (true, _) => Err(FileError::OnlyDirectories { pattern: pattern.trim_end_matches('/').to_owned() }),
    }
}

enum Part {
    Literal(PathBuf),
    Wildcard(Pattern),
    /// `**`: any number of directories.
    AnyDepth,
}

fn parse(pattern: &str) -> Result<Vec<Part>, FileError> {
    let part = |component: Component<'_>| match component.as_os_str().to_str() {
        Some("**") => Ok(Part::AnyDepth),
        Some(text) if text.contains(['*', '?', '[']) => Pattern::new(text)
            .map(Part::Wildcard)
            .map_err(|error| FileError::Pattern { pattern: pattern.to_owned(), reason: error.msg }),
        _ => Ok(Part::Literal(PathBuf::from(component.as_os_str()))),
    };
    Path::new(pattern).components().map(part).collect()
}

fn walk(base: PathBuf, parts: &[Part], found: &mut Vec<PathBuf>) -> Result<(), FileError> {
    match parts.split_first() {
        None => match fs::symlink_metadata(&base) {
            Ok(_) => found.push(base),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(FileError::io("look at", base)(error)),
        },
        Some((Part::Literal(name), rest)) => walk(base.join(name), rest, found)?,
        Some((Part::Wildcard(pattern), rest)) => {
            for entry in list(&base)? {
                let name = entry.file_name();
                if pattern.matches_with(&name.to_string_lossy(), OPTIONS) {
                    walk(base.join(name), rest, found)?;
                }
            }
        }
        Some((Part::AnyDepth, rest)) => {
            if !rest.is_empty() {
                walk(base.clone(), rest, found)?;
            }
            for entry in list(&base)? {
                let name = entry.file_name();
                let path = base.join(&name);
                let kind = entry.file_type().map_err(FileError::io("look at", &path))?;
                let is_hidden = name.as_encoded_bytes().starts_with(b".");
                if kind.is_dir() && !is_hidden {
                    walk(path, parts, found)?;
                } else if rest.is_empty() && !is_hidden {
                    found.push(path);
                }
            }
        }
    }
    Ok(())
}

const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The entries of a directory; none if it is not there or is a file, since then the pattern means nothing below it.
fn list(directory: &Path) -> Result<Vec<DirEntry>, FileError> {
    let path = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    match fs::read_dir(path).and_then(Iterator::collect) {
        Err(error) if is_absent(&error) => Ok(Vec::new()),
        entries => entries.map_err(FileError::io("list the directory", path)),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn utf8(path: PathBuf) -> Result<String, FileError> {
    path.into_os_string().into_string().map_err(|path| FileError::Name { path: path.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A directory with these files (an entry that ends in `/` is a directory), and what `pattern` means in it.
    fn directory(entries: &[&str]) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for entry in entries {
            let path = root.path().join(entry);
            if entry.ends_with('/') {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, entry).unwrap();
            }
        }
        root
    }

    fn names(root: &TempDir, pattern: &str) -> Vec<String> {
        let prefix = format!("{}/", root.path().display());
        let found = expand(&format!("{prefix}{pattern}")).unwrap();
        found.iter().map(|file| file.path.strip_prefix(&prefix).unwrap().to_owned()).collect()
    }

    fn error(root: &TempDir, pattern: &str) -> String {
        let prefix = format!("{}/", root.path().display());
        expand(&format!("{prefix}{pattern}")).unwrap_err().to_string().replace(&prefix, "")
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_file_now_is_left_out_on_request() {
        let root = directory(&["a.txt"]);
        std::os::unix::fs::symlink("nowhere", root.path().join("link.txt")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket.txt")).unwrap();
        let pattern = root.path().join("*.txt").display().to_string();
        let found = expand_present(&pattern).unwrap();
        assert_eq!((found.len(), found[0].size), (1, 5));
        assert!(expand(&pattern).is_err());
    }

    #[test]
    fn patterns_mean_files() {
        let root = directory(&["b.txt", "a.txt", "c.csv", ".hidden.txt", "x/1.txt", "x/y/2.txt", "z/", "n[1].txt"]);
        assert_eq!(names(&root, "a.txt"), ["a.txt"]);
        assert_eq!(names(&root, "?.txt"), ["a.txt", "b.txt"]);
        assert_eq!(names(&root, "[!a].*"), ["b.txt", "c.csv"]);
        assert_eq!(names(&root, "*"), ["a.txt", "b.txt", "c.csv", "n[1].txt"]);
        assert_eq!(names(&root, "*/*.txt"), ["x/1.txt"]);
        assert_eq!(names(&root, "**/*.txt"), ["a.txt", "b.txt", "n[1].txt", "x/1.txt", "x/y/2.txt"]);
        assert_eq!(names(&root, "x/**"), ["x/1.txt", "x/y/2.txt"]);
        assert_eq!(names(&root, ".hid*"), [".hidden.txt"]);
        assert_eq!(names(&root, "n[1].txt"), ["n[1].txt"]);
        assert_eq!(names(&root, "x/../a.txt"), ["x/../a.txt"]);
    }

    #[test]
    fn errors_say_what_to_do() {
        let root = directory(&["a.txt", "x/y/", "x/z/"]);
        assert_eq!(error(&root, "*.csv"), "no file matches `*.csv`");
        assert_eq!(error(&root, "b.txt"), "no file matches `b.txt`");
        assert_eq!(error(&root, "nowhere/*"), "no file matches `nowhere/*`");
        assert_eq!(error(&root, "a.txt/*"), "no file matches `a.txt/*`");
        assert_eq!(error(&root, "x"), "`x` is a directory; to read the files in it, write `x/*`");
        assert_eq!(error(&root, "x/*"), "no file matches `x/*`: only directories do; the files in them are `x/*/*`");
        assert_eq!(error(&root, "[a"), "`[a` is not a valid pattern: invalid range pattern");
        assert_eq!(expand("").unwrap_err().to_string(), "no file matches ``");
    }

    #[cfg(unix)]
    #[test]
    fn what_cannot_be_read_is_an_error() {
        use std::os::unix::{ffi::OsStrExt, fs::symlink};
        let root = directory(&["data/"]);
        symlink("loop", root.path().join("loop")).unwrap();
        assert!(error(&root, "loop/*").starts_with("cannot list the directory `loop`: "));
        assert!(error(&root, "loop/a").starts_with("cannot look at `loop/a`: "));
        symlink("nothing", root.path().join("data/broken")).unwrap();
        assert!(error(&root, "data/*").starts_with("cannot look at `data/broken`: "));
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9.txt");
        fs::write(root.path().join("data").join(name), "").unwrap();
        assert_eq!(error(&root, "data/c*"), "the file name `data/caf\u{fffd}.txt` is not UTF-8");
        let _listener = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
        assert_eq!(error(&root, "socket"), "`socket` is not a regular file");
    }

    /// Runs itself again as another user if this one may read everything.
    #[cfg(unix)]
    #[test]
    fn a_directory_without_permission_is_an_error() {
        use std::os::unix::{fs::PermissionsExt, process::CommandExt};
        const NOBODY: u32 = 65534;
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let root = directory(&["locked/a.txt"]);
        let locked = root.path().join("locked");
        mode(&locked, 0);
        if fs::read_dir(&locked).is_err() {
            for pattern in ["locked/*", "*/*", "**/*.txt"] {
                assert!(error(&root, pattern).starts_with("cannot list the directory `locked`: "), "{pattern}");
            }
            assert!(error(&root, "locked/a.txt").starts_with("cannot look at `locked/a.txt`: "));
        } else {
            assert!(std::env::var_os("AS_NOBODY").is_none(), "`nobody` may read a directory of mode 0");
            mode(root.path(), 0o777);
            let binary = root.path().join("test");
            fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
            let test = "files::glob::tests::a_directory_without_permission_is_an_error";
            let mut command = std::process::Command::new(&binary);
            command.args(["--exact", test]).env("AS_NOBODY", "1").env("TMPDIR", root.path());
            let output = command.current_dir("/").uid(NOBODY).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.contains("1 passed"), "{text}");
        }
        mode(&locked, 0o700);
    }
}
