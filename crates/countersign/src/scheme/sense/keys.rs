//! Whether signatures and keys can be as they are described.

use super::super::SchemeError;
use super::super::description::{Form, Grammar, KeyForm, Place, Rule, SignatureForm};
use super::refuse;
use crate::KeyId;
use crate::encoding::Encoding;
use crate::mac::Digest;

pub(super) fn check(form: &Form) -> Result<(), SchemeError> {
    check_signature(&form.signature)?;
    check_rules(form)
}

fn check_signature(signature: &SignatureForm) -> Result<(), SchemeError> {
    let mut places = signature.from.iter();
    let in_headers =
        !signature.from.is_empty() && places.all(|place| matches!(place, Place::Header(_)));
    if signature.repeated && !in_headers {
        return refuse("repeated", "is for a signature that stands in one header");
    }
    match &signature.grammar {
        Grammar::Token(algorithm) if digest_of(algorithm).is_none() => {
            Err(SchemeError::Algorithm(algorithm.clone()))
        }
        Grammar::Token(_) if signature.encoding != Encoding::Base64Url => {
            refuse("signature.encoding", "of a token is `base64-url`")
        }
        Grammar::Prefix(text) | Grammar::OptionalPrefix(text) if text.len() > LONGEST_PREFIX => {
            refuse(
                "signature.grammar",
                "has a prefix that is longer than any sender's",
            )
        }
        _ => Ok(()),
    }
}

fn check_rules(form: &Form) -> Result<(), SchemeError> {
    let signature = &form.signature;
    if form.rules.len() > MOST_RULES {
        return refuse("rules", "are more than any sender has");
    }
    for (place, rule) in form.rules.iter().enumerate() {
        if let Grammar::Token(algorithm) = &signature.grammar
            && digest_of(algorithm) != Some(rule.digest)
        {
            return Err(SchemeError::Algorithm(algorithm.clone()));
        }
        if signature.encoding == Encoding::Text && rule.digest != Digest::Token {
            return refuse(
                "signature.encoding",
                "`text` is for the digest `token`; a signature is hex or base64",
            );
        }
        if rule.label_is_key && !rule.label.is_empty() {
            return refuse(
                "rules",
                "has a `label` and `label-is-key`; a label is one or the other",
            );
        }
        check_key(rule)?;
        let mut earlier = form.rules.iter().take(place);
        if earlier.any(|earlier| takes_all(&earlier.key, &rule.key)) {
            return refuse(
                "rules",
                "has a rule whose keys all belong to one before it; tell them apart by `prefix` or `id`, or give one rule several labels",
            );
        }
    }
    for (place, slot) in signature.slots.iter().enumerate() {
        let mut labels = form.rules.iter().flat_map(|rule| rule.label.iter());
        if !labels.any(|label| *label == slot.label) {
            return refuse("signature.slots", "has a label of which no rule is");
        }
        let mut earlier = signature.slots.iter().take(place);
        if earlier.any(|earlier| earlier.label == slot.label) {
            return refuse("signature.slots", "has two headers for one label");
        }
    }
    Ok(())
}

fn check_key(rule: &Rule) -> Result<(), SchemeError> {
    let key = &rule.key;
    if key.length == Some(0) {
        return refuse("key.length", "of 0 bytes is no key");
    }
    if key.optional && key.prefix.is_none() {
        return refuse(
            "key.optional",
            "says that a `prefix` may be missing, and there is none",
        );
    }
    if key
        .id
        .as_deref()
        .is_some_and(|id| KeyId::parse(id).is_err())
    {
        return refuse(
            "key.id",
            "is no id of a key: letters, digits, `.`, `_` and `-`",
        );
    }
    if key.private.is_some() && rule.digest != Digest::Ed25519 {
        return refuse("key.private", "is for the digest `ed25519`");
    }
    Ok(())
}

/// Whether every key of the later form is one of the earlier.
fn takes_all(earlier: &KeyForm, later: &KeyForm) -> bool {
    let any_id = earlier.id.is_none() || earlier.id == later.id;
    let any_text = match (&earlier.prefix, &later.prefix) {
        (None, _) => true,
        (Some(_), _) if earlier.optional => true,
        (Some(one), Some(other)) => other.starts_with(one.as_str()) && !later.optional,
        (Some(_), None) => false,
    };
    any_id && any_text
}

/// The digest that a token's algorithm stands for.
fn digest_of(algorithm: &str) -> Option<Digest> {
    Some(match algorithm {
        "ES256" => Digest::EcdsaP256Fixed,
        "EdDSA" => Digest::Ed25519,
        "HS256" => Digest::HmacSha256,
        "HS512" => Digest::HmacSha512,
        "RS256" => Digest::RsaSha256,
        "RS512" => Digest::RsaSha512,
        _ => return None,
    })
}

/// Longer ones are part of no header.
const LONGEST_PREFIX: usize = 256;

/// More than any sender has.
const MOST_RULES: usize = 32;
