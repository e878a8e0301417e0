//! What all checks share: where problems are collected and values are read.
//!
//! A check that finds a problem notes it and goes on with a stand-in, so that one run names
//! everything that is wrong. Nothing that was built with a stand-in ever leaves this module:
//! one noted error refuses the whole configuration.

use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::time::Duration;

use toml::{Spanned, Value};

use super::error::{ConfigError, Fault, Problem, Severity};
use super::key::{Secrets, Usage};
use super::secret::Surroundings;
use super::source::Source;
use super::units;

/// The state of one check of one file.
pub(super) struct Checker<'a> {
    /// Whether the flow that is being checked answers handshakes.
    pub(super) answers: bool,
    errors: Vec<Problem>,
    /// The flow that is being checked.
    pub(super) flow: Option<String>,
    /// Where relative paths begin.
    pub(super) folder: &'a Path,
    /// Which of the flow's several auths is being checked.
    pub(super) member: Option<String>,
    pub(super) secrets: Secrets,
    /// Pairs of flows that have a secret in common, in the order of the file.
    pub(super) shared: Vec<[String; 2]>,
    /// Whether every flow keeps its keys, and not only those that diagnose.
    pub(super) keeps_keys: bool,
    source: Source<'a>,
    pub(super) surroundings: Surroundings,
    /// What the secrets are for that are being checked, if that is known.
    pub(super) usage: Option<Usage>,
    warnings: Vec<Problem>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(path: &'a Path, text: &'a str, surroundings: Surroundings) -> Self {
        Self {
            answers: true,
            errors: Vec::new(),
            flow: None,
            folder: path.parent().unwrap_or(Path::new("")),
            member: None,
            secrets: Secrets::new(),
            shared: Vec::new(),
            keeps_keys: false,
            source: Source::new(path, text),
            surroundings,
            usage: None,
            warnings: Vec::new(),
        }
    }

    /// Notes an error.
    pub(super) fn refuse(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem = self.problem(Severity::Error, &span, message.into(), help.into());
        self.errors.push(problem);
    }

    /// Notes something that deserves a look.
    pub(super) fn warn(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem = self.problem(Severity::Warning, &span, message.into(), help.into());
        self.warnings.push(problem);
    }

    /// Notes something that deserves a look and has no place in the file.
    pub(super) fn warn_of_absence(&mut self, message: &str, help: &str) {
        self.warnings.push(Problem {
            excerpt: None,
            file: self.source.path.to_owned(),
            flow: None,
            help: help.to_owned(),
            message: message.to_owned(),
            severity: Severity::Warning,
        });
    }

    /// The line that `at` is on.
    pub(super) fn line(&self, at: usize) -> usize {
        self.source.line(at)
    }

    /// The value, or a noted error about `key`.
    pub(super) fn accept<T, F: Into<Fault>>(
        &mut self,
        key: &str,
        span: Range<usize>,
        read: Result<T, F>,
    ) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(fault) => {
                let Fault { help, message } = fault.into();
                self.refuse(span, format!("`{key}` {message}"), help);
                None
            }
        }
    }

    /// Reads a text by its own rules.
    pub(super) fn text<'w, T, F: Into<Fault>>(
        &mut self,
        key: &str,
        written: Option<&'w Spanned<String>>,
        read: impl FnOnce(&'w str) -> Result<T, F>,
    ) -> Option<T> {
        let written = written?;
        self.accept(key, written.span(), read(written.get_ref()))
    }

    /// Reads a duration.
    pub(super) fn duration(
        &mut self,
        key: &str,
        written: Option<&Spanned<Value>>,
    ) -> Option<Duration> {
        let written = written?;
        self.accept(key, written.span(), units::duration(written.get_ref()))
    }

    /// Reads a size, at most `most`.
    pub(super) fn size(
        &mut self,
        key: &str,
        written: Option<&Spanned<Value>>,
        most: usize,
    ) -> Option<usize> {
        let written = written?;
        let size = units::size(written.get_ref()).and_then(|size| {
            usize::try_from(size)
                .ok()
                .filter(|size| *size <= most)
                .ok_or_else(|| Fault::new("is too large", format!("at most \"{}MiB\"", most >> 20)))
        });
        self.accept(key, written.span(), size)
    }

    /// Reads a whole number in `range`.
    pub(super) fn number(
        &mut self,
        key: &str,
        written: Option<&Spanned<i64>>,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let written = written?;
        let number = u32::try_from(*written.get_ref())
            .ok()
            .filter(|number| range.contains(number));
        let fault = || {
            Fault::new(
                "is out of range",
                format!("use {} to {}", range.start(), range.end()),
            )
        };
        self.accept(key, written.span(), number.ok_or_else(fault))
    }

    /// The checked value and what deserves a look, or everything that is wrong, in the order of the file.
    pub(super) fn finish<T>(mut self, checked: T) -> Result<(T, Vec<Problem>), ConfigError> {
        if self.errors.is_empty() {
            return Ok((checked, self.warnings));
        }
        self.errors
            .sort_by_key(|problem| (problem.line(), problem.column()));
        Err(ConfigError::new(self.errors))
    }

    /// One error and no more, where the file cannot even be read.
    pub(super) fn give_up(self, span: &Range<usize>, fault: Fault) -> ConfigError {
        ConfigError::new(vec![self.problem(
            Severity::Error,
            span,
            fault.message,
            fault.help,
        )])
    }

    fn problem(
        &self,
        severity: Severity,
        span: &Range<usize>,
        message: String,
        help: String,
    ) -> Problem {
        let message = match &self.member {
            Some(member) => format!("{member}: {message}"),
            None => message,
        };
        Problem {
            excerpt: Some(self.source.excerpt(span)),
            file: self.source.path.to_owned(),
            flow: self.flow.clone(),
            help,
            message,
            severity,
        }
    }
}
