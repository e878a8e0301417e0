//! How words of the description are written: texts that are parsed, lists of one without brackets.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use http::{HeaderName, Method};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::SchemeError;
use super::description::{MethodForm, MethodName, Place, Sign};
use super::proof::Base64;
use crate::encoding::Encoding;
use crate::handshake::Echo;
use crate::json::Pointer;
use crate::message::Template;

/// Several values, or one written without brackets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> List<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        &self.0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

impl<'de, T> Deserialize<'de> for List<T>
where
    T: Deserialize<'de> + FromStr<Err: fmt::Display>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(PhantomData<T>);

        impl<'de, T> Visitor<'de> for OneOrMany<T>
        where
            T: Deserialize<'de> + FromStr<Err: fmt::Display>,
        {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<List<T>, E> {
                text.parse().map(|one| List(vec![one])).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<List<T>, A::Error> {
                some(seq).map(List)
            }
        }

        deserializer.deserialize_any(OneOrMany(PhantomData))
    }
}

impl Serialize for Sign {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Always(message) => message.serialize(serializer),
            Self::ByMethod(forms) => forms.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Sign {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrByMethod;

        impl<'de> Visitor<'de> for OneOrByMethod {
            type Value = Sign;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message template or a list of { methods, message }")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Sign, E> {
                text.parse().map(Sign::Always).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Sign, A::Error> {
                Vec::<MethodForm>::deserialize(SeqAccessDeserializer::new(seq)).map(Sign::ByMethod)
            }
        }

        deserializer.deserialize_any(OneOrByMethod)
    }
}

/// Several tables, or one written without brackets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Tables<T>(pub(crate) Vec<T>);

impl<T> Tables<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Default for Tables<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Serialize> Serialize for Tables<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Tables<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
            type Value = Tables<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table or a list of tables")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Tables<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| Tables(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Tables<T>, A::Error> {
                some(seq).map(Tables)
            }
        }

        deserializer.deserialize_any(OneOrMany(PhantomData))
    }
}

/// What a list holds: something, and not without end.
fn some<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: A) -> Result<Vec<T>, A::Error> {
    let many = Vec::deserialize(SeqAccessDeserializer::new(seq))?;
    match many.len() {
        0 => Err(A::Error::custom(
            "an empty list says nothing; leave the key out, or give at least one",
        )),
        1..=LONGEST_LIST => Ok(many),
        _ => Err(A::Error::custom("a list longer than any sender needs")),
    }
}

impl FromStr for Place {
    type Err = SchemeError;

    fn from_str(text: &str) -> Result<Self, SchemeError> {
        match text.split_once(':') {
            None if text == "first" => Ok(Self::First),
            Some(("claim", pointer)) => pointer.parse().map(Self::Claim),
            Some(("form", name)) if !name.is_empty() => Ok(Self::Form(name.to_owned())),
            Some(("json", pointer)) => pointer.parse().map(Self::Json),
            Some(("numbered", name)) => match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => Ok(Self::Numbered(name.as_str().to_owned())),
                Err(_) => Err(SchemeError::HeaderName(name.to_owned())),
            },
            Some(("query", name)) if !name.is_empty() => Ok(Self::Query(name.to_owned())),
            Some(("header", name)) => HeaderName::from_bytes(name.as_bytes())
                .map(Self::Header)
                .map_err(|_| SchemeError::HeaderName(name.to_owned())),
            Some(("pair", name)) => Ok(Self::Pair(name.to_owned())),
            _ => Err(SchemeError::UnknownPlace(text.to_owned())),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim(pointer) => write!(f, "claim:{pointer}"),
            Self::First => f.write_str("first"),
            Self::Form(name) => write!(f, "form:{name}"),
            Self::Json(pointer) => write!(f, "json:{pointer}"),
            Self::Numbered(name) => write!(f, "numbered:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Pair(name) => write!(f, "pair:{name}"),
        }
    }
}

impl FromStr for MethodName {
    type Err = SchemeError;

    fn from_str(text: &str) -> Result<Self, SchemeError> {
        match Method::from_bytes(text.as_bytes()) {
            Ok(method) if !text.bytes().any(|byte| byte.is_ascii_lowercase()) => Ok(Self(method)),
            _ => Err(SchemeError::MethodName(text.to_owned())),
        }
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Base64 {
    type Err = SchemeError;

    fn from_str(text: &str) -> Result<Self, SchemeError> {
        let bytes = Encoding::Base64.decode_any(text.as_bytes());
        bytes.map(Self).ok_or(SchemeError::Senseless {
            key: "body-base64",
            why: "is not base64 with its padding; what is text stands in `body`",
        })
    }
}

impl fmt::Display for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Encoding::Base64.encode(&self.0))
    }
}

/// Lets a type that is parsed from text stand as that text in a file.
macro_rules! as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

as_text!(Base64, Echo, MethodName, Place, Pointer, Template);

/// More than any sender needs.
const LONGEST_LIST: usize = 256;
