//! The bytes that the text of a key stands for.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::encoding::{decode_base64_key, decode_hex_key};
use crate::json::{Document, Pointer};
use crate::mac;
use crate::scheme::{KeyEncoding, KeyForm};
use crate::{KeyProblem, Validity};

/// What a signature is made with or verified with.
#[derive(Clone)]
pub(crate) struct Material {
    /// The name under which tokens refer to it.
    pub(crate) name: Option<String>,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// When it counts, where it is of a certificate.
    pub(crate) validity: Validity,
}

/// Reads what is fetched: a public key in PEM, or a set of JSON Web Keys.
pub(crate) fn read_public(text: &[u8]) -> Result<Vec<Material>, KeyProblem> {
    let form = KeyForm {
        encoding: KeyEncoding::Public,
        ..KeyForm::default()
    };
    read(&form, text, text)
}

/// The public key of a certificate in DER, for as long as the certificate counts.
pub(crate) fn read_certificate(der: &[u8]) -> Result<Material, KeyProblem> {
    let bytes = mac::certificate::public_key(der)?;
    Ok(Material {
        validity: Validity::of_certificate(der)?,
        ..Material::of(bytes)
    })
}

/// Decodes a key of which `text` is without its prefix; a set of JSON Web Keys is several.
pub(crate) fn read(form: &KeyForm, text: &[u8], whole: &[u8]) -> Result<Vec<Material>, KeyProblem> {
    // What is nothing but blanks was left out by whoever filled it in.
    if text.trim_ascii().is_empty() {
        return Err(KeyProblem::Empty);
    }
    let bytes = match form.encoding {
        KeyEncoding::Base64 => decode_base64_key(text).ok_or("base64"),
        KeyEncoding::Base64OrText => return Ok(base64_or_text(text, whole)),
        KeyEncoding::Hex => decode_hex_key(text).ok_or("hex digits"),
        KeyEncoding::Html => Ok(html(text)),
        KeyEncoding::Public if text.trim_ascii_start().starts_with(b"{") => return jwk(text),
        KeyEncoding::Public => return Ok(vec![pem(text)?]),
        KeyEncoding::Sha1 => Ok(mac::sha1(text).to_vec()),
        KeyEncoding::Text => Ok(text.to_vec()),
    };
    let bytes = bytes.map_err(KeyProblem::Encoding)?;
    match form.length {
        Some(length) if bytes.len() != length => Err(KeyProblem::Length {
            wanted: length,
            found: bytes.len(),
        }),
        _ => Ok(vec![Material::of(bytes)]),
    }
}

impl Material {
    /// What has no name and counts always.
    fn of(bytes: Vec<u8>) -> Self {
        Self {
            name: None,
            bytes: Zeroizing::new(bytes),
            validity: Validity::default(),
        }
    }
}

/// Both readings of a text, that which is likelier first.
fn base64_or_text(text: &[u8], whole: &[u8]) -> Vec<Material> {
    let decoded = decode_base64_key(text).filter(|bytes| !bytes.is_empty());
    let mut readings = vec![whole.to_vec()];
    readings.extend(decoded);
    if text.len() < whole.len() {
        readings.reverse();
    }
    readings.into_iter().map(Material::of).collect()
}

/// The text with each HTML entity of markup replaced once, as WordPress does it.
fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let (byte, after) = entity(rest).unwrap_or((*byte, after));
        out.push(byte);
        rest = after;
    }
    out
}

/// The character that the entity at the beginning stands for, and what follows it.
fn entity(text: &[u8]) -> Option<(u8, &[u8])> {
    let text = text.strip_prefix(b"&")?;
    let end = text.iter().position(|byte| *byte == b';')?;
    let (name, after) = (text.get(..end)?, text.get(end.saturating_add(1)..)?);
    let byte = match name {
        b"amp" => b'&',
        b"gt" => b'>',
        b"lt" => b'<',
        b"quot" => b'"',
        // Of the angle brackets it knows no hex.
        [b'#', b'x' | b'X', digits @ ..] => match bare(digits) {
            b"22" => b'"',
            b"26" => b'&',
            b"27" => b'\'',
            _ => return None,
        },
        [b'#', digits @ ..] => match bare(digits) {
            b"34" => b'"',
            b"38" => b'&',
            b"39" => b'\'',
            b"60" => b'<',
            b"62" => b'>',
            _ => return None,
        },
        _ => return None,
    };
    Some((byte, after))
}

/// A number without the zeros before it.
fn bare(mut digits: &[u8]) -> &[u8] {
    while let [b'0', rest @ ..] = digits {
        digits = rest;
    }
    digits
}

/// The SubjectPublicKeyInfo of a public key or a certificate in PEM; of a chain of certificates, that of the first.
fn pem(text: &[u8]) -> Result<Material, KeyProblem> {
    const FORM: KeyProblem = KeyProblem::Encoding("a public key or a certificate in PEM");
    let text = str::from_utf8(text).map_err(|_| FORM)?.trim();
    let body = |kind: &str| {
        let end = format!("-----END {kind}-----");
        let begun = text.strip_prefix(&format!("-----BEGIN {kind}-----"))?;
        let (body, rest) = begun.split_once(&end)?;
        let is_chain =
            kind == "CERTIFICATE" && rest.trim_start().starts_with("-----BEGIN CERTIFICATE-----");
        if !(rest.is_empty() || is_chain && rest.ends_with(&end)) {
            return None;
        }
        let digits: String = body.split_ascii_whitespace().collect();
        STANDARD.decode(digits).ok()
    };
    match (body("PUBLIC KEY"), body("CERTIFICATE")) {
        (Some(key), _) => Ok(Material::of(key)),
        (None, Some(certificate)) => read_certificate(&certificate),
        (None, None) => Err(FORM),
    }
}

/// The SubjectPublicKeyInfo of each key of a JSON Web Key or a set of them, but for keys that are not for signing
/// or that their owner says have expired.
fn jwk(text: &[u8]) -> Result<Vec<Material>, KeyProblem> {
    const FORM: KeyProblem = KeyProblem::Encoding("a JSON Web Key or a set of them");
    let document = Document::read(text).map_err(|_| FORM)?;
    let keys = match document.find(&Pointer::of("keys")) {
        Ok(None) => vec![text],
        _ => document.elements(&Pointer::of("keys")).map_err(|_| FORM)?,
    };
    let known = keys.into_iter().filter_map(|key| {
        let key = Document::read(key).ok()?;
        let member = |name: &str| key.find(&Pointer::of(name)).ok()??.text();
        let number = |name: &str| URL_SAFE_NO_PAD.decode(member(name)?).ok();
        let signs = member("use").is_none_or(|purpose| matches!(&*purpose, b"" | b"sig"));
        if !signs || member("expired_at").is_some_and(|end| !end.is_empty()) {
            return None;
        }
        let bytes = match (member("kty")?.as_ref(), member("crv").as_deref()) {
            (b"EC", Some(b"P-256")) => {
                let (x, y) = (number("x")?, number("y")?);
                let fits = x.len() == 32 && y.len() == 32;
                fits.then(|| [mac::P256_INFO, &[4], &x, &y].concat())?
            }
            (b"RSA", _) => {
                let numbers = [integer(&number("n")?), integer(&number("e")?)].concat();
                let key = [&[0], tagged(0x30, &numbers).as_slice()].concat();
                tagged(0x30, &[mac::RSA_INFO, &tagged(3, &key)].concat())
            }
            _ => return None,
        };
        // One that is null is none.
        let name = member("kid").and_then(|name| String::from_utf8(name.into_owned()).ok());
        let name = name.filter(|name| !name.is_empty());
        Some(Material {
            name,
            ..Material::of(bytes)
        })
    });
    let known: Vec<_> = known.collect();
    match known.is_empty() {
        true => Err(FORM),
        false => Ok(known),
    }
}

/// A positive number in DER.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = bytes.get(zeros..).unwrap_or_default();
    let sign: &[u8] = match bytes.first() {
        Some(0..=0x7F) => &[],
        _ => &[0],
    };
    tagged(2, &[sign, bytes].concat())
}

/// A tag, a length and a content in DER.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let length = length.get(zeros..).unwrap_or_default();
    let mut out = vec![tag];
    match (length, content.len()) {
        (_, short @ 0..=0x7F) => out.extend(u8::try_from(short)),
        (length, _) => {
            out.extend(u8::try_from(length.len()).map(|bytes| bytes | 0x80));
            out.extend_from_slice(length);
        }
    }
    out.extend_from_slice(content);
    out
}
