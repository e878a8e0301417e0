//! Is this request genuine? One engine for every scheme.
//!
//! The signature is judged before the time is, so that "stale" in a log means genuine but old.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, Method};

use crate::grammar::Found;
use crate::mac::{Tag, first_half, sha256};
use crate::message::{Message, Template, Words};
use crate::plan::{Elements, Lock, Plan};
use crate::window::Place;
use crate::{
    Hint, KeyId, Keyring, PublicUrl, Reason, Rejection, ReplayKey, Scheme, SchemeError, Signed,
    Unit, Verified, Window,
};

/// Verifies requests under one scheme with one keyring.
///
/// Everything that does not depend on the request is computed when it is made; a clone shares it.
#[derive(Clone)]
pub struct Verifier {
    plan: Arc<Plan>,
    window: Option<Window>,
    refuses_url_bodies: bool,
}

impl Verifier {
    /// Compiles a scheme with its keys; the window is the scheme's own.
    pub fn new(scheme: &Scheme, keys: &Keyring) -> Result<Self, SchemeError> {
        let plan = Arc::new(Plan::new(scheme, keys)?);
        Ok(Self {
            plan,
            window: scheme.default_window(),
            refuses_url_bodies: false,
        })
    }

    /// Sets how far the signed time may lie from now; `None` leaves the time unchecked.
    ///
    /// A scheme that signs no time cannot have a window.
    pub fn with_window(mut self, window: Option<Window>) -> Result<Self, SchemeError> {
        if window.is_some() && !self.plan.scheme().signs_time() {
            return Err(SchemeError::WindowWithoutTime);
        }
        self.window = window;
        Ok(self)
    }

    /// Refuses bodies that begin with the public address, where the scheme signs URLs too.
    ///
    /// Such a scheme does not sign the method, so that a captured GET verifies as a POST whose body
    /// is the URL. A flow that takes both kinds of method needs this.
    #[must_use]
    pub fn refuse_url_bodies(mut self) -> Self {
        let messages = &self.plan.scheme().description().sign;
        self.refuses_url_bodies = messages.messages().any(|message| message.covers_url());
        self
    }

    /// How far the signed time may lie from now.
    pub fn window(&self) -> Option<Window> {
        self.window
    }

    /// The scheme that is verified.
    pub fn scheme(&self) -> &Scheme {
        self.plan.scheme()
    }

    /// Whether a verdict depends on this header: it holds a signature, its time or its id, or is signed.
    pub fn reads(&self, name: &HeaderName) -> bool {
        self.plan.reads(name)
    }

    /// Looks at everything that can be judged before the body is read: presence and grammar.
    pub fn check_head(&self, method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
        let message = self.plan.message(method)?;
        let mut found = Found::default();
        self.plan.read(headers, &mut found)?;
        self.plan.layout().check(&found)?;
        message.check_headers(headers)?;
        Ok(())
    }

    /// Judges a request.
    pub fn verify(&self, request: &Signed<'_>) -> Result<Verified, Rejection> {
        let template = self.plan.message(request.method)?;
        let mut found = Found::default();
        let elements = self.plan.read(request.headers, &mut found)?;
        self.check_body(template, request.url, request.body)?;
        let message = template.fill(Words {
            timestamp: elements.timestamp,
            id: elements.id,
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
        })?;
        let (key, replay_key) = self.match_key(&found, elements.id, message, request.now)?;
        self.check_time(&elements, request.now)?;
        Ok(Verified::signed(key.clone(), elements.time, replay_key))
    }

    fn check_body(
        &self,
        message: &Template,
        url: PublicUrl<'_>,
        body: &[u8],
    ) -> Result<(), Reason> {
        if !message.covers_body() {
            return if body.is_empty() {
                Ok(())
            } else {
                Err(Reason::UnsignedBody)
            };
        }
        match (self.refuses_url_bodies, url.base) {
            (true, "") => Err(Reason::UnknownUrl),
            (true, base) if body.starts_with(base.as_bytes()) => Err(Reason::AmbiguousBody),
            _ => Ok(()),
        }
    }

    /// Tries every signature with every live key, all of them whatever matches.
    fn match_key(
        &self,
        found: &Found<'_>,
        id: &[u8],
        message: Message<'_>,
        now: SystemTime,
    ) -> Result<(&KeyId, ReplayKey), Reason> {
        let mut matching = None;
        let mut any_active = false;
        let mut any_spelled = false;
        let mut by_first_key = None;
        for (index, key) in self.plan.keys().enumerate() {
            let active = key.is_active(now);
            any_active |= active;
            // The first key names the message even when its time has not come or is over.
            let names_message = index == 0 && id.is_empty();
            let sent = found
                .candidates()
                .filter(|sent| active && key.answers_to(sent.label));
            let sent = sent.filter_map(|sent| self.plan.layout().decode(sent));
            match &key.lock {
                Lock::Mac(mac) if active || names_message => {
                    let tag = mac.tag(message.pieces());
                    for sent in sent {
                        any_spelled = true;
                        if tag.matches(&sent).into() {
                            matching = Some(key);
                        }
                    }
                    if names_message {
                        by_first_key =
                            Some(ReplayKey::from_bytes(first_half(tag.bytes(Tag::ROOM))));
                    }
                }
                #[cfg(feature = "ed25519")]
                Lock::Public(public) if active => {
                    for sent in sent {
                        any_spelled = true;
                        if public.verifies(&sent, message.pieces()) {
                            matching = Some(key);
                        }
                    }
                }
                _ => {}
            }
        }
        match matching {
            Some(key) => Ok((&key.id, replay_key(id, by_first_key, message))),
            None if !any_active => Err(Reason::NoActiveKey),
            None if !any_spelled => Err(Reason::MalformedSignature),
            None => Err(Reason::BadSignature),
        }
    }

    fn check_time(&self, elements: &Elements<'_>, now: SystemTime) -> Result<(), Rejection> {
        let (Some(window), Some(time)) = (self.window, elements.time) else {
            return Ok(());
        };
        let reason = match window.place(time, now) {
            Place::Inside => return Ok(()),
            Place::Before => Reason::StaleTimestamp,
            Place::After => Reason::FutureTimestamp,
        };
        let hint = self.hint(elements.timestamp, window, now);
        Err(Rejection::with_hint(reason, hint))
    }

    /// Whether the time would be fine in another unit; it is refused all the same.
    fn hint(&self, timestamp: &[u8], window: Window, now: SystemTime) -> Option<Hint> {
        let (other, hint) = match self.plan.scheme().timestamp_unit()? {
            Unit::Milliseconds => (Unit::Seconds, Hint::LooksLikeSeconds),
            Unit::Seconds => (Unit::Milliseconds, Hint::LooksLikeMilliseconds),
            Unit::Rfc3339 => return None,
        };
        let time = other.read(timestamp)?;
        (window.place(time, now) == Place::Inside).then_some(hint)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.plan.keys().map(|key| key.id.as_str()).collect();
        f.debug_struct("Verifier")
            .field("scheme", &self.plan.scheme().name())
            .field("keys", &keys)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// The message's name among repeats: its signed id, else the first key's MAC, else its hash.
fn replay_key(id: &[u8], by_first_key: Option<ReplayKey>, message: Message<'_>) -> ReplayKey {
    by_first_key.unwrap_or_else(|| {
        let hash = if id.is_empty() {
            sha256(message.pieces())
        } else {
            sha256([id])
        };
        ReplayKey::from_bytes(first_half(&hash))
    })
}
