//! What of a request's head may be shown: a path, names, and no value.

use http::request::Parts;

/// A target without the values of its query, which may be credentials; a word without a name may be one as well.
pub(super) fn shown(target: &str) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut shown = cut(path, LONGEST_TARGET).to_owned();
    for (at, pair) in query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .enumerate()
    {
        shown.push(if at == 0 { '?' } else { '&' });
        if shown.len() > LONGEST_TARGET {
            shown.push('…');
            break;
        }
        if let Some(name) = name(pair) {
            shown.push_str(cut(name, LONGEST_NAME));
            shown.push('=');
        }
        shown.push('…');
    }
    shown
}

/// The name in a pair of a query. What ends in `=` is none: it may be a word in base64.
fn name(pair: &str) -> Option<&str> {
    let (name, value) = pair.split_once('=')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]%".contains(&byte);
    let is_value = value.bytes().any(|byte| byte != b'=');
    (is_value && name.bytes().all(is_plain)).then_some(name)
}

/// The names of the headers, as many as fit.
pub(super) fn names(head: &Parts) -> Box<[Box<str>]> {
    let mut room = ROOM_FOR_NAMES;
    let names = head
        .headers
        .keys()
        .map(|name| cut(name.as_str(), LONGEST_NAME));
    let fitting = names.take_while(|name| {
        let fits = name.len() <= room;
        room = room.saturating_sub(name.len());
        fits
    });
    fitting.map(Box::from).collect()
}

/// The beginning of a text, at most `most` bytes of it.
pub(super) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

pub(super) const LONGEST_NAME: usize = 64;
pub(super) const LONGEST_TARGET: usize = 256;
/// How many bytes the names of one request's headers may have together.
pub(super) const ROOM_FOR_NAMES: usize = 1_024;
