//! Checks of one flow.

use std::time::Duration;

use bytes::Bytes;
use countersign::Scheme;
use countersign_tower::{Policy, Repeats};
use http::{HeaderValue, Method, StatusCode};
use toml::Spanned;

use super::auth::{Schemes, Signature, WITHOUT_WINDOW};
use super::check::Checker;
use super::delivery::Retry;
use super::error::{Fault, quoted};
use super::file::{FlowFile, ResponseFile, Text};
use super::listen::MAX_BODY_LIMIT;
use super::{Delivery, Feedback, Flow, FlowId, Ingress, Organization, PathPattern, Replay, ReplayPolicy, Then, units, url};

/// What flows take from the rest of the file.
pub(super) struct Common<'c> {
    pub(super) delivery: &'c Delivery,
    pub(super) ingress: &'c Ingress,
    pub(super) organization: &'c Organization,
    pub(super) retry: &'c Retry,
    pub(super) schemes: &'c Schemes,
}

impl Checker<'_> {
    pub(super) fn flow(&mut self, flow: &Spanned<FlowFile>, common: &Common<'_>) -> Option<Flow> {
        let file = flow.get_ref();
        self.flow = file.id.as_ref().map(|id| id.get_ref().clone());
        let id = self.text("id", file.id.as_ref(), FlowId::parse);
        if file.id.is_none() {
            self.refuse(flow.span(), "a flow has no `id`", "add `id = \"orders\"`, for example; it is found at `/hooks/orders` then");
        }
        let at = file.id.as_ref().map_or_else(|| flow.span(), Spanned::span);
        if file.auth.is_none() {
            let help = "say how its senders are known: `auth = { mode = \"signature\", … }`; to let anybody in, write `auth = { mode = \"none\" }`";
            self.refuse(at.clone(), "the flow has no `auth`", help);
        }
        let checked = file.auth.as_ref().and_then(|auth| self.auth(auth, file.window.as_ref(), common.schemes));
        let signature = checked.as_ref().and_then(|checked| checked.signature.as_ref());
        let methods = self.methods(file, signature);
        let public_url = self.text("public_url", file.public_url.as_ref(), url::public).or_else(|| common.ingress.public_url.clone());
        if let (Some(signature), None) = (signature, &public_url)
            && let Some(method) = methods.iter().find(|method| signature.scheme.needs_public_url(&[(*method).clone()]))
        {
            self.refuse(
                file.methods.as_ref().map_or(at, Spanned::span),
                format!("signatures of {method} cover the public URL, and neither `public_url` nor `ingress.public_url` is there"),
                "say what senders put before the request's path: `public_url = \"https://hooks.example.com\"`",
            );
        }
        // Without `auth` there is an error already, so what follows from it is not told as well.
        let replay = match &checked {
            Some(checked) => self.replay(file, checked.signature.as_ref()),
            None => OFF,
        };
        let path = self.text("path", file.path.as_ref(), PathPattern::parse);
        let then = self.then(flow, common);
        let response = self.response(file);
        let body_limit = self.size("body_limit", file.body_limit.as_ref(), MAX_BODY_LIMIT).unwrap_or(common.ingress.body_limit);
        let organization = self.text("organization", file.organization.as_ref(), Organization::parse).unwrap_or_else(|| common.organization.clone());
        let observe = file.observe.as_ref().is_some_and(|observe| *observe.get_ref());
        let id = id?;

        let mut policy = Policy::builder(checked?.auth)
            .flow(id.as_str())
            .body_limit(body_limit)
            .methods(methods)
            .observe(observe)
            .repeats(match replay.policy {
                ReplayPolicy::Refuse => Repeats::Refuse,
                ReplayPolicy::Acknowledge | ReplayPolicy::Off => Repeats::Acknowledge,
            });
        if let Some(base) = public_url {
            policy = policy.public_url(base);
        }
        if replay.policy != ReplayPolicy::Off {
            policy = policy.remember(replay.keep);
        }
        let fault = |error: countersign_tower::PolicyError| Fault::new(format!("cannot be used: {error}"), "see docs/configuration.md on flows");
        let policy = self.accept("flows", flow.span(), policy.build().map_err(fault))?;
        Some(Flow { id, organization, path, policy: policy.into(), replay, response, then: then? })
    }

    fn methods(&mut self, file: &FlowFile, signature: Option<&Signature>) -> Vec<Method> {
        let Some(list) = &file.methods else { return vec![Method::POST] };
        if list.get_ref().is_empty() {
            self.refuse(list.span(), "`methods` is empty", "list at least one, or leave it out to take POST");
        }
        let mut methods = Vec::with_capacity(list.get_ref().len());
        for text in list.get_ref() {
            let Some(method) = self.text("methods", Some(text), method) else { continue };
            if let Some(signature) = signature
                && leaves_out(&signature.scheme, &method)
            {
                let message = format!("`methods` has {method}, which `{}` does not sign", signature.scheme.name());
                self.refuse(text.span(), message, "remove it: every such request would be refused");
            }
            methods.push(method);
        }
        methods
    }

    fn replay(&mut self, file: &FlowFile, signature: Option<&Signature>) -> Replay {
        let policy = self.text("replay", file.replay.as_ref(), |policy| match policy {
            "acknowledge" => Ok(ReplayPolicy::Acknowledge),
            "off" => Ok(ReplayPolicy::Off),
            "refuse" => Ok(ReplayPolicy::Refuse),
            _ => Err(Fault::new("is not a way to treat repeats", "write \"acknowledge\", \"refuse\" or \"off\"")),
        });
        let wanted = self.duration("replay_for", file.replay_for.as_ref());
        let span = file.replay_for.as_ref().map(Spanned::span).or(file.replay.as_ref().map(Spanned::span)).unwrap_or_default();
        let asked = wanted.is_some() || policy.is_some_and(|policy| policy != ReplayPolicy::Off);
        let Some(signature) = signature else {
            if asked {
                let help = "remove it: without a signature, equal requests may be two events";
                self.refuse(span, "repeats are recognised by their signature, and this flow has none", help);
            }
            return OFF;
        };
        let needed = needed(signature);
        if policy == Some(ReplayPolicy::Off) {
            if wanted.is_some() {
                self.refuse(span, "`replay_for` has no meaning with `replay = \"off\"`", "remove one of them");
            }
            return OFF;
        }
        match (wanted, needed) {
            (Some(keep), Some(least)) if keep < least => {
                let help = format!("write \"{}\" or more, twice the window, or leave it out", units::show(least));
                self.refuse(span, "`replay_for` is shorter than a signature counts", help);
                OFF
            }
            (Some(keep), _) | (None, Some(keep)) => Replay { keep, policy: policy.unwrap_or(ReplayPolicy::Acknowledge) },
            (None, None) if asked => {
                let message = format!("`replay` needs `replay_for`: `{}` signs neither a time nor an id", signature.scheme.name());
                self.refuse(span, message, "say how long equal bodies are taken for repeats: `replay_for = \"10m\"`");
                OFF
            }
            (None, None) => OFF,
        }
    }

    fn then(&mut self, flow: &Spanned<FlowFile>, common: &Common<'_>) -> Option<Then> {
        let file = flow.get_ref();
        match (&file.steps, &file.forward) {
            (Some(_), Some(forward)) => {
                let help = "keep `steps` to store and deliver, or `forward` to pass requests on at once";
                self.refuse(forward.span(), "the flow has both `steps` and `forward`", help);
                None
            }
            (steps, None) => {
                if let Some(observe) = file.observe.as_ref().filter(|observe| *observe.get_ref()) {
                    let help = "remove it: what is not verified is never stored";
                    self.refuse(observe.span(), "`observe` is for flows with `forward` only", help);
                }
                let steps = steps.as_ref().map_or(&[][..], |steps| steps.get_ref());
                Some(Then::Queue { steps: self.steps(steps, common) })
            }
            (None, Some(forward)) => {
                if let Some(response) = &file.response {
                    let help = "remove it: the upstream's own answer is returned";
                    self.refuse(response.span(), "`response` has no meaning with `forward`", help);
                }
                self.forward(forward).map(Then::Forward)
            }
        }
    }

    fn response(&mut self, file: &FlowFile) -> Feedback {
        let Some(response) = &file.response else {
            return Feedback { body: None, content_type: None, status: StatusCode::ACCEPTED };
        };
        let ResponseFile { body, content_type, status } = response.get_ref();
        let status = self.status(status.as_ref()).unwrap_or(StatusCode::ACCEPTED);
        let content_type = self.content_type(content_type.as_ref(), body.as_ref());
        let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
        let body = match body {
            Some(body) if bodiless && !body.get_ref().is_empty() => {
                self.refuse(body.span(), format!("`body` has no meaning with status {}", status.as_u16()), "remove it, or use another status");
                None
            }
            Some(body) => Some(Bytes::copy_from_slice(body.get_ref().as_bytes())),
            None => bodiless.then(Bytes::new),
        };
        Feedback { body, content_type, status }
    }

    fn status(&mut self, written: Option<&Spanned<i64>>) -> Option<StatusCode> {
        let written = written?;
        let status = u16::try_from(*written.get_ref()).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let fault = || Fault::new("is not a success", "use 200 to 299: it is what a sender gets once its event is safe");
        self.accept("status", written.span(), status.filter(StatusCode::is_success).ok_or_else(fault))
    }

    fn content_type(&mut self, written: Option<&Text>, body: Option<&Text>) -> Option<HeaderValue> {
        if let (Some(written), None) = (written, body) {
            self.refuse(written.span(), "`content_type` needs a `body`", "add a `body`, or leave both out to answer with the event's id");
        }
        self.text("content_type", written, |text| {
            let fault = || Fault::new("is not a media type", "write it like \"application/json\"");
            if text.contains('/') { HeaderValue::from_str(text).map_err(|_| fault()) } else { Err(fault()) }
        })
    }
}

fn method(text: &str) -> Result<Method, Fault> {
    let method = METHODS.iter().find(|method| method.as_str() == text).cloned();
    method.ok_or_else(|| {
        let help = "webhooks come as \"POST\", \"PUT\", \"PATCH\", \"GET\" or \"DELETE\", in capitals";
        Fault::new(format!("has {}", quoted(text)), help)
    })
}

/// Whether the scheme knows methods by name, and not this one.
fn leaves_out(scheme: &Scheme, method: &Method) -> bool {
    let signs = |method: &Method| scheme.signs_body(method) || scheme.signs_url(method);
    !signs(method) && METHODS.iter().any(signs)
}

/// How long repeats can come that would verify; `None` where equal requests may be two events.
fn needed(signature: &Signature) -> Option<Duration> {
    match signature.window {
        Some(window) => Some(window.past().max(window.future()).saturating_mul(2)),
        None => (signature.scheme.signs_time() || signature.scheme.signs_id()).then_some(WITHOUT_WINDOW),
    }
}

const METHODS: [Method; 5] = [Method::POST, Method::PUT, Method::PATCH, Method::GET, Method::DELETE];
const OFF: Replay = Replay { keep: Duration::ZERO, policy: ReplayPolicy::Off };
