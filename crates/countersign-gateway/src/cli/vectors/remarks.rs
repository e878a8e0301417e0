//! Remarks in files of vectors: fields that are for people, and are not read.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

/// Whether a field of this name is plainly a remark.
pub(super) fn is_remark(name: &str) -> bool {
    name.starts_with(['_', '$']) || REMARKS.contains(&name)
}

/// Reads an object as if it had no remarks.
pub(super) fn left_out<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(Unremarked(from))
}

/// What reads, or is told, an object without its remarks.
struct Unremarked<T>(T);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Unremarked<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Unremarked(visitor))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Unremarked<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Unremarked(map))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Unremarked<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.0.next_key::<Cow<'_, str>>()? {
            if !is_remark(&name) {
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
            self.0.next_value::<IgnoredAny>()?;
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

/// The names that remarks have; `_` and `$` begin others.
const REMARKS: [&str; 6] = ["comment", "description", "note", "notes", "source", "tier"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::testing::Printed;
    use crate::cli::vectors::tests::{GOOD, SHAKE};
    use crate::cli::vectors::{Entry, run};

    fn said(vector: &str) -> String {
        let list = Entry::list(format!("[{vector}]").as_bytes()).unwrap();
        let printed = Printed::default();
        run(&list, false, &mut printed.out()).unwrap();
        printed.text()
    }

    #[test]
    fn an_entry_with_remarks_is_judged_and_one_with_another_field_fails_by_its_name() {
        for vector in [
            GOOD.replace(
                r#""expect""#,
                r#""note": "a", "_by": 1, "$id": [], "expect""#,
            ),
            GOOD.replace(
                r#""timestamp_unit""#,
                r#""_unit": 1, "note": "a", "timestamp_unit""#,
            ),
            SHAKE.replace(r#""name""#, r#""description": "a", "comment": {}, "name""#),
            SHAKE.replace(r#""status""#, r#""notes": [], "status""#),
            SHAKE.replace(r#""method""#, r#""_": 1, "method""#),
        ] {
            assert_eq!(said(&vector), "1 passed, 0 failed\n", "{vector}");
        }
        for (vector, why) in [
            (
                GOOD.replace(r#""expect""#, r#""remark": "a", "expect""#),
                "unknown field `remark`",
            ),
            (
                GOOD.replace(r#""expect""#, r#""Note": "a", "expect""#),
                "unknown field `Note`",
            ),
            (
                SHAKE.replace(r#""status""#, r#""noted": 1, "status""#),
                "unknown field `noted`",
            ),
        ] {
            let said = said(&vector);

            assert!(said.contains(why), "{why}: {said}");
            assert!(said.ends_with("\n0 passed, 1 failed\n"), "{said}");
        }
    }

    #[derive(Debug, Deserialize, Eq, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        left: u8,
        #[serde(deserialize_with = "left_out")]
        right: Inner,
    }

    #[derive(Debug, Deserialize, Eq, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        deep: Option<u8>,
    }

    fn read(text: &str) -> Result<Pair, String> {
        let mut from = serde_json::Deserializer::from_str(text);
        left_out(&mut from).map_err(|error| error.to_string())
    }

    #[test]
    fn remarks_of_any_kind_are_read_over_wherever_they_stand() {
        let plain = Pair {
            left: 1,
            right: Inner { deep: Some(2) },
        };
        for text in [
            r#"{ "left": 1, "right": { "deep": 2 } }"#,
            r#"{ "note": "a", "left": 1, "notes": ["b"], "right": { "$id": 1, "deep": 2 }, "comment": null }"#,
            r#"{ "_": {}, "\u005fx": {"left": 9}, "left": 1, "right": { "deep": 2, "description": "" }, "note": 1, "note": 2 }"#,
        ] {
            assert_eq!(read(text).as_ref(), Ok(&plain), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_its_name_and_line() {
        for (text, why) in [
            (
                "{ \"left\": 1,\n\"lefts\": 2 }",
                "unknown field `lefts`, expected `left` or `right` at line 2",
            ),
            (
                r#"{ "left": 1, "right": { "Note": 2 } }"#,
                "unknown field `Note`",
            ),
            (r#"{ "left": 1, "left": 2 }"#, "duplicate field `left`"),
            (
                r#"{ "note": 1, "right": { "deep": 2 } }"#,
                "missing field `left`",
            ),
            (r#"{ "note": }"#, "expected value"),
            ("7", "expected struct Pair"),
            (r#"[1, { "deep": 2 }]"#, "expected struct Pair"),
        ] {
            let said = read(text).unwrap_err();

            assert!(said.contains(why), "{why}: {said}");
        }
    }
}
