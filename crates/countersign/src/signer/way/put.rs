//! What one way of signing puts into a request, and where.

use http::HeaderName;

use super::Way;
use crate::Unit;
use crate::message::Template;
use crate::plan::is_id;
use crate::scheme::Place;
use crate::signer::draft::{Draft, Kind};
use crate::signer::line::{Signature, lines};
use crate::signer::{SignError, ToSign};

impl Way {
    pub(super) fn check_body(&self, template: &Template, body: &[u8]) -> Result<(), SignError> {
        let form = &self.form;
        let lax = form.unsigned_body.is_some() || form.demands_body();
        if !template.covers_body() && !body.is_empty() && !lax {
            return Err(SignError::UnsignedBody);
        }
        match body.is_empty() && form.needs_body {
            true => Err(SignError::EmptyBody),
            false => Ok(()),
        }
    }

    /// Writes the texts that are known: of the conditions for this way, and of what is demanded.
    pub(super) fn meet_demands(&self, draft: &mut Draft<'_>) -> Result<(), SignError> {
        let conditions = self.form.when.0.iter();
        let conditions = conditions.filter_map(|when| Some((when.from.as_ref()?, &when.is)));
        let demands = self.form.require.iter();
        let demands = demands.map(|demand| (&demand.from, &demand.is));
        for (place, texts) in conditions.chain(demands) {
            let Some(wanted) = texts.as_slice().first() else {
                continue;
            };
            match draft.read(place) {
                Some(found) if texts.iter().any(|text| *text.as_bytes() == *found) => {}
                Some(_) => return Err(SignError::Contradiction(place.to_string())),
                None => draft.put(place, wanted.as_bytes(), Kind::Text)?,
            }
        }
        Ok(())
    }

    pub(super) fn put_timestamp(
        &self,
        draft: &mut Draft<'_>,
        message: &ToSign<'_>,
    ) -> Result<String, SignError> {
        let Some(timestamp) = &self.form.timestamp else {
            return Ok(String::new());
        };
        let text = timestamp.unit.write(message.now).ok_or(SignError::Clock)?;
        // Beside a signature that is a text in the body, a time is one too.
        let is_beside = matches!(self.form.signature.from.as_slice(), [Place::Json(_)]);
        let kind = match timestamp.unit {
            Unit::Rfc3339 => Kind::Text,
            _ if is_beside => Kind::Text,
            _ => Kind::Number,
        };
        match timestamp.from.iter().next() {
            None | Some(Place::Pair(_) | Place::First) => {}
            Some(place) => draft.put(place, text.as_bytes(), kind)?,
        }
        Ok(text)
    }

    /// Writes the id that the caller gives, else keeps the one that the request has.
    pub(super) fn put_id(
        &self,
        draft: &mut Draft<'_>,
        message: &ToSign<'_>,
    ) -> Result<String, SignError> {
        let Some(form) = &self.form.id else {
            return Ok(String::new());
        };
        let given = message.id.map(|id| id.as_bytes().to_vec());
        let own = || form.from.iter().find_map(|place| draft.read(place));
        let id = given.or_else(own).ok_or(SignError::MissingId)?;
        let id = String::from_utf8(id).ok().filter(|id| is_id(id.as_bytes()));
        let id = id.ok_or(SignError::MalformedId)?;
        if let Some(place) = form.from.iter().next() {
            draft.put(place, id.as_bytes(), Kind::Text)?;
        }
        Ok(id)
    }

    /// Writes the list of signed headers, where the scheme has one and the request does not.
    pub(super) fn put_list(
        &self,
        template: &Template,
        draft: &mut Draft<'_>,
    ) -> Result<(), SignError> {
        let Some(name) = template.list() else {
            return Ok(());
        };
        let place = Place::Header(name.clone());
        if draft.own().contains_key(name) {
            return Ok(());
        }
        let names = [name].into_iter().chain(&self.listed);
        let names: Vec<_> = names.map(HeaderName::as_str).collect();
        draft.put(&place, names.join(",").as_bytes(), Kind::Text)
    }

    /// Writes the body's hash where the scheme wants it in a header or in the URL.
    pub(super) fn put_digests(&self, draft: &mut Draft<'_>) -> Result<(), SignError> {
        for demand in &self.form.require {
            if let (Some(digest), Place::Header(_) | Place::Query(_)) = (demand.body, &demand.from)
            {
                let text = digest.text(draft.body());
                draft.put(&demand.from, text.as_bytes(), Kind::Text)?;
            }
        }
        Ok(())
    }

    pub(super) fn put_signatures(
        &self,
        draft: &mut Draft<'_>,
        timestamp: &str,
        signatures: &[Signature],
    ) -> Result<(), SignError> {
        for slot in self.form.signature.slots.iter().rev() {
            let mut fitting = signatures.iter();
            if let (Some((_, text)), Place::Header(name)) =
                (fitting.find(|(label, _)| *label == slot.label), &slot.from)
            {
                draft.add_first(name.clone(), text)?;
            }
        }
        let Some(place) = self.form.signature.from.iter().next() else {
            return Ok(());
        };
        let lines = lines(&self.form, timestamp, signatures);
        for (index, line) in lines.into_iter().enumerate().rev() {
            match place {
                Place::Header(name) => draft.add_first(name.clone(), &line)?,
                Place::Numbered(prefix) => {
                    let name = format!("{prefix}{}", index.saturating_add(1));
                    let name = name.parse().map_err(|_| SignError::Unprintable)?;
                    draft.add_first(name, &line)?;
                }
                place => draft.put(place, &line, Kind::Text)?,
            }
        }
        Ok(())
    }
}
