//! How templates are written: literal text, and words in braces. A brace of the text itself is doubled.

use crate::scheme::SchemeError;

/// A piece of a template's text.
pub(crate) enum Piece<'a> {
    Literal(String),
    /// What stands between braces.
    Word(&'a str),
}

/// The pieces of a template's text, in their order; no two literals side by side.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, SchemeError> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest
        .find(['{', '}'])
        .and_then(|at| rest.split_at_checked(at))
    {
        literal.push_str(before);
        rest = if let Some(after) = from.strip_prefix("{{") {
            literal.push('{');
            after
        } else if let Some(after) = from.strip_prefix("}}") {
            literal.push('}');
            after
        } else {
            let (word, after) = from
                .strip_prefix('{')
                .and_then(|inside| inside.split_once('}'))
                .ok_or_else(|| SchemeError::OpenBrace(text.to_owned()))?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Word(word));
            after
        };
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

/// A literal with its braces doubled.
pub(crate) fn escaped(literal: &str) -> String {
    literal.replace('{', "{{").replace('}', "}}")
}
