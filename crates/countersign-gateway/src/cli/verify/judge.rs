//! Who judges a captured request: one scheme and its keys, or a flow of a configuration.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use countersign::{
    Auth, Claim, Given, PublicUrl, Rejection, Signed, Unverified, Verified, Verifier, Window,
};
use countersign_tower::Answer;

use crate::cli::client::block_on;
use crate::cli::keys::{KeyArgs, SchemeArgs};
use crate::cli::message::{Message, split_url};
use crate::cli::{Usage, usage};
use crate::config::{Config, Flow};
use crate::moment::{self, span};

/// The flags that say who judges, and what the request does not tell.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct JudgeArgs {
    #[command(flatten)]
    pub(crate) scheme: SchemeArgs,

    #[command(flatten)]
    pub(crate) keys: KeyArgs,

    /// The public URL of the request, or only its scheme and host.
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// How far the signed time may be from now, on either side; `off` for any [default: the scheme's].
    #[arg(long, value_name = "SPAN", value_parser = window)]
    pub(crate) window: Option<Asked>,

    /// The time of the check, in UNIX seconds or RFC 3339 [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    now: Option<SystemTime>,

    /// Check as a flow of this configuration would.
    #[arg(
        long, short, value_name = "FILE", requires = "flow",
        conflicts_with_all = ["scheme", "unit", "secret_env", "secret_file", "secret", "key_id", "allow_weak_secret", "window"]
    )]
    config: Option<PathBuf>,

    /// The flow, by its id.
    #[arg(long, value_name = "ID", requires = "config")]
    flow: Option<String>,

    /// The address that the request came from, for flows that ask for it.
    #[arg(long, value_name = "ADDRESS", requires = "flow")]
    pub(crate) client: Option<IpAddr>,
}

/// A window as it was asked for; `None` is `off`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked(pub(crate) Option<Duration>);

/// Who judges: one scheme and its keys, or a flow.
pub(crate) enum Judge {
    Flow {
        client: Option<IpAddr>,
        flow: Arc<Flow>,
        others: Vec<Arc<Flow>>,
    },
    Keys(Auth),
}

/// Why a request would not pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refused {
    Method,
    Rejected(Rejection),
    TooLarge { limit: usize },
}

impl JudgeArgs {
    /// Whoever was asked for.
    pub(crate) fn judge(&self) -> anyhow::Result<Judge> {
        if let (Some(path), Some(id)) = (&self.config, &self.flow) {
            let config = Config::load_with_keys(path)?;
            let flow = config.flows.iter().find(|flow| flow.id.as_str() == id);
            let flow =
                flow.ok_or_else(|| usage(format!("{} has no flow `{id}`", path.display())))?;
            let others = config.flows.iter().filter(|other| other.id != flow.id);
            return Ok(Judge::Flow {
                client: self.client,
                flow: Arc::clone(flow),
                others: others.map(Arc::clone).collect(),
            });
        }
        let scheme = self.scheme.scheme()?;
        let verifier = Verifier::new(&scheme, &self.keys.keyring()?)
            .context(Usage("the scheme and the secret do not fit".to_owned()))?;
        let verifier = match self.window {
            None => verifier,
            Some(Asked(window)) => verifier
                .with_window(window.map(Window::symmetric))
                .context(Usage("`--window` does not fit the scheme".to_owned()))?,
        };
        Ok(Judge::Keys(Auth::Signature(verifier)))
    }

    /// The time of the check.
    pub(crate) fn now(&self) -> SystemTime {
        self.now.unwrap_or_else(SystemTime::now)
    }

    /// The two parts of the URL that the sender knows.
    pub(crate) fn public_url(
        &self,
        judge: &Judge,
        message: &Message,
    ) -> anyhow::Result<(String, String)> {
        if let Some(url) = &self.url {
            return match split_url(url) {
                ("", _) => Err(usage(format!(
                    "`{url}` is no absolute URL; write it with https:// or http://"
                ))),
                (base, "" | "/") => Ok((base.to_owned(), message.target.clone())),
                (base, target) => Ok((base.to_owned(), target.to_owned())),
            };
        }
        let base = match judge {
            Judge::Flow { flow, .. } => flow.policy.public_url().unwrap_or_default(),
            Judge::Keys(_) => &message.base,
        };
        if base.is_empty()
            && matches!(judge, Judge::Keys(_))
            && self.scheme.scheme()?.signs_url(&message.method)
        {
            return Err(usage(format!(
                "`{}` signs the public URL of a {}: give it with `--url https://…`",
                self.scheme.scheme.name(),
                message.method
            )));
        }
        Ok((base.to_owned(), message.target.clone()))
    }
}

impl Judge {
    /// The verdict on the message with this URL and body.
    pub(crate) fn verify(
        &self,
        message: &Message,
        url: PublicUrl<'_>,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Verified, Refused> {
        let auth = match self {
            Self::Keys(auth) => auth,
            Self::Flow { flow, .. } => {
                if !flow.policy.methods().contains(&message.method) {
                    return Err(Refused::Method);
                }
                let limit = flow.policy.body_limit();
                if body.len() > limit {
                    return Err(Refused::TooLarge { limit });
                }
                flow.policy.auth()
            }
        };
        let signed = Signed {
            method: &message.method,
            url,
            headers: &message.headers,
            body,
            now,
        };
        let mut given = Given {
            client: self.client(),
            ..Given::default()
        };
        auth.check_head_from(given.client, signed.method, signed.headers)
            .map_err(Refused::Rejected)?;
        loop {
            match auth.judge(&signed, given) {
                Ok(verified) => return Ok(verified),
                Err(Unverified::Ask(claim)) if given.password.is_none() => {
                    given.password = Some(self.has(claim));
                }
                Err(Unverified::Rejected(rejection)) => return Err(Refused::Rejected(rejection)),
                // What has to be fetched is not, for a captured request.
                Err(_) => return auth.verify(&signed).map_err(Refused::Rejected),
            }
        }
    }

    fn client(&self) -> Option<IpAddr> {
        match self {
            Self::Flow { client, .. } => *client,
            Self::Keys(_) => None,
        }
    }

    /// Whether the flow's file of users has this one with this password.
    fn has(&self, claim: Claim) -> bool {
        let Self::Flow { flow, .. } = self else {
            return false;
        };
        let answer = flow.policy.ask(claim);
        let answer = answer.map(|answer| block_on(async { Ok(answer.await) }));
        matches!(answer, Some(Ok(Answer::Right)))
    }
}

impl Refused {
    /// The reason in one word, for scripts.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Method => "method_not_allowed",
            Self::Rejected(rejection) => rejection.reason().as_str(),
            Self::TooLarge { .. } => "body_too_large",
        }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Method => f.write_str("the flow does not take this method"),
            Self::Rejected(rejection) => rejection.reason().fmt(f),
            Self::TooLarge { limit } => write!(f, "the body is over the flow's {limit} bytes"),
        }
    }
}

fn window(text: &str) -> Result<Asked, String> {
    match text {
        "off" => Ok(Asked(None)),
        text => span::parse(text)
            .map(|side| Asked(Some(side)))
            .map_err(|why| format!("{why}, or `off`")),
    }
}
