//! From a file to a [`Config`].

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::{io, mem};

use serde::Deserialize;
use toml::Spanned;

use super::check::Checker;
use super::error::{ConfigError, Fault, Problem, Severity};
use super::file::{File, FlowFile};
use super::flow::Common;
use super::secret::Surroundings;
use super::{Config, Ingress, Organization, PathPattern, shape};

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, with places and remedies.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_with(path, Surroundings::SYSTEM)
    }

    /// Checks a text as if it were the file `origin`; relative paths begin at that file's folder.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, with places and remedies.
    pub fn parse(text: &str, origin: &Path) -> Result<Self, ConfigError> {
        Self::parse_with(text, origin, Surroundings::SYSTEM)
    }

    /// [`Config::load`] with another environment and file system.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, with places and remedies.
    pub fn load_with(path: &Path, surroundings: Surroundings) -> Result<Self, ConfigError> {
        Self::parse_with(&readable(path, surroundings)?, path, surroundings)
    }

    /// [`Config::parse`] with another environment and file system.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, with places and remedies.
    pub fn parse_with(
        text: &str,
        origin: &Path,
        surroundings: Surroundings,
    ) -> Result<Self, ConfigError> {
        Self::check(text, Checker::new(origin, text, surroundings))
    }

    /// [`Config::load`], with every flow's keys at hand for whoever explains a refused request.
    pub(crate) fn load_with_keys(path: &Path) -> Result<Self, ConfigError> {
        let text = readable(path, Surroundings::SYSTEM)?;
        let mut checker = Checker::new(path, &text, Surroundings::SYSTEM);
        checker.keeps_keys = true;
        Self::check(&text, checker)
    }

    fn check(text: &str, mut checker: Checker<'_>) -> Result<Self, ConfigError> {
        let file = match read(text) {
            Ok(file) => file,
            Err((span, fault)) => {
                checker.flow = shape::flow_at(text, &span);
                return Err(checker.give_up(&span, fault));
            }
        };
        let organization = checker
            .text(
                "organization",
                file.organization.as_ref(),
                Organization::parse,
            )
            .unwrap_or_default();
        let ingress = checker.ingress(&file.ingress);
        let admin = checker.admin(&file.admin, &file.ingress, &organization);
        let store = checker.store(&file.store, &file.queue);
        let (delivery, retry) = checker.delivery(&file.delivery);
        let log = checker.log(&file.log);
        let schemes = checker.schemes(&file.schemes);

        let common = Common {
            delivery: &delivery,
            ingress: &ingress,
            organization: &organization,
            retry: &retry,
            schemes: &schemes,
        };
        let mut flows = Vec::with_capacity(file.flows.len());
        let mut taken = Taken {
            by_id: file.flows.iter().any(|flow| flow.get_ref().path.is_none()),
            ids: HashMap::new(),
            paths: HashMap::new(),
        };
        for flow in &file.flows {
            taken.note(&mut checker, flow, &ingress);
            if let Some(flow) = checker.flow(flow, &common) {
                flows.push(Arc::new(flow));
            }
            checker.flow = None;
        }
        if file.flows.is_empty() {
            checker.warn_of_absence(
                "there is no flow: every webhook is refused as unknown",
                "add one; `countersign config default` has examples",
            );
        }
        let shared_secrets = mem::take(&mut checker.shared);
        let (mut config, warnings) = checker.finish(Self {
            admin,
            delivery,
            flows,
            ingress,
            log,
            organization,
            shared_secrets,
            store,
            warnings: Vec::new(),
        })?;
        config.warnings = warnings;
        Ok(config)
    }
}

/// The text of a file.
fn readable(path: &Path, surroundings: Surroundings) -> Result<String, ConfigError> {
    let bytes = (surroundings.file)(path).map_err(|error| unreadable(path, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let breaks = error.as_bytes().iter().take(valid);
        let line = breaks.filter(|byte| **byte == b'\n').count() + 1;
        whole_file(
            path,
            format!("line {line} is not UTF-8"),
            "save the file as UTF-8",
        )
    })
}

fn read(text: &str) -> Result<File, (Range<usize>, Fault)> {
    let document = toml::Deserializer::parse(text).map_err(|error| shape::not_toml(&error))?;
    File::deserialize(document).map_err(|error| shape::misshapen(&error))
}

/// The ids and places of the flows seen so far.
struct Taken {
    /// Whether any flow has no path.
    by_id: bool,
    ids: HashMap<String, usize>,
    paths: HashMap<String, usize>,
}

impl Taken {
    /// Refuses a flow whose id or place is another one's.
    fn note(&mut self, checker: &mut Checker<'_>, flow: &Spanned<FlowFile>, ingress: &Ingress) {
        let FlowFile { id, path, .. } = flow.get_ref();
        checker.flow = id.as_ref().map(|id| id.get_ref().clone());
        if let Some(id) = id
            && let Some(first) = self.ids.insert(id.get_ref().clone(), id.span().start)
        {
            let message = format!(
                "another flow has this `id`, on line {}",
                checker.line(first)
            );
            checker.refuse(id.span(), message, "give each flow an `id` of its own");
        }
        let Some(path) = path else { return };
        if let Some(first) = self.paths.insert(path.get_ref().clone(), path.span().start) {
            let message = format!(
                "another flow has this `path`, on line {}",
                checker.line(first)
            );
            checker.refuse(
                path.span(),
                message,
                "give each flow a `path` of its own, or none",
            );
        }
        let Ok(pattern) = PathPattern::parse(path.get_ref()) else {
            return;
        };
        let prefix = &ingress.prefix;
        if pattern.is_in(prefix) {
            let message = format!("`path` lies in `{prefix}/`, where flows are found by their ids");
            checker.refuse(
                path.span(),
                message,
                "choose another `path`, or another `ingress.prefix`",
            );
        } else if self.by_id && pattern.hides(prefix) {
            let message = format!(
                "`path` takes everything from `{prefix}/`, where other flows are found by their ids"
            );
            checker.refuse(
                path.span(),
                message,
                "give every flow a `path`, or make this one narrower",
            );
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    let help = match error.kind() {
        io::ErrorKind::NotFound => {
            "write one with `countersign config default > countersign.toml`, or name another with `--config`"
        }
        io::ErrorKind::PermissionDenied => "let the user that the gateway runs as read it",
        _ => "name a file that can be read",
    };
    whole_file(
        path,
        format!("cannot read the configuration: {error}"),
        help,
    )
}

/// An error that is about no line.
fn whole_file(path: &Path, message: String, help: &str) -> ConfigError {
    ConfigError::new(vec![Problem {
        excerpt: None,
        file: path.to_owned(),
        flow: None,
        help: help.to_owned(),
        message,
        severity: Severity::Error,
    }])
}
