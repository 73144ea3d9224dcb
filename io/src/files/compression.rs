use bzip2::{bufread::MultiBzDecoder, write::BzEncoder};
use flate2::{bufread::MultiGzDecoder, write::GzEncoder};
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

/// How the bytes of a file are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
    /// One stream or several.
    Bzip2,
}

impl Compression {
    /// The compression that the extension of `path` stands for: `.gz`, `.zst`, `.bz2`, in either case; else none.
    ///
    /// ```
    /// use ferrobeam_io::files::Compression;
    /// assert_eq!(Compression::of("logs/today.txt.gz"), Compression::Gzip);
    /// assert_eq!(Compression::of("today.txt"), Compression::None);
    /// ```
    pub fn of(path: impl AsRef<Path>) -> Compression {
        let extension = path.as_ref().extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("gz") => Compression::Gzip,
            Some("zst") => Compression::Zstd,
            Some("bz2") => Compression::Bzip2,
            _ => Compression::None,
        }
    }

    /// The decompressed bytes of `packed`; an end inside a stream is an error.
    pub(crate) fn decode(self, packed: impl BufRead + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
        let mut packed = packed;
        if self != Compression::None && packed.fill_buf()?.is_empty() {
            // A stream has a header even if nothing follows; some decoders let this pass.
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is empty"));
        }
        Ok(match self {
            Compression::None => Box::new(packed),
            Compression::Gzip => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(packed))),
            Compression::Zstd => {
                Box::new(BufReader::with_capacity(BUFFER, zstd::stream::read::Decoder::with_buffer(packed)?))
            }
            Compression::Bzip2 => Box::new(BufReader::with_capacity(BUFFER, MultiBzDecoder::new(packed))),
        })
    }

    /// Packs what is written to it into `out`.
    pub(crate) fn encode<W: Write>(self, out: W) -> io::Result<Encoder<W>> {
        Ok(match self {
            Compression::None => Encoder::Plain(out),
            Compression::Gzip => Encoder::Gzip(GzEncoder::new(out, flate2::Compression::default())),
            Compression::Zstd => Encoder::Zstd(zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?),
            Compression::Bzip2 => Encoder::Bzip2(BzEncoder::new(out, bzip2::Compression::default())),
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compression::None => "plain",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Bzip2 => "bzip2",
        })
    }
}

/// Bytes asked of the operating system, and of a decoder, at a time.
pub(crate) const BUFFER: usize = 64 << 10;

/// A compressing writer. It must be finished: dropped, it leaves a stream that ends too early.
pub(crate) enum Encoder<W: Write> {
    Plain(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
    Bzip2(BzEncoder<W>),
}

impl<W: Write> Encoder<W> {
    /// Writes what is still held back and the end of the stream.
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Encoder::Plain(out) => Ok(out),
            Encoder::Gzip(out) => out.finish(),
            Encoder::Zstd(out) => out.finish(),
            Encoder::Bzip2(out) => out.finish(),
        }
    }

    fn as_write(&mut self) -> &mut dyn Write {
        match self {
            Encoder::Plain(out) => out,
            Encoder::Gzip(out) => out,
            Encoder::Zstd(out) => out,
            Encoder::Bzip2(out) => out,
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.as_write().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.as_write().flush()
    }
}
