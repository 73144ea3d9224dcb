use super::source::CsvSource;
use crate::bad_row::{BadRow, Strict, WithErrors, split_rows};
use crate::file_range::Files;
use ferrobeam_core::{Element, PCollection, PTransform, Root};
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// Reads a value of each record of the files that `pattern` means.
///
/// Fields are matched to the fields of `T` by the names in the first record, or by their places if
/// [`Read::has_headers`] is false. Quoted fields may hold line ends; empty lines are no records. Files are found and
/// decompressed as by [`crate::text::read`], but a file is read by one worker, since only its start tells which line
/// ends are inside quotes.
///
/// A run fails as with [`crate::text::read`]; if a quote is not closed; and if a record has more or fewer fields than
/// the first one or its fields are not those of a `T`, unless [`Read::with_errors`] is asked for. A first record that
/// has no rows below it counts as such a record if a field of `T` is missing in it.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// use ferrobeam_io::csv;
/// Root::build(|root| {
///     let people = root.apply(csv::read::<(String, u32)>("people.csv").delimiter(b';'));
///     people.filter(|(_, age)| *age >= 18).apply(csv::write("adults"));
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn read<T: Element + DeserializeOwned>(pattern: impl Into<String>) -> Read<T> {
    Read { files: Files::new(pattern.into()), delimiter: b',', has_headers: true, of: PhantomData }
}

/// The transform that [`read()`] makes.
#[derive(Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct Read<T> {
    files: Files,
    delimiter: u8,
    has_headers: bool,
    of: PhantomData<fn() -> T>,
}

impl<T> Read<T> {
    /// What stands between fields: a comma unless set.
    pub fn delimiter(self, delimiter: u8) -> Self {
        Read { delimiter, ..self }
    }

    /// Whether the first record of each file holds the names of the columns, which it does unless set.
    pub fn has_headers(self, has_headers: bool) -> Self {
        Read { has_headers, ..self }
    }

    /// The number of bytes that a record may have (64 MiB unless set); a longer one fails the run.
    pub fn longest_record(self, bytes: u64) -> Self {
        Read { files: Files { longest: Some(bytes), ..self.files }, ..self }
    }

    /// Gives the records that cannot be read as a second collection, instead of failing.
    pub fn with_errors(self) -> ReadWithErrors<T> {
        ReadWithErrors { read: self }
    }

    fn source<P>(self) -> CsvSource<T, P> {
        let Read { files, delimiter, has_headers, .. } = self;
        CsvSource { files, delimiter, has_headers, of: PhantomData }
    }
}

impl<T: Element + DeserializeOwned> PTransform<&Root> for Read<T> {
    type Output = PCollection<T>;

    fn name(&self) -> String {
        "ReadCsv".to_owned()
    }

    #[track_caller]
    fn expand(self, root: &Root) -> PCollection<T> {
        root.read(self.source::<Strict>())
    }
}

/// The transform that [`Read::with_errors`] makes: the values, and the records that are none.
#[derive(Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct ReadWithErrors<T> {
    read: Read<T>,
}

impl<T: Element + DeserializeOwned> PTransform<&Root> for ReadWithErrors<T> {
    type Output = (PCollection<T>, PCollection<BadRow>);

    fn name(&self) -> String {
        "ReadCsv".to_owned()
    }

    #[track_caller]
    fn expand(self, root: &Root) -> Self::Output {
        split_rows(&root.read(self.read.source::<WithErrors>()))
    }
}
