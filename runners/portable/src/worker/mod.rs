//! How workers come to be: in this process, or in others that an engine starts. The program is always the same.

mod arguments;
mod boot;
mod child_pool;
pub(crate) mod pool;
mod provision;
mod role;
pub(crate) mod trial;

pub use role::Role;

use std::collections::BTreeMap;

/// The environment variables of an engine's command, which may be to fetch the staged program though it could work itself.
pub(crate) fn variables(is_boot: bool, is_here: bool) -> BTreeMap<String, String> {
    let role = is_boot.then(|| (arguments::ROLE.to_owned(), arguments::BOOT.to_owned()));
    let directory = std::env::current_dir().ok().filter(|_| is_here);
    let directory = directory.map(|path| (arguments::DIRECTORY.to_owned(), path.display().to_string()));
    role.into_iter().chain(directory).collect()
}
