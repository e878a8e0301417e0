//! The words of the description language.

use http::{HeaderName, Method};
use serde::{Deserialize, Serialize};

use super::Https;
use super::file::File;
use super::key_url::KeyUrlForm;
use super::notation::{List, Tables};
use super::proof::Proof;
use super::window_form::WindowForm;
use crate::Unit;
use crate::encoding::Encoding;
use crate::handshake::HandshakeForm;
use crate::json::Pointer;
use crate::mac::Digest;
use crate::message::Template;

/// A scheme as its author writes it, not yet checked as a whole.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "File", into = "File")]
pub(crate) struct Description {
    pub(crate) name: String,
    /// What its users have to know.
    pub(crate) note: Option<String>,
    /// Why others than the receiver's own account can make genuine requests.
    pub(crate) shared_key: Option<String>,
    /// The name of another scheme that the same sender has, and that is better.
    pub(crate) prefer: Option<String>,
    /// The default window, in seconds.
    pub(crate) window: Option<WindowForm>,
    /// Whether a time at the very edge of the window is outside.
    pub(crate) excludes_edges: bool,
    /// The ways in which requests are signed; the first that applies to a request is its way.
    pub(crate) forms: Vec<Form>,
    /// How the sender makes sure of its receiver.
    pub(crate) handshakes: Tables<HandshakeForm>,
    /// Whether the sender wants refusals without a body.
    pub(crate) empty_refusals: bool,
    /// Requests whose verdict is known.
    pub(crate) vectors: Vec<Proof>,
}

/// One way in which requests are signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Form {
    /// Which requests are signed so: all conditions hold.
    pub(crate) when: Conditions,
    pub(crate) require: Vec<Demand>,
    /// Where the key is, which a flow may have fetched.
    pub(crate) key_url: Option<KeyUrlForm>,
    /// Where an array stands of which every element is signed by itself.
    pub(crate) each: Option<Pointer>,
    pub(crate) sign: Sign,
    /// Messages that count as well.
    pub(crate) or: Vec<Template>,
    /// Whether a request without a body is refused.
    pub(crate) needs_body: bool,
    /// Why bodies are let through that the signature does not cover.
    pub(crate) unsigned_body: Option<String>,
    /// Why parts of the message stand side by side with nothing between that tells them apart.
    pub(crate) ambiguous: Option<String>,
    pub(crate) signature: SignatureForm,
    pub(crate) timestamp: Option<TimestampForm>,
    pub(crate) id: Option<IdForm>,
    pub(crate) rules: Vec<Rule>,
}

impl Form {
    #[inline]
    pub(crate) fn message(&self, method: &Method) -> Option<&Template> {
        self.sign.for_method(method)
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = &Template> {
        self.sign.messages().chain(&self.or)
    }

    /// Every place of a body that is looked at for this way of signing.
    pub(crate) fn json_places(&self) -> impl Iterator<Item = Pointer> {
        let conditions = self.when.0.iter().flat_map(When::places);
        let demands = self.require.iter().map(|demand| &demand.from);
        let signature = self.signature.from.iter();
        let timestamp = self.timestamp.iter().flat_map(|form| form.from.iter());
        let id = self.id.iter().flat_map(|form| form.from.iter());
        let key = self.key_url.iter().flat_map(|form| &form.from);
        let read = conditions.chain(demands).chain(key).chain(signature);
        let read = read.chain(timestamp).chain(id);
        let read = read.filter_map(Place::in_the_body).cloned();
        let signed = self.messages().flat_map(Template::json_places);
        self.each.iter().cloned().chain(read).chain(signed)
    }

    /// The demands whose values the receiver's configuration gives.
    pub(crate) fn bound(&self) -> impl Iterator<Item = &Demand> {
        let is_bound = |demand: &&Demand| demand.parameter.is_some();
        self.require.iter().filter(is_bound)
    }

    /// Whether a signed element says what the body is.
    pub(crate) fn demands_body(&self) -> bool {
        self.require.iter().any(|demand| demand.body.is_some())
    }
}

/// Conditions, one of them written without brackets.
pub(crate) type Conditions = Tables<When>;

/// A condition on a request: everything that is said of it holds.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table"
)]
pub(crate) struct When {
    /// Any of these media types.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub(crate) content_type: List<String>,
    /// There is something here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<Place>,
    /// There is nothing here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) without: Option<Place>,
    /// It is one of these.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub(crate) is: List<String>,
    #[serde(skip_serializing_if = "List::is_empty")]
    pub(crate) methods: List<MethodName>,
}

/// Something that a request has to have, beside a signature.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with `from`")]
pub(crate) struct Demand {
    pub(crate) from: Place,
    /// It is one of these.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub(crate) is: List<String>,
    /// It is one of those that the receiver's configuration gives under this name; anything if it gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parameter: Option<String>,
    /// It is digits of base64 and line feeds.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) base64: bool,
    /// It is a URL on one of these hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) https: Option<Https>,
    /// It is the body's hash, written like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<DigestText>,
}

/// A hash as text.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DigestText {
    Sha256Base64,
    Sha256Base64Url,
    Sha256Hex,
}

/// The signed message: one for all methods, or one for some.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Sign {
    Always(Template),
    ByMethod(Vec<MethodForm>),
}

impl Sign {
    #[inline]
    pub(crate) fn for_method(&self, method: &Method) -> Option<&Template> {
        match self {
            Self::Always(message) => Some(message),
            Self::ByMethod(forms) => forms
                .iter()
                .find(|form| form.methods.iter().any(|name| name.0 == *method))
                .map(|form| &form.message),
        }
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = &Template> {
        let (one, many) = match self {
            Self::Always(message) => (Some(message), [].as_slice()),
            Self::ByMethod(forms) => (None, forms.as_slice()),
        };
        one.into_iter().chain(many.iter().map(|form| &form.message))
    }

    pub(crate) fn messages_mut(&mut self) -> impl Iterator<Item = &mut Template> {
        let (one, many) = match self {
            Self::Always(message) => (Some(message), Default::default()),
            Self::ByMethod(forms) => (None, forms.as_mut_slice()),
        };
        one.into_iter()
            .chain(many.iter_mut().map(|form| &mut form.message))
    }
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct MethodForm {
    pub(crate) methods: Vec<MethodName>,
    pub(crate) message: Template,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct MethodName(pub(crate) Method);

/// Where signatures are and how they are written.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with `from` and `encoding`")]
pub(crate) struct SignatureForm {
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub(crate) from: List<Place>,
    /// A header for each label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) slots: Vec<Slot>,
    #[serde(default)]
    pub(crate) grammar: Grammar,
    pub(crate) encoding: Encoding,
    /// Whether the header may come in several lines, each with signatures of its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) repeated: bool,
}

/// A header that holds signatures of one label.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with `label` and `from`")]
pub(crate) struct Slot {
    pub(crate) label: String,
    pub(crate) from: Place,
}

/// Where an element stands. Of several headers, those at the same position of every list belong
/// together, and the first position that has anything in the request is the one that is read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// `claim:/NAME`: in the claims of the token that is the signature.
    Claim(Pointer),
    /// `first`: before the signatures of a positional list.
    First,
    /// `form:NAME`: a field of the body.
    Form(String),
    /// `header:NAME`: a header of its own.
    Header(HeaderName),
    /// `json:/NAME`: in the body.
    Json(Pointer),
    /// `numbered:NAME-`: every header of that name with a number from 1 to 100 after it.
    Numbered(String),
    /// `pair:NAME`: a pair of the signature header.
    Pair(String),
    /// `query:NAME`: a parameter of the URL.
    Query(String),
}

impl Place {
    /// Whether it is neither a header nor part of the signature header.
    pub(crate) fn is_elsewhere(&self) -> bool {
        matches!(
            self,
            Self::Claim(_) | Self::Form(_) | Self::Json(_) | Self::Query(_)
        )
    }

    /// The place in the body, if it is one there.
    fn in_the_body(&self) -> Option<&Pointer> {
        match self {
            Self::Json(pointer) => Some(pointer),
            _ => None,
        }
    }

    /// Whether it can be read before the body is.
    pub(crate) fn is_of_the_head(&self) -> bool {
        !matches!(self, Self::Form(_) | Self::Json(_) | Self::Query(_))
    }
}

/// What the signature header looks like.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Grammar {
    /// The signature and nothing else.
    #[default]
    Bare,
    /// `v1,SIG v1,SIG v2,SIG`.
    Labels,
    /// The same, where a signature alone has this label.
    LabelsOr(String),
    /// `NAME|SIG&NAME|SIG`: what stands between items, and between a name and its signature.
    Marked(Marks),
    /// The signature, after a text that may be missing.
    OptionalPrefix(String),
    /// `t=17,v1=SIG,v1=SIG`, with this between the pairs and blanks around them.
    Pairs(char),
    /// The same, where blanks alone may stand between pairs.
    PairsOrBlanks(char),
    /// `17,SIG,SIG`, with this between the items.
    Positions(char),
    /// The signature, after a text.
    Prefix(String),
    /// A JSON Web Token made with this algorithm, with its claims or without.
    Token(String),
}

/// The two signs of a marked list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marks {
    pub(crate) between: char,
    pub(crate) after: char,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with `from` and `unit`")]
pub(crate) struct TimestampForm {
    pub(crate) from: List<Place>,
    pub(crate) unit: Unit,
    /// How many digits the sender always writes, so that none can come from what stands beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) digits: Option<usize>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with `from`")]
pub(crate) struct IdForm {
    pub(crate) from: List<Place>,
}

/// One kind of signature. A key belongs to the first rule whose form of key it has.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a table")]
pub(crate) struct Rule {
    /// The names under which such signatures stand in the header.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub(crate) label: List<String>,
    /// Whether the label is the id of the key.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) label_is_key: bool,
    pub(crate) digest: Digest,
    #[serde(default, skip_serializing_if = "KeyForm::is_plain")]
    pub(crate) key: KeyForm,
}

/// How a secret is written.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct KeyForm {
    #[serde(default)]
    pub(crate) encoding: KeyEncoding,
    /// The id that such keys have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// How many bytes such keys have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) length: Option<usize>,
    /// What such keys begin with; it is no part of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prefix: Option<String>,
    /// Whether the prefix may be missing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) optional: bool,
    /// What the private keys begin with that belong to such keys, for whoever signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) private: Option<String>,
}

impl KeyForm {
    fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyEncoding {
    Base64,
    /// Two keys: what follows the prefix as base64, and the whole text.
    Base64OrText,
    Hex,
    /// The text with its HTML entities decoded is the key.
    Html,
    /// A public key or a certificate in PEM, a JSON Web Key, or a set of those.
    Public,
    /// The SHA-1 of the text is the key.
    Sha1,
    /// The text itself is the key.
    #[default]
    Text,
}

pub(crate) fn is_false(value: &bool) -> bool {
    !value
}
