//! The window as it is written: one number of seconds, or one for each side.

use std::fmt;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Window;

/// `300`, or `{ past = 300, future = 60 }`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WindowForm {
    Sides(WindowSides),
    Symmetric(u64),
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowSides {
    pub(crate) past: u64,
    pub(crate) future: u64,
}

impl From<WindowForm> for Window {
    fn from(form: WindowForm) -> Self {
        let seconds = Duration::from_secs;
        match form {
            WindowForm::Sides(sides) => Self::new(seconds(sides.past), seconds(sides.future)),
            WindowForm::Symmetric(side) => Self::symmetric(seconds(side)),
        }
    }
}

impl Serialize for WindowForm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Sides(sides) => sides.serialize(serializer),
            Self::Symmetric(seconds) => seconds.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for WindowForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SecondsOrSides;

        impl<'de> Visitor<'de> for SecondsOrSides {
            type Value = WindowForm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds or { past, future } in seconds")
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<WindowForm, E> {
                u64::try_from(seconds)
                    .map(WindowForm::Symmetric)
                    .map_err(|_| E::custom("a window cannot be negative"))
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<WindowForm, E> {
                Ok(WindowForm::Symmetric(seconds))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WindowForm, A::Error> {
                WindowSides::deserialize(MapAccessDeserializer::new(map)).map(WindowForm::Sides)
            }
        }

        deserializer.deserialize_any(SecondsOrSides)
    }
}
