//! The file that holds how far a directory was read.

use super::position::{Directory, Position};
use crate::files::FileError;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Contents {
    files: Vec<Position>,
}

/// A positions file. It is replaced as a whole, by a rename.
#[derive(Clone, Debug)]
pub(crate) struct Positions {
    pub(crate) path: PathBuf,
}

impl Positions {
    /// What was read by the runs before; nothing if the file does not exist.
    ///
    /// # Errors
    /// It cannot be read, or is no positions file.
    pub(crate) fn load(&self) -> Result<Vec<Position>, FileError> {
        let text = match fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            text => text.map_err(FileError::io("read", &self.path))?,
        };
        let contents: Contents = serde_json::from_slice(&text)
            .map_err(|error| FileError::io("read the positions in", &self.path)(io::Error::other(error)))?;
        Ok(contents.files)
    }

    /// # Errors
    /// It cannot be written.
    pub(crate) fn save(&self, directory: &Directory) -> Result<(), FileError> {
        let contents = Contents { files: directory.files().to_vec() };
        let mut name = self.path.as_os_str().to_owned();
        name.push(".tmp");
        let fresh = PathBuf::from(name);
        let text = serde_json::to_vec(&contents)
            .map_err(|error| FileError::io("write", &self.path)(io::Error::other(error)))?;
        fs::write(&fresh, text).map_err(FileError::io("write", &fresh))?;
        fs::rename(&fresh, &self.path).map_err(FileError::io("write", &self.path))
    }
}
