//! Whether the parts of a description fit together.

use http::HeaderName;

use super::description::{Description, Grammar, Place, Sign};
use super::notation::List;
use super::{Part, SchemeError, Template};

pub(super) fn check(scheme: &Description) -> Result<(), SchemeError> {
    if !is_name(&scheme.name) {
        return Err(SchemeError::Name(scheme.name.clone()));
    }
    check_methods(&scheme.sign)?;
    check_grammar(&scheme.signature.grammar)?;
    check_places(scheme)?;
    check_signed(scheme)?;
    check_rules(scheme)?;
    if scheme.window.is_some() && scheme.timestamp.is_none() {
        return Err(SchemeError::WindowWithoutTime);
    }
    Ok(())
}

fn check_methods(sign: &Sign) -> Result<(), SchemeError> {
    let Sign::ByMethod(forms) = sign else {
        return Ok(());
    };
    if forms.is_empty() {
        return Err(SchemeError::Nothing("message"));
    }
    let mut seen = Vec::new();
    for form in forms {
        if form.methods.is_empty() {
            return Err(SchemeError::Nothing("method"));
        }
        for method in &form.methods {
            if seen.contains(&method) {
                return Err(SchemeError::DoubleMethod(method.to_string()));
            }
            seen.push(method);
        }
    }
    Ok(())
}

fn check_grammar(grammar: &Grammar) -> Result<(), SchemeError> {
    match grammar {
        Grammar::Bare | Grammar::Labels => Ok(()),
        Grammar::OptionalPrefix(text) | Grammar::Prefix(text) => {
            // A blank may stand inside (`HMAC SIG`); at the ends it could be trimmed away in transit.
            let fits = !text.is_empty()
                && !text.starts_with(' ')
                && text
                    .bytes()
                    .all(|byte| byte == b' ' || byte.is_ascii_graphic());
            fits.then_some(())
                .ok_or_else(|| SchemeError::Prefix(text.clone()))
        }
        Grammar::Pairs(separator) | Grammar::Positions(separator) => {
            matches!(separator, ',' | ';' | '&' | '|')
                .then_some(())
                .ok_or(SchemeError::Separator(*separator))
        }
    }
}

/// Every element stands where the grammar has a place for it, and no header has two meanings.
fn check_places(scheme: &Description) -> Result<(), SchemeError> {
    let signature = headers(&scheme.signature.from);
    if scheme.signature.from.is_empty() {
        return Err(SchemeError::Nothing("header of the signature"));
    }
    if let Some(place) = scheme.signature.from.iter().find(|place| !is_header(place)) {
        return Err(SchemeError::Place(place.to_string()));
    }
    let mut seen = signature.clone();
    let timestamp = scheme.timestamp.as_ref().map(|timestamp| &timestamp.from);
    let id = scheme.id.as_ref().map(|id| &id.from);
    for (element, is_time) in timestamp
        .map(|from| (from, true))
        .into_iter()
        .chain(id.map(|from| (from, false)))
    {
        match element.0.as_slice() {
            [] => return Err(SchemeError::Nothing("place of an element")),
            [Place::Pair(_)]
                if is_time && matches!(scheme.signature.grammar, Grammar::Pairs(_)) => {}
            [Place::First]
                if is_time && matches!(scheme.signature.grammar, Grammar::Positions(_)) => {}
            places => {
                if let Some(place) = places.iter().find(|place| !is_header(place)) {
                    return Err(SchemeError::Place(place.to_string()));
                }
                if places.len() != signature.len() {
                    return Err(SchemeError::UnevenPlaces);
                }
                seen.extend(headers(element));
            }
        }
    }
    seen.sort_by_key(|name| name.as_str());
    match seen.array_windows().find(|[one, other]| one == other) {
        Some([name, _]) => Err(SchemeError::DoubleHeader(name.to_string())),
        None => Ok(()),
    }
}

/// What is read is signed, and what is signed is read.
fn check_signed(scheme: &Description) -> Result<(), SchemeError> {
    let elements = [
        ("timestamp", Part::Timestamp, scheme.timestamp.is_some()),
        ("id", Part::Id, scheme.id.is_some()),
    ];
    for (name, part, read) in elements {
        let signed = |message: &Template| message.has(&part);
        if !read && scheme.sign.messages().any(signed) {
            return Err(SchemeError::Unread(name));
        }
        if read && !scheme.sign.messages().all(signed) {
            return Err(SchemeError::Unsigned(name));
        }
    }
    Ok(())
}

fn check_rules(scheme: &Description) -> Result<(), SchemeError> {
    let labelled = matches!(
        scheme.signature.grammar,
        Grammar::Labels | Grammar::Pairs(_)
    );
    let mut seen = Vec::new();
    for rule in &scheme.rules {
        if labelled && rule.label.is_empty() {
            return Err(SchemeError::NoLabel);
        }
        for label in rule.label.iter() {
            if !labelled {
                return Err(SchemeError::UnexpectedLabel(label.clone()));
            }
            if !is_token(label.as_bytes()) {
                return Err(SchemeError::Label(label.clone()));
            }
            seen.push((label, rule.digest));
        }
        if !labelled && scheme.rules.iter().any(|other| other.digest != rule.digest) {
            return Err(SchemeError::MixedDigests);
        }
        if rule.key.prefix.as_ref().is_some_and(String::is_empty) {
            return Err(SchemeError::Prefix(String::new()));
        }
    }
    if scheme.rules.is_empty() {
        return Err(SchemeError::Nothing("rule"));
    }
    for (label, digest) in &seen {
        if seen
            .iter()
            .any(|(other, kind)| other == label && kind != digest)
        {
            return Err(SchemeError::DoubleLabel((*label).clone()));
        }
    }
    let pair = scheme
        .timestamp
        .iter()
        .flat_map(|timestamp| timestamp.from.iter());
    for place in pair {
        if let Place::Pair(name) = place {
            if !is_token(name.as_bytes()) {
                return Err(SchemeError::Label(name.clone()));
            }
            if seen.iter().any(|(label, _)| *label == name) {
                return Err(SchemeError::DoubleLabel(name.clone()));
            }
        }
    }
    Ok(())
}

fn headers(places: &List<Place>) -> Vec<&HeaderName> {
    fn header(place: &Place) -> Option<&HeaderName> {
        match place {
            Place::Header(name) => Some(name),
            Place::First | Place::Pair(_) => None,
        }
    }
    places.iter().filter_map(header).collect()
}

fn is_header(place: &Place) -> bool {
    matches!(place, Place::Header(_))
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

/// What may name a pair or label a signature.
pub(crate) fn is_token(text: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    (1..=64).contains(&text.len()) && text.iter().all(fits)
}
