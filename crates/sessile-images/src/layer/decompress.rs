//! gzip, zstd, or neither.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::BlockDecodingStrategy::UptoBytes;
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

/// How a layer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// One or more gzip members (RFC 1952).
    Gzip,
    /// One or more frames (RFC 8878), with a window of 100 MiB at most.
    Zstd,
}

impl Compression {
    /// From the media type of a layer; `None` for what is no layer that can be unpacked.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        match media_type {
            "application/vnd.oci.image.layer.v1.tar"
            | "application/vnd.oci.image.layer.nondistributable.v1.tar"
            | "application/vnd.docker.image.rootfs.diff.tar" => Some(Self::None),
            "application/vnd.oci.image.layer.v1.tar+gzip"
            | "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
            | "application/vnd.docker.image.rootfs.diff.tar.gzip" => Some(Self::Gzip),
            "application/vnd.oci.image.layer.v1.tar+zstd"
            | "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
            | "application/vnd.docker.image.rootfs.diff.tar.zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// A layer as it was before it was compressed.
pub enum Decompressed<R: Read> {
    /// As it is.
    Plain(R),
    /// gzip.
    Gzip(MultiGzDecoder<BufReader<R>>),
    /// zstd.
    Zstd(Frames<R>),
}

impl<R: Read> Decompressed<R> {
    /// Reads `source`.
    pub fn new(source: R, compression: Compression) -> Self {
        match compression {
            Compression::None => Self::Plain(source),
            Compression::Gzip => Self::Gzip(MultiGzDecoder::new(BufReader::with_capacity(64 << 10, source))),
            Compression::Zstd => Self::Zstd(Frames {
                source: BufReader::with_capacity(64 << 10, source),
                decoder: Box::default(),
                in_frame: false,
            }),
        }
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(into),
            Self::Gzip(source) => source.read(into),
            Self::Zstd(source) => source.read(into),
        }
    }
}

/// Frames one behind the other: what pzstd and `zstd:chunked` write. Frames to be skipped are.
pub struct Frames<R: Read> {
    source: BufReader<R>,
    decoder: Box<FrameDecoder>,
    in_frame: bool,
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame {
                if self.source.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                match self.decoder.init(&mut self.source) {
                    Ok(()) => self.in_frame = true,
                    Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                        length, ..
                    })) => {
                        let skipped = io::copy(&mut (&mut self.source).take(u64::from(length)), &mut io::sink())?;
                        if skipped < u64::from(length) {
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                        continue;
                    }
                    Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
                }
            }
            let read = self.read_frame(into)?;
            if read > 0 {
                return Ok(read);
            }
            self.in_frame = false;
        }
    }
}

impl<R: Read> Frames<R> {
    fn read_frame(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() < into.len() && !self.decoder.is_finished() {
            let more = into.len() - self.decoder.can_collect();
            let decoded = self.decoder.decode_blocks(&mut self.source, UptoBytes(more));
            decoded.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
        self.decoder.read(into)
    }
}

#[cfg(test)]
mod tests;
