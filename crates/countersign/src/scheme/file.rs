//! A scheme as it stands in a file: what all its variants share, then what each has of its own.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::SchemeError;
use super::description::{
    Conditions, Demand, Description, Form, IdForm, Rule, Sign, SignatureForm, TimestampForm,
    is_false,
};
use super::key_url::KeyUrlForm;
use super::notation::{List, Tables};
use super::proof::Proof;
use super::window_form::WindowForm;
use crate::handshake::HandshakeForm;
use crate::json::Pointer;
use crate::message::Template;

/// Two structs with the same keys: serde cannot refuse unknown keys of a struct inside another.
macro_rules! file {
    ($($(#[$attribute:meta])* $key:ident: $type:ty,)*) => {
        #[derive(Clone, Debug, Default, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub(super) struct File {
            name: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            note: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            shared_key: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            prefer: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            window: Option<WindowForm>,
            #[serde(skip_serializing_if = "is_false")]
            excludes_edges: bool,
            $($(#[$attribute])* $key: $type,)*
            #[serde(skip_serializing_if = "Tables::is_empty")]
            handshake: Tables<HandshakeForm>,
            #[serde(skip_serializing_if = "is_false")]
            empty_refusals: bool,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            variants: Vec<Variant>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            vectors: Vec<Proof>,
        }

        #[derive(Clone, Debug, Default, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        struct Variant {
            $($(#[$attribute])* $key: $type,)*
        }

        impl File {
            /// What all variants share.
            fn shared(&self) -> Variant {
                Variant { $($key: self.$key.clone(),)* }
            }

            fn with_shared(self, shared: Variant) -> Self {
                Self { $($key: shared.$key,)* ..self }
            }
        }
    };
}

file! {
    #[serde(skip_serializing_if = "Option::is_none")] when: Option<Conditions>,
    #[serde(skip_serializing_if = "Vec::is_empty")] require: Vec<Demand>,
    #[serde(skip_serializing_if = "Option::is_none")] key_url: Option<KeyUrlForm>,
    #[serde(skip_serializing_if = "Option::is_none")] each: Option<Pointer>,
    #[serde(skip_serializing_if = "Option::is_none")] sign: Option<Sign>,
    #[serde(skip_serializing_if = "List::is_empty")] or: List<Template>,
    #[serde(skip_serializing_if = "is_false")] needs_body: bool,
    #[serde(skip_serializing_if = "Option::is_none")] unsigned_body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")] ambiguous: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")] signature: Option<SignatureForm>,
    #[serde(skip_serializing_if = "Option::is_none")] timestamp: Option<TimestampForm>,
    #[serde(skip_serializing_if = "Option::is_none")] id: Option<IdForm>,
    #[serde(skip_serializing_if = "Vec::is_empty")] rules: Vec<Rule>,
}

impl Variant {
    /// Fills in what this variant does not say itself.
    fn over(self, shared: &Self) -> Result<Form, SchemeError> {
        let either = |own: Option<String>, shared: &Option<String>| own.or_else(|| shared.clone());
        let mut require = shared.require.clone();
        require.extend(self.require);
        Ok(Form {
            when: self
                .when
                .or_else(|| shared.when.clone())
                .unwrap_or_default(),
            require,
            key_url: self.key_url.or_else(|| shared.key_url.clone()),
            each: self.each.or_else(|| shared.each.clone()),
            sign: self
                .sign
                .or_else(|| shared.sign.clone())
                .ok_or(SchemeError::Nothing("message in `sign`"))?,
            or: match self.or.is_empty() {
                true => shared.or.0.clone(),
                false => self.or.0,
            },
            needs_body: self.needs_body || shared.needs_body,
            unsigned_body: either(self.unsigned_body, &shared.unsigned_body),
            ambiguous: either(self.ambiguous, &shared.ambiguous),
            signature: self
                .signature
                .or_else(|| shared.signature.clone())
                .ok_or(SchemeError::Nothing("`signature`"))?,
            timestamp: self.timestamp.or_else(|| shared.timestamp.clone()),
            id: self.id.or_else(|| shared.id.clone()),
            rules: match self.rules.is_empty() {
                true => shared.rules.clone(),
                false => self.rules,
            },
        })
    }
}

impl From<Form> for Variant {
    fn from(form: Form) -> Self {
        Self {
            when: (!form.when.0.is_empty()).then_some(form.when),
            require: form.require,
            key_url: form.key_url,
            each: form.each,
            sign: Some(form.sign),
            or: List(form.or),
            needs_body: form.needs_body,
            unsigned_body: form.unsigned_body,
            ambiguous: form.ambiguous,
            signature: Some(form.signature),
            timestamp: form.timestamp,
            id: form.id,
            rules: form.rules,
        }
    }
}

/// Reads a description that stands under its name and has none in it.
pub(super) fn read_named<'de, D>(name: &str, deserializer: D) -> Result<Description, D::Error>
where
    D: Deserializer<'de>,
{
    let mut file = File::deserialize(deserializer)?;
    if !file.name.is_empty() {
        return Err(Error::unknown_field("name", &[]));
    }
    name.clone_into(&mut file.name);
    Description::try_from(file).map_err(Error::custom)
}

impl TryFrom<File> for Description {
    type Error = SchemeError;

    fn try_from(file: File) -> Result<Self, SchemeError> {
        let shared = file.shared();
        let forms = match file.variants.is_empty() {
            true => vec![Variant::default().over(&shared)?],
            false => file
                .variants
                .into_iter()
                .map(|variant| variant.over(&shared))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self {
            name: file.name,
            note: file.note,
            shared_key: file.shared_key,
            prefer: file.prefer,
            window: file.window,
            excludes_edges: file.excludes_edges,
            handshakes: file.handshake,
            empty_refusals: file.empty_refusals,
            forms,
            vectors: file.vectors,
        })
    }
}

impl From<Description> for File {
    fn from(description: Description) -> Self {
        let file = Self {
            name: description.name,
            note: description.note,
            shared_key: description.shared_key,
            prefer: description.prefer,
            window: description.window,
            excludes_edges: description.excludes_edges,
            handshake: description.handshakes,
            empty_refusals: description.empty_refusals,
            vectors: description.vectors,
            ..Self::default()
        };
        let mut variants: Vec<_> = description.forms.into_iter().map(Variant::from).collect();
        match (variants.len(), variants.pop()) {
            (1, Some(only)) => file.with_shared(only),
            (_, last) => {
                variants.extend(last);
                Self { variants, ..file }
            }
        }
    }
}
