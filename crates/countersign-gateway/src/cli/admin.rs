//! The admin API of a running gateway, as commands ask it.

use std::env;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::client::{self, Answer};
use super::out::Out;
use super::{Usage, input, usage};

/// Which gateway is asked, and in whose name.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct AdminArgs {
    /// The gateway's admin listener.
    #[arg(
        long,
        value_name = "URL",
        env = "COUNTERSIGN_ADMIN",
        default_value = "http://127.0.0.1:8081"
    )]
    admin: String,

    /// The environment variable that holds the admin token.
    #[arg(
        long,
        value_name = "VARIABLE",
        default_value = "COUNTERSIGN_TOKEN",
        conflicts_with = "token_file"
    )]
    token_env: String,

    /// The file that holds the admin token.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl AdminArgs {
    /// The API that is meant.
    pub(super) fn client(&self) -> anyhow::Result<Admin> {
        Admin::new(&self.admin, &self.token()?)
    }

    fn token(&self) -> anyhow::Result<String> {
        if let Some(path) = &self.token_file {
            let text = String::from_utf8(input::read(path)?)
                .map_err(|_| usage(format!("{} holds no token", path.display())))?;
            return Ok(text.trim_end().to_owned());
        }
        env::var(&self.token_env).map_err(|_| {
            usage(format!(
                "no admin token: put it into the environment variable `{}`, or give `--token-file FILE`",
                self.token_env
            ))
        })
    }
}

/// The admin API of one gateway.
pub(super) struct Admin {
    base: String,
    authorization: HeaderValue,
}

impl Admin {
    /// The API at `base`, asked with `token`.
    pub(super) fn new(base: &str, token: &str) -> anyhow::Result<Self> {
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(usage(format!(
                "`{base}` begins neither with http:// nor with https://"
            )));
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).context(
            Usage("the admin token has a character that no token has".to_owned()),
        )?;
        authorization.set_sensitive(true);
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            authorization,
        })
    }

    /// One question.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.ask(Method::GET, path).await
    }

    /// One question, or a request to change something.
    pub(super) async fn ask(&self, method: Method, path: &str) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.base);
        let uri: Uri = url.parse().context(Usage(format!("`{url}` is no URL")))?;
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, self.authorization.clone());
        client::exchange(request, LONGEST, PATIENCE).await
    }
}

/// The body of a good answer; else what the gateway complains of.
pub(super) fn ok(answer: &Answer) -> anyhow::Result<&[u8]> {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }

    if answer.status.is_success() && !answer.cut {
        return Ok(&answer.body);
    }
    if answer.status == StatusCode::UNAUTHORIZED {
        anyhow::bail!("the gateway does not know this admin token");
    }
    match serde_json::from_slice::<Problem>(&answer.body) {
        Ok(problem) => anyhow::bail!("the gateway answered {}: {}", answer.status, problem.detail),
        Err(_) => anyhow::bail!(
            "the gateway answered {}: is this its admin listener?",
            answer.status
        ),
    }
}

/// Prints a good answer: as it came if that is wanted, else as people read it.
pub(super) fn tell<T: DeserializeOwned, E: Into<anyhow::Error>>(
    answer: &Answer,
    json: bool,
    out: &mut Out,
    show: impl FnOnce(&T, &mut Out) -> Result<(), E>,
) -> anyhow::Result<ExitCode> {
    let body = ok(answer)?;
    if json {
        writeln!(out, "{}", String::from_utf8_lossy(body))?;
    } else {
        show(&read(body)?, out).map_err(Into::into)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a body says.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(body).context("the answer is not one of this gateway's admin API")
}

/// The path, asked with those of these words that there are.
pub(super) fn question<const N: usize>(path: &str, words: [(&str, Option<String>); N]) -> String {
    let mut query = Serializer::for_suffix(format!("{path}?"), path.len() + 1);
    let words = words.into_iter();
    query.extend_pairs(words.filter_map(|(name, word)| Some((name, word?))));
    query.finish()
}

/// A name as one piece of a path.
pub(super) fn encoded(name: &str) -> String {
    byte_serialize(name.as_bytes()).collect()
}

/// No answer is larger.
const LONGEST: usize = 1 << 30;
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_token_is_said_so() {
        let answer = Answer {
            status: StatusCode::UNAUTHORIZED,
            headers: http::HeaderMap::new(),
            body: Bytes::new(),
            cut: false,
        };

        assert!(ok(&answer).unwrap_err().to_string().contains("token"));
    }
}
