//! The presets as constants: a value tree that serde reads a scheme from.

use serde::de::value::{Error, MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// A value of a file, known when this crate is compiled.
pub(crate) enum Value {
    Bool(bool),
    Integer(i64),
    List(&'static [Self]),
    Table(&'static [(&'static str, Self)]),
    Text(&'static str),
}

include!(concat!(env!("OUT_DIR"), "/presets.rs"));

impl<'de> Deserializer<'de> for &'static Value {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::List(values) => visitor.visit_seq(SeqDeserializer::new(values.iter())),
            Value::Table(pairs) => visitor.visit_map(entries(pairs)),
            Value::Text(text) => visitor.visit_borrowed_str(text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Value::Text(text) => visitor.visit_enum((*text).into_deserializer()),
            Value::Table(pairs) => visitor.visit_enum(MapAccessDeserializer::new(entries(pairs))),
            _ => Err(Error::custom("expected a word")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for &'static Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

type Entries = MapDeserializer<'static, std::vec::IntoIter<(&'static str, &'static Value)>, Error>;

fn entries(pairs: &'static [(&'static str, Value)]) -> Entries {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value)).collect();
    MapDeserializer::new(pairs.into_iter())
}
