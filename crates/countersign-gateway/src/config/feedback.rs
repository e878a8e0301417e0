//! Checks of what the sender is told.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use toml::Spanned;

use super::Feedback;
use super::check::Checker;
use super::error::Fault;
use super::file::{FlowFile, ResponseFile, Text};

impl Checker<'_> {
    pub(super) fn response(&mut self, file: &FlowFile) -> Feedback {
        let Some(response) = &file.response else {
            return Feedback {
                body: None,
                content_type: None,
                status: StatusCode::ACCEPTED,
            };
        };
        let ResponseFile {
            body,
            content_type,
            status,
        } = response.get_ref();
        let status = self.status(status.as_ref()).unwrap_or(StatusCode::ACCEPTED);
        let content_type = self.content_type(content_type.as_ref(), body.as_ref());
        let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
        let body = match body {
            Some(body) if bodiless && !body.get_ref().is_empty() => {
                self.refuse(
                    body.span(),
                    format!("`body` has no meaning with status {}", status.as_u16()),
                    "remove it, or use another status",
                );
                None
            }
            Some(body) => Some(Bytes::copy_from_slice(body.get_ref().as_bytes())),
            None => bodiless.then(Bytes::new),
        };
        Feedback {
            body,
            content_type,
            status,
        }
    }

    fn status(&mut self, written: Option<&Spanned<i64>>) -> Option<StatusCode> {
        let written = written?;
        let status = u16::try_from(*written.get_ref())
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok());
        let fault = || {
            Fault::new(
                "is not a success",
                "use 200 to 299: it is what a sender gets once its event is safe",
            )
        };
        self.accept(
            "status",
            written.span(),
            status.filter(StatusCode::is_success).ok_or_else(fault),
        )
    }

    fn content_type(&mut self, written: Option<&Text>, body: Option<&Text>) -> Option<HeaderValue> {
        if let (Some(written), None) = (written, body) {
            self.refuse(
                written.span(),
                "`content_type` needs a `body`",
                "add a `body`, or leave both out to answer with the event's id",
            );
        }
        self.text("content_type", written, |text| {
            let fault = || Fault::new("is not a media type", "write it like \"application/json\"");
            if text.contains('/') {
                HeaderValue::from_str(text).map_err(|_| fault())
            } else {
                Err(fault())
            }
        })
    }
}
