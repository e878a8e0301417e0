//! Whether a described handshake can be answered without harm.

use http::{HeaderName, Method};

use super::Echo;
use super::description::HandshakeForm;
use crate::scheme::{Place, SchemeError};

/// Refuses a handshake that would answer what it should not, or could never answer.
pub(crate) fn check(form: &HandshakeForm) -> Result<(), SchemeError> {
    let refuse = |why| Err(SchemeError::Handshake(why));
    let conditions = &form.when.0;
    let mut methods = conditions.iter().flat_map(|when| when.methods.iter());
    let names_methods = conditions.iter().any(|when| !when.methods.is_empty());
    let bodiless = |method: &Method| [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    if !names_methods {
        return refuse("does not say which `methods` it comes with");
    }
    if form.signed {
        if form.token.is_some() || form.takes.is_some() {
            return refuse("is `signed`, so it needs no `token` and cannot bring the secret");
        }
    } else {
        if !form.places().all(is_of_the_head) {
            return refuse("reads the body, so it has to be `signed`");
        }
        if form.visit.is_some() {
            return refuse("asks for a visit, so it has to be `signed`");
        }
        if form.takes.is_none() && !methods.all(|method| bodiless(&method.0)) {
            return refuse(
                "comes with a method other than GET, HEAD and OPTIONS, so it has to be `signed`",
            );
        }
    }
    if form.takes.is_some() && form.mac.is_some() {
        return refuse("brings the secret, so there is no key yet to make a `mac` with");
    }
    if !form.places().all(is_of_the_request) {
        return refuse("reads a place other than header:, query:, json: and form:");
    }
    if form.mac.is_none() && form.echoes().any(Echo::has_mac) {
        return refuse("answers `{mac}` or `{key}` and has no `mac`");
    }
    if let Some(token) = &form.token
        && form
            .echoes()
            .flat_map(Echo::parameters)
            .any(|name| name == token.parameter)
    {
        return refuse("answers the `token` that only sender and receiver may know");
    }
    let answer = &form.answer;
    if !(200..300).contains(&answer.status) {
        return refuse("answers with a status that is no success");
    }
    if answer.text.is_some() && answer.json.is_some() {
        return refuse("answers both `text` and `json`");
    }
    if answer.status == 204 && (answer.text.is_some() || answer.json.is_some()) {
        return refuse("answers 204, which has no body");
    }
    if form.mac.as_ref().is_some_and(|mac| mac.hex && mac.uuid) {
        return refuse("has a `mac` of challenges that are `hex` and `uuid`; say which");
    }
    if form.mac.as_ref().is_some_and(|mac| mac.most == Some(0)) {
        return refuse("has a `mac` whose challenges have `most` 0 characters, so none fits");
    }
    if answer.headers.values().any(|text| !text.fits_a_header()) {
        return refuse("answers a header with a character that no header can have");
    }
    for name in answer.headers.keys() {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| SchemeError::HeaderName(name.clone()))?;
        if RESERVED.contains(&name.as_str()) {
            return refuse("answers a header that is not the sender's to choose");
        }
    }
    Ok(())
}

fn is_of_the_head(place: &Place) -> bool {
    matches!(place, Place::Header(_) | Place::Query(_))
}

fn is_of_the_request(place: &Place) -> bool {
    is_of_the_head(place) || matches!(place, Place::Form(_) | Place::Json(_))
}

/// Headers that frame an answer, or say what it is to be taken for.
const RESERVED: [&str; 9] = [
    "connection",
    "content-length",
    "content-type",
    "keep-alive",
    "location",
    "set-cookie",
    "transfer-encoding",
    "upgrade",
    "x-content-type-options",
];
