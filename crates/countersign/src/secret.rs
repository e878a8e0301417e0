//! Bytes that must not be printed, compared carelessly or left in memory.

use std::fmt;

use zeroize::Zeroizing;

/// A secret as its owner wrote it.
///
/// It is wiped when dropped, prints as `Secret(..)`, and has no `==`: comparing secrets byte by byte
/// tells an onlooker how far a guess was right.
///
/// ```compile_fail
/// # use countersign::Secret;
/// assert!(Secret::new("a") == Secret::new("a"));
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Takes over what a file holds, without the one line ending that editors add.
    ///
    /// The second value says whether a line ending was removed, so that the caller can mention it.
    pub fn from_file_text(bytes: impl Into<Vec<u8>>) -> (Self, bool) {
        let mut bytes = Zeroizing::new(bytes.into());
        let trimmed = bytes.pop_if(|last| *last == b'\n').is_some();
        if trimmed {
            bytes.pop_if(|last| *last == b'\r');
        }
        (Self(bytes), trimmed)
    }

    /// The bytes, for the one who has to use them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_print_its_bytes() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(..)");
    }

    #[test]
    fn exactly_one_line_ending_of_a_file_is_removed() {
        for (text, left, trimmed) in [
            ("abc", "abc", false),
            ("abc\n", "abc", true),
            ("abc\r\n", "abc", true),
            ("abc\n\n", "abc\n", true),
            ("abc\r", "abc\r", false),
            (" abc \n", " abc ", true),
            ("\n", "", true),
        ] {
            let (secret, told) = Secret::from_file_text(text);
            assert_eq!(
                (secret.expose(), told),
                (left.as_bytes(), trimmed),
                "{text:?}"
            );
        }
    }
}
