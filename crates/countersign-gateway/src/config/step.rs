//! Checks of a flow's destinations.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign::{Keyring, Signer};
use http::{HeaderMap, HeaderName, HeaderValue};
use toml::Spanned;

use super::check::Checker;
use super::delivery::RetryFile;
use super::error::{Fault, quoted};
use super::file::{Either, ForwardFile, Secretive, StepFile, Text};
use super::flow::Common;
use super::{Step, StepName, StepUrl, Upstream, url};
use crate::hop;

impl Checker<'_> {
    pub(super) fn steps(
        &mut self,
        files: &[Spanned<StepFile>],
        common: &Common<'_>,
    ) -> Vec<Arc<Step>> {
        let mut steps: Vec<Arc<Step>> = Vec::with_capacity(files.len());
        for file in files {
            let Some(step) = self.step(file, common) else {
                continue;
            };
            if steps.iter().any(|known| known.name == step.name) {
                let message = format!("two steps are named `{}`", step.name);
                let span = file
                    .get_ref()
                    .name
                    .as_ref()
                    .map_or_else(|| file.span(), Spanned::span);
                self.refuse(
                    span,
                    message,
                    "give each step of a flow a `name` of its own",
                );
            }
            steps.push(Arc::new(step));
        }
        steps
    }

    pub(super) fn forward(&mut self, file: &Spanned<Either<ForwardFile>>) -> Option<Upstream> {
        const HELP: &str = "write it like \"http://127.0.0.1:3000\", or { url = \"http://127.0.0.1:3000\", timeout = \"30s\" }";
        let mut timeout = None;
        let base = match file.get_ref() {
            Either::Plain(toml::Value::String(text)) => {
                self.accept("forward", file.span(), url::upstream(text))
            }
            Either::Plain(_) => self.accept(
                "forward",
                file.span(),
                Err(Fault::new("is not a URL", HELP)),
            ),
            Either::Table(ForwardFile { url: None, .. }) => {
                self.refuse(file.span(), "`forward` has no `url`", HELP);
                None
            }
            Either::Table(table) => {
                timeout = self.duration("timeout", table.timeout.as_ref());
                self.text("url", table.url.as_ref(), url::upstream)
            }
        };
        Some(Upstream {
            base: base?,
            timeout: timeout.unwrap_or(super::delivery::DEFAULT_TIMEOUT),
        })
    }

    fn step(&mut self, step: &Spanned<StepFile>, common: &Common<'_>) -> Option<Step> {
        let file = step.get_ref();
        let name = self.text("name", file.name.as_ref(), StepName::parse);
        if file.name.is_none() {
            self.refuse(
                step.span(),
                "a step has no `name`",
                "add `name = \"billing\"`, for example; deliveries belong to it",
            );
        }
        let url = self.text("url", file.url.as_ref(), StepUrl::parse);
        if file.url.is_none() {
            self.refuse(
                step.span(),
                "a step has no `url`",
                "say where it is: `url = \"https://billing.example.com/in\"`",
            );
        }
        let signer = self.signer(step, common);
        let headers = self.headers(&file.headers);
        let retry = RetryFile {
            max_retries: file.max_retries.as_ref(),
            retry_delay: file.retry_delay.as_ref(),
            retry_delays: file.retry_delays.as_ref(),
        };
        let retry = self.retry(&retry, common.retry.clone());
        let timeout = self
            .duration("timeout", file.timeout.as_ref())
            .unwrap_or(common.delivery.timeout);
        let verify_tls = file.tls.verify.unwrap_or(true);
        if !verify_tls {
            let help = "anybody on the way can pretend to be this step; remove it once its certificate is in order";
            self.warn(
                step.span(),
                "`tls.verify = false`: the step's certificate is not checked",
                help,
            );
        }
        Some(Step {
            headers,
            name: name?,
            schedule: retry.schedule(),
            signer: signer?,
            timeout,
            url: url?,
            verify_tls,
        })
    }

    /// `None` when something is wrong, `Some(None)` when the step gets no signature.
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether it is known, the inner one is the answer"
    )]
    fn signer(&mut self, step: &Spanned<StepFile>, common: &Common<'_>) -> Option<Option<Signer>> {
        let file = step.get_ref();
        if file.secret.is_none() && file.keys.is_none() {
            let lonely = [("scheme", &file.scheme), ("timestamp", &file.timestamp)];
            if let Some((key, text)) = lonely
                .into_iter()
                .find_map(|(key, text)| Some((key, text.as_ref()?)))
            {
                let help = "add `secret = { env = \"NAME\" }`, or remove it: without a secret nothing is signed";
                self.refuse(text.span(), format!("`{key}` needs a secret"), help);
                return None;
            }
            return Some(None);
        }
        let scheme = match &file.scheme {
            Some(name) => self.text("scheme", Some(name), |name| common.schemes.find(name)),
            None => self.accept("scheme", step.span(), common.schemes.find(DEFAULT_SCHEME)),
        };
        let scheme = self.unit(scheme?, file.timestamp.as_ref())?;
        let signer = match (&file.secret, &file.keys) {
            (Some(secret), Some(_)) => {
                self.refuse(
                    secret.span(),
                    "a step has both `secret` and `keys`",
                    "keep `keys` while a secret is being rotated, else `secret`",
                );
                None
            }
            (None, Some(keys)) => self
                .keyring(keys, Some(&scheme), |ring| Signer::new(&scheme, ring))
                .map(Some),
            (Some(source), None) => {
                let secret = self.secret("secret", source)?;
                let signer = Signer::new(&scheme, &Keyring::single(secret));
                let fault = |error: countersign::SchemeError| {
                    let help = "use the secret as the receiver has it; a short one needs `keys = [{ secret = …, allow_weak_secret = true }]`";
                    Fault::new(format!("does not fit: {error}"), help)
                };
                self.accept("secret", source.span(), signer.map_err(fault))
                    .map(Some)
            }
            (None, None) => Some(None),
        }?;
        if let Some(signer) = signer.as_ref().filter(|signer| !signer.adds_headers_only()) {
            let name = signer.scheme().name();
            self.refuse(
                file.scheme.as_ref().map_or(step.span(), Spanned::span),
                format!("`scheme` {name} signs inside the body or the URL, and a step gets both as they came"),
                "use a scheme whose signature is a header, such as `standard-webhooks`",
            );
            return None;
        }
        Some(signer)
    }

    fn headers(&mut self, file: &BTreeMap<Text, Secretive>) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(file.len());
        for (written, value) in file {
            let Some(name) = self.accept("headers", written.span(), header_name(written.get_ref()))
            else {
                continue;
            };
            let Some(text) = self.secret("headers", value) else {
                continue;
            };
            let checked = HeaderValue::from_bytes(text.expose());
            let fault = |_| {
                Fault::new(
                    "has a value with control characters",
                    "remove line breaks and the like",
                )
            };
            let Some(mut checked) = self.accept("headers", value.span(), checked.map_err(fault))
            else {
                continue;
            };
            checked.set_sensitive(true);
            if headers.keys().any(|known| hop::same(known, &name)) {
                self.refuse(
                    written.span(),
                    "`headers` names one header twice",
                    "header names do not tell capitals from small letters, and receivers may not tell `_` and `.` from `-`",
                );
            }
            headers.insert(name, checked);
        }
        headers
    }
}

fn header_name(text: &str) -> Result<HeaderName, Fault> {
    let fault = || {
        Fault::new(
            format!("has {}, which is not the name of a header", quoted(text)),
            "use letters, digits and hyphens",
        )
    };
    let name: HeaderName = text.parse().map_err(|_| fault())?;
    if hop::is_reserved(&name)
        || hop::is_hop_by_hop(&name)
        || hop::is_framing(&name)
        || hop::is_for_proxies(&name)
    {
        return Err(Fault::new(
            format!("has `{name}`, which the gateway sets itself"),
            "remove it",
        ));
    }
    Ok(name)
}

const DEFAULT_SCHEME: &str = "designer-cloud";
