//! What can be wrong with a description, or with keys for it.

use std::error::Error;
use std::fmt;

use crate::KeyError;

/// A scheme that cannot be used as it is described, or not with these keys.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SchemeError {
    /// A token's algorithm that is none, or goes with another digest.
    Algorithm(String),
    /// Parts of a message stand side by side with nothing between that tells them apart.
    Ambiguous(String),
    /// A timestamp of a length that no time has in its unit.
    Digits(usize),
    /// A header carries two elements.
    DoubleHeader(String),
    /// A label stands for two digests, or for the timestamp as well.
    DoubleLabel(String),
    /// A method has two messages.
    DoubleMethod(String),
    /// A handshake that cannot be answered without harm, and why.
    Handshake(&'static str),
    /// Not the name of a header.
    HeaderName(String),
    /// A key does not fit.
    Key(KeyError),
    /// A key that is found by a URL, and what is wrong with how.
    KeyUrl(&'static str),
    /// Not a label: letters, digits, hyphens and underscores.
    Label(String),
    /// Not a media type without parameters.
    MediaType(String),
    /// A message of too many parts.
    LongMessage,
    /// A parameter of the scheme has no value.
    MissingParameter(String),
    /// Not a method in upper case.
    MethodName(String),
    /// Signatures of several digests in a header that does not label them.
    MixedDigests,
    /// Not a name: lower-case letters, digits and hyphens.
    Name(String),
    /// The grammar labels signatures and a rule has no label.
    NoLabel,
    /// There is no rule, message, method or header.
    Nothing(&'static str),
    /// A brace that is neither closed nor doubled.
    OpenBrace(String),
    /// An element stands where the grammar of the signature header has no place for it.
    Place(String),
    /// A text before signatures that is empty or holds a blank.
    Prefix(String),
    /// A rule reads public keys for signatures that are made with a secret, or whose public keys have another form.
    PublicSecret,
    /// A key of the description that cannot be meant as it stands, and why.
    Senseless {
        /// The key.
        key: &'static str,
        /// What is wrong with it, and what is meant perhaps.
        why: &'static str,
    },
    /// What separates items cannot be told from what they hold.
    Separator(char),
    /// A message that covers neither body nor URL.
    SignsNothing(String),
    /// The grammar has no labels and a rule has one.
    UnexpectedLabel(String),
    /// Such signatures are verified here and not made.
    OnlyVerifies,
    /// Not a pointer into a JSON document.
    Pointer(String),
    /// Lists of alternative headers differ in length.
    UnevenPlaces,
    /// A parameter that the scheme does not have.
    UnknownParameter(String),
    /// A unit was given to a scheme without a timestamp.
    UnitWithoutTime,
    /// Not a place that elements can stand in.
    UnknownPlace(String),
    /// Not a word that templates know.
    UnknownWord(String),
    /// A place that cannot be read where a key of the description wants to.
    Unreadable(&'static str, String),
    /// An element is read and not signed, so it proves nothing.
    Unsigned(&'static str),
    /// A message has a word that nothing says where to find.
    Unread(&'static str),
    /// A window for a scheme that signs no time.
    WindowWithoutTime,
}

impl fmt::Display for SchemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm(name) => write!(
                f,
                "`token = \"{name}\"` does not go with the `digest`: ES256 is `ecdsa-p256-fixed`, EdDSA \
                 `ed25519`, RS256 and RS512 `rsa-sha256` and `rsa-sha512`, HS256 and HS512 `hmac-sha256` \
                 and `hmac-sha512`; there are no others"
            ),
            Self::Ambiguous(text) => write!(
                f,
                "`{text}` has parts side by side with nothing between that tells them apart; if the \
                 sender signs it so, say why in `ambiguous`"
            ),
            Self::Digits(digits) => write!(
                f,
                "no timestamp has {digits} digits: `digits` is 10 for `unit = \"seconds\"`, 13 for \
                 \"milliseconds\", and left out otherwise"
            ),
            Self::DoubleHeader(name) => write!(f, "header `{name}` carries two elements"),
            Self::DoubleLabel(label) => write!(f, "label `{label}` has two meanings"),
            Self::DoubleMethod(method) => write!(f, "method {method} has two messages"),
            Self::Handshake(why) => write!(f, "a handshake {why}"),
            Self::HeaderName(name) => write!(f, "`{name}` is not a header name"),
            Self::Key(error) => error.fmt(f),
            Self::KeyUrl(why) => write!(f, "`key-url` cannot be used: {why}"),
            Self::Label(label) => {
                write!(
                    f,
                    "`{label}` is not a label of letters, digits, `-` and `_`"
                )
            }
            Self::MediaType(text) => write!(
                f,
                "`{text}` in `content-type` is not a media type like `application/json`, which stands \
                 without parameters"
            ),
            Self::LongMessage => f.write_str("a message has more parts or text than any sender signs"),
            Self::MissingParameter(name) => {
                write!(
                    f,
                    "the scheme needs the parameter `{name}`; give it a value"
                )
            }
            Self::MethodName(name) => write!(f, "`{name}` is not a method in upper case"),
            Self::MixedDigests => {
                f.write_str("signatures without labels are of several digests; name one digest")
            }
            Self::Name(name) if name.is_empty() => {
                f.write_str("the scheme has no `name`; give it one of lower-case letters, digits and `-`")
            }
            Self::Name(name) => {
                write!(
                    f,
                    "`{name}` is not a name of lower-case letters, digits and `-`"
                )
            }
            Self::NoLabel => f.write_str("the grammar has labels and a rule has no `label`"),
            Self::Nothing(what) => write!(f, "there is no {what}; give at least one"),
            Self::OnlyVerifies => f.write_str(
                "only its sender can sign under this scheme: RSA, ECDSA and JSON Web Tokens are \
                 verified here and not made",
            ),
            Self::OpenBrace(text) => {
                write!(
                    f,
                    "`{text}` has a brace that is neither a word's nor doubled"
                )
            }
            Self::Place(place) => {
                write!(
                    f,
                    "nothing can stand at `{place}` with this grammar of the signature header"
                )
            }
            Self::Pointer(text) => write!(f, "`{text}` is not a JSON pointer like `/a/b`"),
            Self::Prefix(text) => write!(f, "`{text}` cannot stand before a signature"),
            Self::PublicSecret => f.write_str(
                "the key encoding `public` is for ECDSA and RSA: whoever knows a public key could make a MAC with it, and Ed25519 keys are `hex` or `base64`",
            ),
            Self::Senseless { key, why } => write!(f, "`{key}` {why}"),
            Self::Separator(separator) => write!(f, "`{separator}` cannot separate items"),
            Self::SignsNothing(text) => {
                write!(
                    f,
                    "`{text}` covers neither {{body}} nor {{url}} nor {{target}}; if bodies are not \
                     signed, say why in `unsigned-body`"
                )
            }
            Self::UnexpectedLabel(label) => {
                write!(
                    f,
                    "the grammar has no labels and a rule has the label `{label}`"
                )
            }
            Self::UnevenPlaces => f.write_str(
                "elements have lists of headers of different length; the first names of every list \
                 belong together, and so on",
            ),
            Self::UnitWithoutTime => {
                f.write_str("the scheme has no timestamp, so it cannot have a unit for one")
            }
            Self::UnknownParameter(name) => write!(f, "the scheme has no parameter `{name}`"),
            Self::UnknownPlace(text) => {
                write!(
                    f,
                    "`{text}` is not a place; use header:NAME, numbered:NAME-, pair:NAME, first, \
                     json:/NAME, form:NAME, query:NAME or claim:/NAME"
                )
            }
            Self::UnknownWord(word) => write!(
                f,
                "`{{{word}}}` is not a word of messages; the README of countersign lists them"
            ),
            Self::Unreadable(key, place) => write!(
                f,
                "`{key}` cannot read `{place}`; use header:NAME, json:/NAME, form:NAME or query:NAME"
            ),
            Self::Unsigned(what) => write!(
                f,
                "the {what} is read but is not part of every message; what is not signed proves \
                 nothing"
            ),
            Self::Unread(what) => write!(
                f,
                "a message has {{{what}}} and no `{what}` says where it is"
            ),
            Self::WindowWithoutTime => {
                f.write_str("the scheme signs no time, so it cannot have a window")
            }
        }
    }
}

impl Error for SchemeError {}

impl From<KeyError> for SchemeError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}
