//! Names with rules: parsed on entry, never checked again.

use std::fmt;
use std::sync::Arc;

use super::error::Fault;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Reads a name of 1 to 64 letters, digits, `_` and `-`.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                if is_name(text) { Ok(Self(text.into())) } else { Err(InvalidName) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name as shared text, so that passing it on costs no allocation.
            pub fn to_shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Where a webhook is addressed: the id of a flow, unique in the gateway.
    FlowId
}

name! {
    /// The tenant that owns flows and their events.
    Organization
}

name! {
    /// The name of one of a flow's destinations, unique in the flow.
    StepName
}

impl Default for Organization {
    fn default() -> Self {
        Self("default".into())
    }
}

/// A text that is not a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a name has 1 to 64 letters, digits, `_` and `-`")]
pub struct InvalidName;

impl From<InvalidName> for Fault {
    fn from(_: InvalidName) -> Self {
        Self::new(
            "is not a name",
            "use 1 to 64 letters, digits, `_` and `-`; it is used in URLs, headers and logs",
        )
    }
}

fn is_name(text: &str) -> bool {
    (1..=MAX_LEN).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

const MAX_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_text() {
        let longest = "x".repeat(64);
        for text in ["orders", "A-b_9", "-", &longest] {
            assert_eq!(FlowId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn anything_else_is_no_name() {
        let too_long = "x".repeat(65);
        for text in ["", "a b", "a/b", "a.b", "ä", "a\n", "a%2f", &too_long] {
            assert_eq!(StepName::parse(text), Err(InvalidName), "{text:?}");
        }
    }
}
