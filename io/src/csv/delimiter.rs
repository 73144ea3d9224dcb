/// Whether records can be told from their fields with this delimiter.
pub(crate) fn check(delimiter: u8) -> Result<(), String> {
    if delimiter.is_ascii() && !matches!(delimiter, b'"' | b'\r' | b'\n') {
        return Ok(());
    }
    Err(format!("`{}` cannot be a CSV delimiter: it is a quote, a line end or not ASCII", delimiter.escape_ascii()))
}
