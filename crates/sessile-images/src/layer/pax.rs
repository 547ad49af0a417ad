//! Extended headers (POSIX pax, "pax Extended Header"): records of `LENGTH KEY=VALUE\n`, where the length counts itself.

use super::LayerError;

/// What of an extended header matters here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<u64>,
    /// Whether it has extended attributes, which are left out.
    pub(super) has_attributes: bool,
}

const MALFORMED: LayerError = LayerError::Malformed("an extended header has a record of the wrong length");

impl Pax {
    /// Reads the records. Values may hold any bytes, line ends too.
    pub(super) fn parse(mut data: &[u8]) -> Result<Self, LayerError> {
        let mut pax = Self::default();
        while !data.is_empty() {
            let digits = data.iter().position(|byte| *byte == b' ').ok_or(MALFORMED)?;
            let length = data.get(..digits).and_then(number).ok_or(MALFORMED)?;
            let length = usize::try_from(length).map_err(|_| MALFORMED)?;
            let record = data.get(digits + 1..length).ok_or(MALFORMED)?;
            let record = record.strip_suffix(b"\n").ok_or(MALFORMED)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(MALFORMED)?;
            let (key, value) = record.split_at(equals);
            pax.set(key, value.get(1..).unwrap_or_default())?;
            data = data.get(length..).unwrap_or_default();
        }
        Ok(pax)
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), LayerError> {
        let whole = || number(value).ok_or(LayerError::Malformed("an extended header has a number that is none"));
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(whole()?),
            b"uid" => self.uid = Some(whole()?),
            b"gid" => self.gid = Some(whole()?),
            // Seconds with a fraction; before 1970 counts as 1970.
            b"mtime" => self.mtime = value.split(|byte| *byte == b'.').next().and_then(number).or(Some(0)),
            _ if key.starts_with(b"GNU.sparse.") => {
                return Err(LayerError::Unsupported("it holds a sparse file; make the layer without `tar --sparse`"));
            }
            _ => self.has_attributes |= key.starts_with(b"SCHILY.xattr.") || key.starts_with(b"LIBARCHIVE.xattr."),
        }
        Ok(())
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Pax;

    #[test]
    fn records_are_read_by_their_length() {
        let pax = Pax::parse(b"12 path=a\nb\n16 size=12345678\n20 mtime=17.5000000\n").unwrap_err();
        assert!(pax.to_string().contains("wrong length"), "{pax}");
        let pax = Pax::parse(b"12 path=a\nb\n17 size=12345678\n14 mtime=17.5\n").unwrap();
        assert_eq!((pax.path.as_deref(), pax.size, pax.mtime), (Some(b"a\nb".as_slice()), Some(12_345_678), Some(17)));
    }

    #[test]
    fn records_that_lie_are_refused() {
        for bad in
            ["x", "9999 a=b\n", "3 a=b\n", "0 a=b\n", "6 abc\n", " a=b\n", "-1 a=b\n", "12 size=-100\n", "6 a=bc", "2 "]
        {
            assert!(Pax::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
