//! What a certificate says: its public key, and when it counts.

use std::time::{Duration, SystemTime};

use crate::{KeyProblem, Unit, Validity};

/// The SubjectPublicKeyInfo of an X.509 certificate.
#[cfg(feature = "rsa")]
pub(crate) fn public_key(certificate: &[u8]) -> Result<Vec<u8>, KeyProblem> {
    let certificate = rustls_pki_types::CertificateDer::from(certificate);
    webpki::EndEntityCert::try_from(&certificate)
        .map(|parsed| parsed.subject_public_key_info().to_vec())
        .map_err(|_| FORM)
}

#[cfg(not(feature = "rsa"))]
pub(crate) fn public_key(_certificate: &[u8]) -> Result<Vec<u8>, KeyProblem> {
    Err(KeyProblem::NotBuilt("rsa"))
}

/// When an X.509 certificate counts; nothing else in it is looked at, its signature neither.
pub(crate) fn validity(certificate: &[u8]) -> Result<Validity, KeyProblem> {
    read(certificate).ok_or(FORM)
}

fn read(certificate: &[u8]) -> Option<Validity> {
    let mut whole = Der(Der(certificate).take(SEQUENCE)?);
    let mut signed = Der(whole.take(SEQUENCE)?);
    if signed.0.first() == Some(&VERSION) {
        signed.take(VERSION)?;
    }
    // The serial number, the algorithm, the issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        signed.take(tag)?;
    }
    let mut times = Der(signed.take(SEQUENCE)?);
    let (first, last) = (times.time()?, times.time()?);
    // It counts in all of its last second.
    Some(Validity::new(
        first,
        last.checked_add(Duration::from_secs(1))?,
    ))
}

/// What is left of a text in DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of what is next, if it has this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let rest = self.0.strip_prefix(&[tag])?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7F => (usize::from(*first), rest),
            0x81 => rest.split_at_checked(1).map(big_endian)?,
            0x82 => rest.split_at_checked(2).map(big_endian)?,
            // No certificate is that long.
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// A moment, to the second; two digits of a year are of 1950 to 2049.
    fn time(&mut self) -> Option<SystemTime> {
        let text = match self.0.first()? {
            &UTC_TIME => {
                let text = self.take(UTC_TIME)?;
                let century: &[u8] = if text.first()? < &b'5' { b"20" } else { b"19" };
                [century, text].concat()
            }
            _ => self.take(GENERALIZED_TIME)?.to_vec(),
        };
        let text: &[u8; 15] = text.as_slice().try_into().ok()?;
        let [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2, b'Z'] = *text else {
            return None;
        };
        let text = [
            y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2,
            b'Z',
        ];
        Unit::Rfc3339.read(&text)
    }
}

/// A number, and what follows it.
fn big_endian<'a>((digits, rest): (&[u8], &'a [u8])) -> (usize, &'a [u8]) {
    let number = digits.iter().fold(0_usize, |number, digit| {
        number.wrapping_mul(256).wrapping_add(usize::from(*digit))
    });
    (number, rest)
}

const FORM: KeyProblem = KeyProblem::Encoding("an X.509 certificate of version 3");

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A certificate up to its validity, which is these two times.
    fn with_times(times: [(u8, &str); 2]) -> Vec<u8> {
        let tagged = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap();
            match length {
                0..=0x7F => [&[tag, length], content].concat(),
                _ => [&[tag, 0x81, length], content].concat(),
            }
        };
        let times = times
            .map(|(tag, text)| tagged(tag, text.as_bytes()))
            .concat();
        let signed = [
            tagged(VERSION, &tagged(INTEGER, &[2])),
            tagged(INTEGER, &[1]),
            tagged(SEQUENCE, &[0; 60]),
            tagged(SEQUENCE, &[0; 40]),
            tagged(SEQUENCE, &times),
        ];
        tagged(SEQUENCE, &tagged(SEQUENCE, &signed.concat()))
    }

    fn seconds(validity: Validity) -> [u64; 2] {
        [validity.not_before(), validity.not_after()].map(|time| {
            let since = time.unwrap().duration_since(SystemTime::UNIX_EPOCH);
            since.unwrap().as_secs()
        })
    }

    #[test]
    fn a_certificate_counts_from_its_first_second_to_the_end_of_its_last() {
        let short = (UTC_TIME, "231114221320Z");
        let long = (GENERALIZED_TIME, "20500101000000Z");

        assert_eq!(
            validity(&with_times([short, long])).map(seconds),
            Ok([1_700_000_000, 2_524_608_001])
        );
        let earliest = (UTC_TIME, "700101000000Z");
        let never = (GENERALIZED_TIME, "99991231235959Z");
        assert_eq!(
            validity(&with_times([earliest, never])).map(seconds),
            Ok([0, 253_402_300_800])
        );
    }

    #[test]
    fn what_is_no_time_is_no_certificate() {
        let good = (UTC_TIME, "231114221320Z");
        for bad in [
            (UTC_TIME, "2311142213Z"),
            (UTC_TIME, "231114221320+0000"),
            (UTC_TIME, "231114221320"),
            (UTC_TIME, "20231114221320Z"),
            (UTC_TIME, "231314221320Z"),
            (UTC_TIME, "23111422132xZ"),
            (UTC_TIME, ""),
            (GENERALIZED_TIME, "231114221320Z"),
            (GENERALIZED_TIME, "20231114221320.5Z"),
            (GENERALIZED_TIME, "19491231235959Z"),
            (INTEGER, "231114221320Z"),
        ] {
            assert_eq!(validity(&with_times([bad, good])), Err(FORM), "{bad:?}");
            assert_eq!(validity(&with_times([good, bad])), Err(FORM), "{bad:?}");
        }
    }

    #[test]
    fn a_certificate_that_breaks_off_is_none() {
        let good = (UTC_TIME, "231114221320Z");
        let whole = with_times([good, good]);
        assert!(validity(&whole).is_ok());
        for length in 0..whole.len() {
            assert_eq!(validity(&whole[..length]), Err(FORM), "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at: usize, byte: u8) {
            let _ = validity(&bytes);
            let good = (UTC_TIME, "231114221320Z");
            let mut changed = with_times([good, good]);
            let at = at % changed.len();
            changed[at] = byte;
            let _ = validity(&changed);
        }
    }
}
