//! Whether the parts of a description fit together.

use http::HeaderName;

use super::description::{Description, Form, Grammar, KeyEncoding, Place, Rule, Sign};
use super::notation::List;
use super::{SchemeError, sense};
use crate::Unit;
use crate::handshake;
use crate::message::{Part, Template};

pub(super) fn check(scheme: &Description) -> Result<(), SchemeError> {
    if !is_name(&scheme.name) {
        return Err(SchemeError::Name(scheme.name.clone()));
    }
    scheme.forms.iter().try_for_each(check_form)?;
    scheme.handshakes.0.iter().try_for_each(handshake::check)?;
    sense::check(scheme)?;
    if scheme.window.is_some() && scheme.forms.iter().all(|form| form.timestamp.is_none()) {
        return Err(SchemeError::WindowWithoutTime);
    }
    Ok(())
}

fn check_form(form: &Form) -> Result<(), SchemeError> {
    check_methods(&form.sign)?;
    check_key_url(form)?;
    check_grammar(&form.signature.grammar)?;
    check_places(form)?;
    check_signed(form)?;
    check_digits(form)?;
    check_rules(form)?;
    form.messages().try_for_each(|message| {
        if !message.covers_anything() && form.unsigned_body.is_none() {
            return Err(SchemeError::SignsNothing(message.to_string()));
        }
        let counted = form
            .timestamp
            .as_ref()
            .is_some_and(|time| time.digits.is_some());
        match message.is_ambiguous(counted) && form.ambiguous.is_none() {
            true => Err(SchemeError::Ambiguous(message.to_string())),
            false => Ok(()),
        }
    })
}

/// What is fetched is a public key.
fn check_key_url(form: &Form) -> Result<(), SchemeError> {
    let Some(key_url) = &form.key_url else {
        return Ok(());
    };
    let is_public = |rule: &Rule| rule.key.encoding == KeyEncoding::Public;
    match form.rules.iter().all(is_public) {
        true => key_url.check(),
        false => Err(SchemeError::KeyUrl(
            "a rule has keys that are not public ones",
        )),
    }
}

fn check_methods(sign: &Sign) -> Result<(), SchemeError> {
    let Sign::ByMethod(forms) = sign else {
        return Ok(());
    };
    if forms.is_empty() {
        return Err(SchemeError::Nothing("message in `sign`"));
    }
    let mut seen = Vec::new();
    for form in forms {
        if form.methods.is_empty() {
            return Err(SchemeError::Nothing("method in `methods`"));
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
        Grammar::Bare | Grammar::Labels | Grammar::LabelsOr(_) | Grammar::Token(_) => Ok(()),
        Grammar::Marked(marks) => [marks.between, marks.after]
            .into_iter()
            .try_for_each(check_separator),
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
        Grammar::Pairs(separator)
        | Grammar::PairsOrBlanks(separator)
        | Grammar::Positions(separator) => check_separator(*separator),
    }
}

fn check_separator(separator: char) -> Result<(), SchemeError> {
    matches!(separator, ',' | ';' | '&' | '|')
        .then_some(())
        .ok_or(SchemeError::Separator(separator))
}

/// Every element stands where the grammar has a place for it, and no header has two meanings.
fn check_places(form: &Form) -> Result<(), SchemeError> {
    let mut seen = check_signature(form)?;
    let uneven = form.signature.from.as_slice().len();
    let timestamp = form.timestamp.as_ref().map(|timestamp| &timestamp.from);
    let id = form.id.as_ref().map(|id| &id.from);
    for (element, is_time) in timestamp
        .map(|from| (from, true))
        .into_iter()
        .chain(id.map(|from| (from, false)))
    {
        match (element.as_slice(), &form.signature.grammar) {
            ([], _) => return Err(SchemeError::Nothing("place of an element")),
            ([Place::Pair(_)], Grammar::Pairs(_) | Grammar::PairsOrBlanks(_)) if is_time => {}
            ([Place::First], Grammar::Positions(_)) if is_time => {}
            ([Place::Claim(_)], Grammar::Token(_)) => {}
            ([Place::Form(_) | Place::Json(_) | Place::Query(_)], _) => {}
            (places, _) => {
                if let Some(place) = places.iter().find(|place| !is_header(place)) {
                    return Err(SchemeError::Place(place.to_string()));
                }
                if places.len() != uneven.max(1) {
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

/// The headers that hold signatures.
fn check_signature(form: &Form) -> Result<Vec<&HeaderName>, SchemeError> {
    let signature = &form.signature;
    let mut seen = headers(&signature.from);
    match (signature.from.as_slice(), signature.slots.as_slice()) {
        ([], []) => return Err(SchemeError::Nothing("header of the signature")),
        ([], slots) => {
            for slot in slots {
                match &slot.from {
                    Place::Header(name) => seen.push(name),
                    other => return Err(SchemeError::Place(other.to_string())),
                }
            }
            if signature.grammar != Grammar::Bare {
                return Err(SchemeError::Place("slots".to_owned()));
            }
        }
        ([Place::Form(_) | Place::Json(_) | Place::Numbered(_) | Place::Query(_)], []) => {}
        (places, []) => {
            if let Some(place) = places.iter().find(|place| !is_header(place)) {
                return Err(SchemeError::Place(place.to_string()));
            }
        }
        (_, [slot, ..]) => return Err(SchemeError::Place(slot.from.to_string())),
    }
    Ok(seen)
}

/// What is read is signed, and what is signed is read.
fn check_signed(form: &Form) -> Result<(), SchemeError> {
    for demand in form.require.iter().filter(|demand| demand.body.is_some()) {
        let signed = |message: &Template| match &demand.from {
            Place::Claim(_) => message.has_claims(),
            Place::Header(name) => message.reads(name),
            Place::Query(_) => message.covers_url(),
            _ => message.covers_body(),
        };
        if !form.messages().all(signed) {
            return Err(SchemeError::Unsigned("digest of the body"));
        }
    }
    let bound = form.require.iter();
    for demand in bound.filter(|demand| demand.parameter.is_some()) {
        let mut messages = form.messages();
        if !messages.all(|message| is_inside(message, &demand.from)) {
            return Err(SchemeError::Unsigned("element of a parameter"));
        }
    }
    let timestamp = form.timestamp.as_ref().map(|timestamp| &timestamp.from);
    let id = form.id.as_ref().map(|id| &id.from);
    for (name, part, read) in [
        ("timestamp", Part::Timestamp, timestamp),
        ("id", Part::Id, id),
    ] {
        match read {
            None if form.messages().any(|message| message.has(&part)) => {
                return Err(SchemeError::Unread(name));
            }
            Some(places)
                if !form
                    .messages()
                    .all(|message| is_signed(message, &part, places)) =>
            {
                return Err(SchemeError::Unsigned(name));
            }
            _ => {}
        }
    }
    Ok(())
}

/// As many digits as a time of this century has, in its unit.
fn check_digits(form: &Form) -> Result<(), SchemeError> {
    let Some(time) = &form.timestamp else {
        return Ok(());
    };
    match (time.digits, time.unit) {
        (None, _) | (Some(10), Unit::Seconds) | (Some(13), Unit::Milliseconds) => Ok(()),
        (Some(digits), _) => Err(SchemeError::Digits(digits)),
    }
}

/// Whether a message has the element by itself or inside of something else that it has.
fn is_signed(message: &Template, part: &Part, places: &List<Place>) -> bool {
    message.has(part) || places.iter().all(|place| is_inside(message, place))
}

/// Whether what stands at a place is inside of something that a message has.
fn is_inside(message: &Template, place: &Place) -> bool {
    match place {
        Place::Claim(_) => message.has_claims(),
        Place::Form(_) => message.covers_body(),
        Place::Header(name) => message.has_list() || message.reads(name),
        Place::Json(pointer) => {
            let mut signed = message.json_places();
            message.covers_body() || signed.any(|signed| signed == *pointer)
        }
        Place::Query(_) => message.covers_url(),
        Place::First | Place::Numbered(_) | Place::Pair(_) => false,
    }
}

fn check_rules(scheme: &Form) -> Result<(), SchemeError> {
    let slots = &scheme.signature.slots;
    let labelled = !slots.is_empty()
        || matches!(
            scheme.signature.grammar,
            Grammar::Labels
                | Grammar::LabelsOr(_)
                | Grammar::Marked(_)
                | Grammar::Pairs(_)
                | Grammar::PairsOrBlanks(_)
        );
    let mut seen = Vec::new();
    for rule in &scheme.rules {
        if labelled && rule.label.is_empty() && !rule.label_is_key {
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
        if !slots.is_empty()
            && !rule
                .label
                .iter()
                .all(|name| slots.iter().any(|s| s.label == *name))
        {
            return Err(SchemeError::Nothing("slot of a label"));
        }
        if rule.key.encoding == KeyEncoding::Public && rule.digest.can_sign() {
            return Err(SchemeError::PublicSecret);
        }
        if rule.key.prefix.as_ref().is_some_and(String::is_empty) {
            return Err(SchemeError::Prefix(String::new()));
        }
    }
    if scheme.rules.is_empty() {
        return Err(SchemeError::Nothing("rule in `rules`"));
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
            _ => None,
        }
    }
    places.iter().filter_map(header).collect()
}

fn is_header(place: &Place) -> bool {
    matches!(place, Place::Header(_))
}

pub(super) fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

/// What may name a pair or label a signature.
pub(crate) fn is_token(text: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    (1..=64).contains(&text.len()) && text.iter().all(fits)
}
