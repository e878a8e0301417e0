//! Whether a description can be meant: every word of it says something, and some request could be genuine under it.

use super::SchemeError;
use super::check::is_name;
use super::description::{Demand, Description, Form, Grammar, Place, Rule, Sign, When};
use crate::mac::Digest;
use crate::message::{Part, Template};

mod keys;

/// Refuses what could never hold, what is never looked at, and more than any sender has.
pub(super) fn check(scheme: &Description) -> Result<(), SchemeError> {
    if scheme.forms.len() > MOST_VARIANTS {
        return refuse("variants", "are more than any sender has");
    }
    check_window(scheme)?;
    check_reasons(scheme)?;
    for (place, form) in scheme.forms.iter().enumerate() {
        let earlier = scheme.forms.iter().take(place);
        if earlier.clone().any(|earlier| earlier.when.is_empty()) {
            return refuse(
                "variants",
                "has one without `when` before others, which are never reached; put it last",
            );
        }
        let same = |earlier: &Form| !form.when.is_empty() && earlier.when == form.when;
        if earlier.clone().any(same) {
            return refuse(
                "when",
                "is the same for two variants, of which the second is never reached",
            );
        }
        check_form(form)?;
    }
    let conditions = scheme.handshakes.0.iter();
    conditions
        .clone()
        .try_for_each(|form| check_conditions(&form.when.0))?;
    if conditions.len() > MOST_VARIANTS {
        return refuse("handshake", "is more of them than any sender has");
    }
    let names = scheme.vectors.iter().enumerate();
    for (place, vector) in names {
        if vector.has_two_bodies() {
            return refuse(
                "vectors",
                "has one with `body` and `body-base64`; a request has one body",
            );
        }
        let mut earlier = scheme.vectors.iter().take(place);
        if earlier.any(|earlier| earlier.name() == vector.name()) {
            return refuse(
                "vectors",
                "has two of one name; give each a name of its own",
            );
        }
    }
    Ok(())
}

fn check_window(scheme: &Description) -> Result<(), SchemeError> {
    let timed = scheme.forms.iter().any(|form| form.timestamp.is_some());
    if scheme.excludes_edges && !timed {
        return refuse(
            "excludes-edges",
            "is of a window, and the scheme signs no time",
        );
    }
    let Some(window) = scheme.window.map(crate::Window::from) else {
        return Ok(());
    };
    match window
        .past()
        .as_secs()
        .saturating_add(window.future().as_secs())
    {
        0 => refuse(
            "window",
            "of 0 seconds lets nothing in; a flow that wants none says `window = \"off\"`",
        ),
        MOST_SECONDS.. => refuse("window", "is longer than a year; give it in seconds"),
        _ => Ok(()),
    }
}

/// What is told to whoever uses the scheme says something.
fn check_reasons(scheme: &Description) -> Result<(), SchemeError> {
    let is_blank = |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
    if is_blank(&scheme.shared_key) {
        return refuse("shared-key", BLANK);
    }
    let better = scheme.prefer.as_ref();
    if better.is_some_and(|name| !is_name(name) || *name == scheme.name) {
        return refuse("prefer", "is the name of another scheme of the same sender");
    }
    for form in &scheme.forms {
        if is_blank(&form.ambiguous) {
            return refuse("ambiguous", BLANK);
        }
        if is_blank(&form.unsigned_body) {
            return refuse("unsigned-body", BLANK);
        }
    }
    Ok(())
}

fn check_form(form: &Form) -> Result<(), SchemeError> {
    check_conditions(&form.when.0)?;
    check_methods(form)?;
    for demand in &form.require {
        check_demand(form, demand)?;
    }
    keys::check(form)?;
    check_message(form)?;
    let is_in_the_body = |place: &Place| matches!(place, Place::Json(_));
    if form.each.is_some() && !form.signature.from.iter().any(is_in_the_body) {
        return refuse(
            "each",
            "wants a signature of every element: `signature.from` is a `json:` place in it",
        );
    }
    let mut messages = form.messages();
    if form.needs_body && !messages.any(Template::covers_body) {
        return refuse("needs-body", "is for messages with the body in them");
    }
    Ok(())
}

/// All conditions hold for some request.
fn check_conditions(conditions: &[When]) -> Result<(), SchemeError> {
    for (place, when) in conditions.iter().enumerate() {
        if *when == When::default() {
            return refuse(
                "when",
                "says nothing; leave it out, or give `from`, `without`, `methods` or `content-type`",
            );
        }
        if !when.is.is_empty() && when.from.is_none() {
            return refuse("when", "has `is` and no `from` that says where");
        }
        if let Some(place) = when.places().find(|place| !is_readable(place)) {
            return Err(SchemeError::Unreadable("when", place.to_string()));
        }
        if let Some(media) = when.content_type.iter().find(|media| !is_media_type(media)) {
            return Err(SchemeError::MediaType(media.clone()));
        }
        for other in conditions.iter().take(place.saturating_add(1)) {
            let absent =
                |from: &Option<Place>, without: &Option<Place>| from.is_some() && from == without;
            if absent(&when.from, &other.without) || absent(&other.from, &when.without) {
                return refuse(
                    "when",
                    "wants something at a place and nothing there, which never holds",
                );
            }
            let same = when.from.is_some() && when.from == other.from;
            if same && are_apart(&when.is.0, &other.is.0) {
                return refuse(
                    "when",
                    "wants two texts at one place, which never holds; `is` takes a list",
                );
            }
            if are_apart(&when.methods.0, &other.methods.0) {
                return refuse(
                    "when",
                    "has `methods` of which a request cannot have one each, so it never holds",
                );
            }
        }
    }
    Ok(())
}

/// Some request of this form has a method that is signed.
fn check_methods(form: &Form) -> Result<(), SchemeError> {
    let Sign::ByMethod(messages) = &form.sign else {
        return Ok(());
    };
    let signed: Vec<_> = messages
        .iter()
        .flat_map(|one| one.methods.clone())
        .collect();
    for when in &form.when.0 {
        if are_apart(&when.methods.0, &signed) {
            return refuse("when", "has `methods` for which `sign` has no message");
        }
    }
    Ok(())
}

fn check_demand(form: &Form, demand: &Demand) -> Result<(), SchemeError> {
    let is_claim = matches!(demand.from, Place::Claim(_));
    let has_token = matches!(form.signature.grammar, Grammar::Token(_));
    if !(is_readable(&demand.from) || is_claim && has_token) {
        return Err(SchemeError::Unreadable("require", demand.from.to_string()));
    }
    let parameter = demand.parameter.as_deref();
    if parameter.is_some_and(|name| name.trim().is_empty()) {
        return refuse("require", "has a `parameter` without a name");
    }
    let hosts = demand.https.as_ref().map(|https| https.hosts.as_slice());
    if hosts.is_some_and(|hosts| hosts.is_empty() || hosts.iter().any(|host| !names_somebody(host)))
    {
        return refuse(
            "require",
            "has `https` without `hosts` of somebody's own, such as `*.example.com`",
        );
    }
    let mut others = form.require.iter();
    if others.any(|other| other.from == demand.from && are_apart(&other.is.0, &demand.is.0)) {
        return refuse(
            "require",
            "wants two texts at one place, which never holds; `is` takes a list",
        );
    }
    Ok(())
}

/// What is signed can be known before the signature is, and only a hash has the secret in it.
fn check_message(form: &Form) -> Result<(), SchemeError> {
    let has_token = matches!(form.signature.grammar, Grammar::Token(_));
    let is_sent = |rule: &Rule| rule.digest == Digest::Token;
    let is_made = !form.rules.iter().all(is_sent);
    for message in form.messages() {
        if message.is_of_a_token() && !has_token {
            return refuse(
                "sign",
                "has a part of a token, and the grammar of the signature is no `token`",
            );
        }
        let inside = |place: &Place| match place {
            Place::Header(name) => message.reads(name) && message.list() != Some(name),
            Place::Json(_) | Place::Form(_) => message.covers_body(),
            _ => false,
        };
        if is_made && form.signature.from.iter().any(inside) {
            return refuse(
                "sign",
                "has the signature in what is signed, so nobody could make it",
            );
        }
        for rule in &form.rules {
            let is_hash = matches!(rule.digest, Digest::Sha1 | Digest::Sha256);
            match (is_hash, message.has(&Part::Secret)) {
                (true, false) => {
                    return refuse(
                        "digest",
                        "is a plain hash, which anybody can make, unless `sign` has `{secret}` in it; did you mean `hmac-sha256`?",
                    );
                }
                (false, true) => {
                    return refuse(
                        "sign",
                        "has `{secret}` in it, which is for the plain hashes `sha1` and `sha256`",
                    );
                }
                _ => {}
            }
        }
    }
    let mut others = form.or.iter();
    let always = match &form.sign {
        Sign::Always(message) => Some(message),
        Sign::ByMethod(_) => None,
    };
    match others.any(|other| Some(other) == always) {
        true => refuse("or", "has the message of `sign` again"),
        false => Ok(()),
    }
}

/// Whether a place can be read beside the signature.
fn is_readable(place: &Place) -> bool {
    !matches!(
        place,
        Place::Claim(_) | Place::First | Place::Numbered(_) | Place::Pair(_)
    )
}

/// Whether nothing is in both lists, where both say something.
fn are_apart<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    !one.is_empty() && !other.is_empty() && !one.iter().any(|item| other.contains(item))
}

fn is_media_type(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    let is_half = |half: &str| !half.is_empty() && half.bytes().all(fits);
    let halves = text.split_once('/');
    halves.is_some_and(|(kind, sort)| is_half(kind) && is_half(sort))
}

/// Whether the last two labels of a pattern are somebody's.
fn names_somebody(host: &str) -> bool {
    let host = host.split(':').next().unwrap_or_default();
    let mut last = host.rsplit('.').take(2);
    let is_named = |label: &str| !label.is_empty() && !label.contains('*');
    host.contains('.') && last.all(is_named)
}

fn refuse(key: &'static str, why: &'static str) -> Result<(), SchemeError> {
    Err(SchemeError::Senseless { key, why })
}

/// Where a reason is wanted.
const BLANK: &str = "says why, and nothing stands there";

/// A year and a day.
const MOST_SECONDS: u64 = 366 * 24 * 60 * 60;

/// More than any sender has.
const MOST_VARIANTS: usize = 64;
