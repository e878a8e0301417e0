//! What is wrong with a configuration: where, in which flow, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::source::Excerpt;

/// Why a configuration was refused: one problem at least, each with its place and remedy.
///
/// Its text is ready to be printed. No secret is ever in it.
#[derive(Debug)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// Everything that was found, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The text to print, with colours where the reader is a terminal.
    pub fn render(&self, colours: bool) -> String {
        let problems: Vec<_> = self
            .problems
            .iter()
            .map(|problem| problem.render(colours))
            .collect();
        problems.join("\n\n")
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigError {}

/// One thing that is wrong, or suspicious, in a configuration.
#[derive(Clone, Debug)]
pub struct Problem {
    pub(super) excerpt: Option<Excerpt>,
    pub(super) file: PathBuf,
    pub(super) flow: Option<String>,
    pub(super) help: String,
    pub(super) message: String,
    pub(super) severity: Severity,
}

impl Problem {
    /// The file it is in.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The flow it is in, if it is in one.
    pub fn flow(&self) -> Option<&str> {
        self.flow.as_deref()
    }

    /// What to do about it.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// The line it is on, counted from 1, if it is about a line.
    pub fn line(&self) -> Option<usize> {
        self.excerpt.as_ref().map(|excerpt| excerpt.line)
    }

    /// The column it begins at, in characters counted from 1, if it is about a line.
    pub fn column(&self) -> Option<usize> {
        self.excerpt.as_ref().map(|excerpt| excerpt.column)
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the configuration can be used all the same.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The problem with its line, as compilers show it.
    pub fn render(&self, colours: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = match &self.flow {
            Some(flow) => format!("flow {}: {}", quoted(flow), self.message),
            None => self.message.clone(),
        };
        let file = self.file.display().to_string();
        let group = level.primary_title(title);
        let group = match &self.excerpt {
            Some(excerpt) => group.element(
                Snippet::source(excerpt.text.as_str())
                    .path(file)
                    .line_start(excerpt.line)
                    .annotation(AnnotationKind::Primary.span(excerpt.mark.clone())),
            ),
            None => group.element(Origin::path(file)),
        };
        let report = [group.element(Level::HELP.message(self.help.as_str()))];
        let renderer = if colours {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.decor_style(DecorStyle::Ascii).render(&report)
    }
}

/// On one line, for logs.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(Excerpt { line, column, .. }) = self.excerpt {
            write!(f, ":{line}:{column}")?;
        }
        if let Some(flow) = &self.flow {
            write!(f, ": flow {}", quoted(flow))?;
        }
        write!(f, ": {} ({})", self.message, self.help)
    }
}

/// Whether a problem stops the gateway from starting.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is used, but somebody should look at it.
    Warning,
}

impl Severity {
    /// A stable, lowercase label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What is wrong with one value, before it is known where the value stands.
///
/// The message follows the key: "`timeout`" + "has no unit".
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fault {
    pub(super) help: String,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            help: help.into(),
            message: message.into(),
        }
    }
}

/// Text out of the file, fit for a message: short, on one line, without control characters.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MAX_QUOTED)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

const MAX_QUOTED: usize = 64;
