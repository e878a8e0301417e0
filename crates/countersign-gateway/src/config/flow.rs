//! Checks of one flow.

use std::sync::Arc;

use countersign::Scheme;
use countersign_tower::{Policy, PolicyBuilder, PolicyError, Repeats};
use http::Method;
use toml::{Spanned, Value};

use super::auth::{Checked, Signature};
use super::check::Checker;
use super::delivery::Retry;
use super::error::{Fault, quoted};
use super::file::FlowFile;
use super::listen::MAX_BODY_LIMIT;
use super::replay::OFF;
use super::scheme::Schemes;
use super::{
    Delivery, Flow, FlowId, Ingress, Organization, PathPattern, ReplayPolicy, Spare, Then, url,
};

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
        let id = self.id(flow);
        let handshake = file.handshake.as_ref().map(Spanned::get_ref);
        self.answers = handshake != Some(&Value::Boolean(false));
        let mut checked = self.who(flow, common);
        if checked
            .as_ref()
            .is_some_and(|checked| checked.passwords.is_some())
        {
            self.warn_of_one_address(file, common.ingress);
        }
        let parameters = checked.as_mut().map(Checked::take_parameters);
        let signatures = checked
            .as_ref()
            .map_or(&[][..], |checked| &checked.signatures);
        let handshakes = self.handshakes(flow, signatures, parameters.unwrap_or_default());
        let registration = self.registration(flow, signatures, &handshakes);
        let methods = self.methods(file, signatures);
        let public_url = self.public_url(file, signatures, &methods, common);
        // Without `auth` there is an error already, so what follows from it is not told as well.
        let replay = match &checked {
            Some(checked) => self.replay(file, &checked.signatures),
            None => OFF,
        };
        let path = self.text("path", file.path.as_ref(), PathPattern::parse);
        let then = self.then(flow, common);
        let response = self.response(file);
        let body_limit = self
            .size("body_limit", file.body_limit.as_ref(), MAX_BODY_LIMIT)
            .unwrap_or(common.ingress.body_limit);
        let organization = self
            .text(
                "organization",
                file.organization.as_ref(),
                Organization::parse,
            )
            .unwrap_or_else(|| common.organization.clone());
        let observe = file
            .observe
            .as_ref()
            .is_some_and(|observe| *observe.get_ref());
        let diagnose = self.diagnose(file);
        let kept = signatures.iter().filter(|_| diagnose || self.keeps_keys);
        let spare = kept.map(|signature| Spare {
            keys: signature.keys.clone(),
            scheme: signature.scheme.clone(),
        });
        let spare = spare.collect();
        let id = id?;
        let checked = checked?;

        let mut policy = Policy::builder(checked.auth)
            .flow(id.as_str())
            .handshakes(handshakes)
            .body_limit(body_limit)
            .methods(methods)
            .observe(observe)
            .read_all(diagnose)
            .repeats(match replay.policy {
                ReplayPolicy::Acknowledge => Repeats::Acknowledge,
                ReplayPolicy::Off => Repeats::Allow,
                ReplayPolicy::Refuse => Repeats::Refuse,
            });
        if let Some(base) = public_url {
            policy = policy.public_url(base);
        }
        if let Some(passwords) = checked.passwords {
            policy = policy.passwords(Arc::new(passwords));
        }
        if replay.policy != ReplayPolicy::Off {
            policy = policy.remember(replay.keep);
        }
        let policy = self.policy(flow, policy)?;
        Some(Flow {
            diagnose,
            id,
            organization,
            path,
            policy,
            registration,
            replay,
            response,
            spare,
            then: then?,
        })
    }

    fn diagnose(&mut self, file: &FlowFile) -> bool {
        let Some(diagnose) = file.diagnose.as_ref().filter(|written| *written.get_ref()) else {
            return false;
        };
        self.warn(
            diagnose.span(),
            "`diagnose = true` keeps refused requests with their bodies, and the flow's secrets, in memory",
            "remove it once you know why they are refused",
        );
        true
    }

    /// Where only a proxy can reach us and none is trusted, passwords of all senders wait for each other.
    fn warn_of_one_address(&mut self, file: &FlowFile, ingress: &Ingress) {
        if ingress.listen.ip().is_loopback() && ingress.trusted_proxies.is_empty() {
            let span = file.auth.as_ref().map(Spanned::span).unwrap_or_default();
            self.warn(
                span,
                "with `htpasswd`, all senders behind a proxy that is not trusted are one address, whose passwords are checked one after another",
                "name the proxy in front of `ingress.listen`: `trusted_proxies = [\"127.0.0.1\"]` in `ingress`",
            );
        }
    }

    fn id(&mut self, flow: &Spanned<FlowFile>) -> Option<FlowId> {
        let id = flow.get_ref().id.as_ref();
        if id.is_none() {
            let help = "add `id = \"orders\"`, for example; it is found at `/hooks/orders` then";
            self.refuse(flow.span(), "a flow has no `id`", help);
        }
        self.text("id", id, FlowId::parse)
    }

    fn who(&mut self, flow: &Spanned<FlowFile>, common: &Common<'_>) -> Option<Checked> {
        let FlowFile {
            auth, id, window, ..
        } = flow.get_ref();
        if auth.is_none() {
            let span = id.as_ref().map_or_else(|| flow.span(), Spanned::span);
            let help = "say how its senders are known: `auth = { mode = \"signature\", … }`; to let anybody in, write `auth = { mode = \"none\" }`";
            self.refuse(span, "the flow has no `auth`", help);
        }
        self.auth(auth.as_ref()?, window.as_ref(), common.schemes)
    }

    /// Builds what the Layer asks of requests. What could be wrong here has been refused before.
    fn policy(&mut self, flow: &Spanned<FlowFile>, builder: PolicyBuilder) -> Option<Arc<Policy>> {
        let fault = |error: PolicyError| {
            let help = "see docs/configuration.md on flows";
            Fault::new(format!("cannot be used: {error}"), help)
        };
        self.accept("flows", flow.span(), builder.build().map_err(fault))
            .map(Arc::new)
    }

    /// The flow's own public URL, else the ingress's; refused where one is needed and there is none.
    fn public_url(
        &mut self,
        file: &FlowFile,
        signatures: &[Signature],
        methods: &[Method],
        common: &Common<'_>,
    ) -> Option<Arc<str>> {
        let own = self.text("public_url", file.public_url.as_ref(), url::public);
        let known = own.or_else(|| common.ingress.public_url.clone());
        let needs = |method: &&Method| {
            let method = std::slice::from_ref(*method);
            let mut schemes = signatures.iter().map(|signature| &signature.scheme);
            schemes.any(|scheme| scheme.needs_public_url(method))
        };
        let Some(method) = methods.iter().find(needs).filter(|_| known.is_none()) else {
            return known;
        };
        if file.public_url.is_none() {
            let span = file
                .methods
                .as_ref()
                .map(Spanned::span)
                .or(file.auth.as_ref().map(Spanned::span));
            self.refuse(
                span.unwrap_or_default(),
                format!("signatures of {method} cover the public URL, and neither `public_url` nor `ingress.public_url` is there"),
                "say what senders put before the request's path: `public_url = \"https://hooks.example.com\"`",
            );
        }
        Some("https://not.configured.invalid".into())
    }

    fn methods(&mut self, file: &FlowFile, signatures: &[Signature]) -> Vec<Method> {
        let Some(list) = &file.methods else {
            return vec![Method::POST];
        };
        if list.get_ref().is_empty() {
            self.refuse(
                list.span(),
                "`methods` is empty",
                "list at least one, or leave it out to take POST",
            );
            return vec![Method::POST];
        }
        let mut methods = Vec::with_capacity(list.get_ref().len());
        for text in list.get_ref() {
            let Some(method) = self.text("methods", Some(text), method) else {
                continue;
            };
            let mut schemes = signatures.iter().map(|signature| &signature.scheme);
            if let Some(scheme) = schemes.find(|scheme| leaves_out(scheme, &method)) {
                let message = format!(
                    "`methods` has {method}, which `{}` does not sign",
                    scheme.name()
                );
                self.refuse(
                    text.span(),
                    message,
                    "remove it: every such request would be refused",
                );
            }
            methods.push(method);
        }
        if methods.is_empty() {
            methods.push(Method::POST);
        }
        methods
    }

    fn then(&mut self, flow: &Spanned<FlowFile>, common: &Common<'_>) -> Option<Then> {
        let file = flow.get_ref();
        match (&file.steps, &file.forward) {
            (Some(steps), Some(forward)) => {
                let help =
                    "keep `steps` to store and deliver, or `forward` to pass requests on at once";
                self.refuse(
                    forward.span(),
                    "the flow has both `steps` and `forward`",
                    help,
                );
                self.steps(steps.get_ref(), common);
                self.forward(forward);
                None
            }
            (steps, None) => {
                if let Some(observe) = file.observe.as_ref().filter(|observe| *observe.get_ref()) {
                    let help = "remove it: what is not verified is never stored";
                    self.refuse(
                        observe.span(),
                        "`observe` is for flows with `forward` only",
                        help,
                    );
                }
                let steps = steps.as_ref().map_or(&[][..], |steps| steps.get_ref());
                Some(Then::Queue {
                    steps: self.steps(steps, common),
                })
            }
            (None, Some(forward)) => {
                if let Some(response) = &file.response {
                    let help = "remove it: the upstream's own answer is returned";
                    self.refuse(
                        response.span(),
                        "`response` has no meaning with `forward`",
                        help,
                    );
                }
                self.forward(forward).map(Then::Forward)
            }
        }
    }
}

fn method(text: &str) -> Result<Method, Fault> {
    let method = METHODS
        .iter()
        .find(|method| method.as_str() == text)
        .cloned();
    method.ok_or_else(|| {
        let help = "use \"POST\", \"PUT\", \"PATCH\", \"GET\" or \"DELETE\", in capitals";
        Fault::new(
            format!("has {}, which webhooks do not come with", quoted(text)),
            help,
        )
    })
}

/// Whether the scheme knows methods by name, and not this one.
fn leaves_out(scheme: &Scheme, method: &Method) -> bool {
    let signs = |method: &Method| scheme.signs(method);
    !signs(method) && METHODS.iter().any(signs)
}

const METHODS: [Method; 5] = [
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::GET,
    Method::DELETE,
];
